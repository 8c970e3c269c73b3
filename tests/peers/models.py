"""Every answer of the region, raw, against botocore's models of it; and every declared error's shape."""

import json

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError
from check import check, finish
from shape import judge_json, judge_xml_answer

# Codes that any operation may answer, modelled or not (AWS: "Common errors").
COMMON = {"AccessDeniedException", "ValidationException", "SerializationException", "BadRequest", "InvalidParameters"}
judged = {}


def judge(operation_model, response_dict, **_):
    """Called by botocore with each answer before it parses it."""
    name, body, status = operation_model.name, response_dict["body"], response_dict["status_code"]
    headers = {key.lower(): value for key, value in response_dict["headers"].items()}
    complaints = []
    is_json = operation_model.service_model.metadata["protocol"] == "json"
    if is_json:
        value = json.loads(body)
        if headers.get("content-type") != "application/x-amz-json-1.1":
            complaints.append(f"content type {headers.get('content-type')}")
        if status < 300:
            judge_json(operation_model.output_shape, value, name, complaints)
        else:
            code = value.pop("__type")
            shapes = {shape.error_code: shape for shape in operation_model.error_shapes}
            if code in shapes:
                judge_json(shapes[code], value, f"{name}: {code}", complaints)
            elif code not in COMMON:
                complaints.append(f"{name} may not answer {code}")
    else:
        if not headers.get("content-type", "").startswith("text/xml"):
            complaints.append(f"content type {headers.get('content-type')}")
        if status < 300:
            complaints += judge_xml_answer(operation_model, body)
    if not headers.get("x-amzn-requestid"):
        complaints.append("no request id")
    key = f"{name} {status}"
    judged[key] = judged.get(key, 0) + 1
    check(f"{key} #{judged[key]}", not complaints, "; ".join(complaints[:5]))


session = botocore.session.get_session()
# botocore checks limits before it calls; the region must do so itself.
config = Config(parameter_validation=False, retries={"max_attempts": 0})
clients = {name: session.create_client(name, config=config) for name in ("ssm", "ec2", "sts")}
for client in clients.values():
    client.meta.events.register("before-parse", judge)
ssm, ec2, sts = clients["ssm"], clients["ec2"], clients["sts"]


def refused(call, code, **arguments):
    try:
        call(**arguments)
        check(f"{code} of {arguments}", False, "it was answered")
    except ClientError as error:
        check(f"{code} of {arguments}", error.response["Error"]["Code"] == code, error)


def pages(client, operation, **arguments):
    return list(client.get_paginator(operation).paginate(**arguments))


# Every list, whole.
managed = [row for page in pages(ssm, "describe_instance_information", MaxResults=50) for row in page["InstanceInformationList"]]
rows = [row for page in pages(ssm, "describe_instance_properties", MaxResults=20) for row in page["InstanceProperties"]]
check("the two lists agree", [r["InstanceId"] for r in managed] == [r["InstanceId"] for r in rows])
reservations = [r for page in pages(ec2, "describe_instances", PaginationConfig={"PageSize": 50}) for r in page["Reservations"]]
machines = {m["InstanceId"]: m for r in reservations for m in r["Instances"]}
check("there are 137 synthetic nodes and more", len(machines) > 137 + 30, len(machines))
check("there is every state", {m["State"]["Name"] for m in machines.values()} >= {"pending", "running", "stopping", "stopped", "shutting-down", "terminated"})
check("there are nodes of each kind", {r["ResourceType"] for r in managed} == {"EC2Instance", "ManagedInstance"})
check("there are all platforms", {r["PlatformType"] for r in managed} == {"Linux", "Windows", "MacOS"})
sts.get_caller_identity()
ec2.describe_regions()
ec2.describe_regions(AllRegions=True)

# Sessions.
named = {tag["Value"]: m["InstanceId"] for m in machines.values() for tag in m["Tags"] if tag["Key"] == "Name"}
for target in list(named.values())[:30] + ["mi-0f3a81c2d4e5b6a70", "nonsense"]:
    ssm.get_connection_status(Target=target)
ids = [ssm.start_session(Target=named[name], Reason="models")["SessionId"] for name in ("web-1", "web-2", "web-3")]
ssm.start_session(Target=named["web-4"], DocumentName="SSM-SessionManagerRunShell")
ssm.resume_session(SessionId=ids[0])
pages(ssm, "describe_sessions", State="Active", MaxResults=2)
ssm.describe_sessions(State="Active", Filters=[{"key": "Target", "value": named["web-1"]}])
for one in ids:
    ssm.terminate_session(SessionId=one)
ssm.describe_sessions(State="History")

# Refusals: each code, with the members that its model has.
refused(ssm.start_session, "TargetNotConnected", Target=named["idle-1"])
refused(ssm.start_session, "InvalidDocument", Target=named["web-1"], DocumentName="Nowhere")
refused(ssm.start_session, "BadRequest", Target="mi-0f3a81c2d4e5b6a70")
refused(ssm.start_session, "AccessDeniedException", Target=named["pay-1"])
refused(ssm.start_session, "ValidationException", Target="x" * 401)
refused(ssm.start_session, "ValidationException", Target="")
refused(ssm.start_session, "ValidationException")
refused(ssm.start_session, "SerializationException", Target=5)
refused(ssm.start_session, "InvalidParameters", Target=named["web-1"], Parameters={"portNumber": ["80"]})
refused(ssm.resume_session, "DoesNotExistException", SessionId="demo-nobody")
refused(ssm.describe_instance_information, "InvalidNextToken", NextToken="x")
refused(ssm.describe_instance_information, "InvalidFilterKey", Filters=[{"Key": "Moon", "Values": ["x"]}])
refused(ssm.describe_instance_information, "InvalidInstanceId", Filters=[{"Key": "InstanceIds", "Values": ["x"]}])
refused(ssm.describe_instance_information, "InvalidInstanceInformationFilterValue", Filters=[{"Key": "PingStatus", "Values": ["x"]}])
refused(ssm.describe_instance_information, "ValidationException", MaxResults=4)
refused(ssm.describe_instance_information, "ValidationException", MaxResults=51)
refused(ssm.describe_instance_properties, "InvalidInstancePropertyFilterValue", InstancePropertyFilterList=[{"key": "PingStatus", "valueSet": ["x"]}])
refused(ssm.describe_instance_properties, "ValidationException", InstancePropertyFilterList=[])
refused(ssm.describe_instance_properties, "ValidationException", MaxResults=1001)
refused(ssm.describe_sessions, "ValidationException", State="Old")
refused(ssm.describe_sessions, "InvalidNextToken", State="Active", NextToken="x")
refused(ec2.describe_instances, "InvalidParameterValue", MaxResults=4)
refused(ec2.describe_instances, "InvalidParameterCombination", MaxResults=5, InstanceIds=[named["web-1"]])
refused(ec2.describe_instances, "InvalidInstanceID.NotFound", InstanceIds=["i-0123456789abcdef0"])
refused(ec2.describe_instances, "InvalidParameterValue", Filters=[{"Name": "moon", "Values": ["x"]}])
check("answers were judged", sum(judged.values()) > 60, judged)
finish()
