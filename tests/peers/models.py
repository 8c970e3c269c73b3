"""Every answer of the region, raw, against botocore's models of it; and every declared error's shape."""

import base64
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
clients = {name: session.create_client(name, config=config) for name in ("ssm", "ec2", "sts", "kms", "ecs", "ec2-instance-connect")}
for client in clients.values():
    client.meta.events.register("before-parse", judge)
ssm, ec2, sts = clients["ssm"], clients["ec2"], clients["sts"]
kms, ecs, connect = clients["kms"], clients["ecs"], clients["ec2-instance-connect"]


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
refused(ssm.start_session, "InvalidParameters", Target=named["web-1"], DocumentName="AWS-StartSSHSession", Parameters={"portNumber": ["x"]})
refused(ssm.start_session, "ValidationException", Target=named["web-1"], DocumentName="AWS-StartSSHSession", Parameters={"portNumber": [""]})
refused(ssm.start_session, "InvalidDocument", Target=named["web-1"], DocumentName="AWS-RunShellScript")
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

# Documents: every one of them, in every form and version, and started.
documents = [d for page in pages(ssm, "list_documents", MaxResults=9, Filters=[{"Key": "Owner", "Values": ["All"]}]) for d in page["DocumentIdentifiers"]]
check("there are documents of three owners", len({d["Owner"] for d in documents}) == 3, documents)
check("legacy filters find the same", len(pages(ssm, "list_documents", DocumentFilterList=[{"key": "Owner", "value": "All"}])[0]["DocumentIdentifiers"]) == 10)
NEEDED = {"localUnixSocket": "/tmp/peers.sock"}
for document in documents:
    name = document["Name"]
    described = ssm.describe_document(Name=name)["Document"]
    for version in [v for page in pages(ssm, "list_document_versions", Name=name) for v in page["DocumentVersions"]]:
        for form in ("JSON", "YAML"):
            got = ssm.get_document(Name=name, DocumentVersion=version["DocumentVersion"], DocumentFormat=form)
            check(f"{name} is {form}", got["DocumentFormat"] == form and got["Content"])
    if document["DocumentType"] == "Session":
        parameters = {p["Name"]: [NEEDED.get(p["Name"], "true")] for p in described.get("Parameters", []) if "DefaultValue" not in p}
        started = ssm.start_session(Target=named["web-3"], DocumentName=name, Parameters=parameters)
        ssm.terminate_session(SessionId=started["SessionId"])
PREFERENCES = "SSM-SessionManagerRunShell"
content = json.dumps({"schemaVersion": "1.0", "description": "peers", "sessionType": "Standard_Stream", "inputs": {"idleSessionTimeout": "9"}})
ssm.create_document(Name="Peers-Shell", DocumentType="Session", Content=content, DisplayName="Peers", VersionName="one", Tags=[{"Key": "a", "Value": "b"}])
ssm.update_document(Name="Peers-Shell", Content=content.replace("9", "8"), DocumentVersion="$LATEST", VersionName="two")
ssm.update_document_default_version(Name="Peers-Shell", DocumentVersion="2")
ssm.describe_document(Name="Peers-Shell", VersionName="two")
ssm.delete_document(Name="Peers-Shell", DocumentVersion="1")
ssm.update_document(Name=PREFERENCES, Content=content, DocumentVersion="$LATEST")
refused(ssm.create_document, "DocumentAlreadyExists", Name="Peers-Shell", DocumentType="Session", Content=content)
refused(ssm.create_document, "InvalidDocumentContent", Name="Peers-Bad", DocumentType="Session", Content="{")
refused(ssm.create_document, "InvalidDocumentSchemaVersion", Name="Peers-Bad", DocumentType="Session", Content='{"schemaVersion": "2.2"}')
refused(ssm.create_document, "MaxDocumentSizeExceeded", Name="Peers-Bad", DocumentType="Session", Content=" " * 70000)
refused(ssm.create_document, "ValidationException", Name="x", DocumentType="Session", Content=content)
refused(ssm.update_document, "DuplicateDocumentContent", Name="Peers-Shell", Content=content.replace("9", "8"))
refused(ssm.update_document, "DuplicateDocumentVersionName", Name="Peers-Shell", Content=content.replace("9", "7"), VersionName="two")
refused(ssm.update_document, "InvalidDocumentVersion", Name="Peers-Shell", Content=content.replace("9", "7"), DocumentVersion="77")
refused(ssm.update_document, "InvalidDocument", Name="AWS-StartSSHSession", Content=content)
refused(ssm.update_document_default_version, "InvalidDocumentVersion", Name="Peers-Shell", DocumentVersion="77")
ssm.delete_document(Name="Peers-Shell")
refused(ssm.delete_document, "InvalidDocument", Name="Peers-Shell")
refused(ssm.get_document, "InvalidDocument", Name="Peers-Shell")
refused(ssm.get_document, "InvalidDocumentVersion", Name=PREFERENCES, DocumentVersion="77")
refused(ssm.describe_document, "InvalidDocument", Name="Nowhere")
refused(ssm.list_documents, "InvalidFilterKey", Filters=[{"Key": "Moon", "Values": ["x"]}])
refused(ssm.list_documents, "InvalidNextToken", NextToken="x")

# Keys.
context = {"aws:ssm:SessionId": "demo-1", "aws:ssm:TargetId": "i-1"}
made = kms.generate_data_key(KeyId="alias/sessions", NumberOfBytes=64, EncryptionContext=context)
opened = kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=context, KeyId=made["KeyId"])
check("what was sealed opens", opened["Plaintext"] == made["Plaintext"] and len(made["Plaintext"]) == 64)
refused(kms.decrypt, "InvalidCiphertextException", CiphertextBlob=made["CiphertextBlob"], EncryptionContext={})
refused(kms.decrypt, "IncorrectKeyException", CiphertextBlob=made["CiphertextBlob"], EncryptionContext=context, KeyId="alias/sealed")
refused(kms.generate_data_key, "NotFoundException", KeyId="alias/nowhere", NumberOfBytes=64)
refused(kms.generate_data_key, "DisabledException", KeyId="alias/retired", NumberOfBytes=64)
refused(kms.generate_data_key, "KMSInvalidStateException", KeyId="alias/dying", NumberOfBytes=64)
refused(kms.generate_data_key, "AccessDeniedException", KeyId="alias/vault", NumberOfBytes=64)
refused(kms.generate_data_key, "ValidationException", KeyId="alias/sessions", NumberOfBytes=1025)

# A key for SSH.
public = "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(32)).decode()
connect.send_ssh_public_key(InstanceId=named["web-1"], InstanceOSUser="ec2-user", SSHPublicKey=public, AvailabilityZone=machines[named["web-1"]]["Placement"]["AvailabilityZone"])
refused(connect.send_ssh_public_key, "EC2InstanceNotFoundException", InstanceId="i-0123456789abcdef0", InstanceOSUser="x", SSHPublicKey=public)
refused(connect.send_ssh_public_key, "EC2InstanceStateInvalidException", InstanceId=named["idle-1"], InstanceOSUser="x", SSHPublicKey=public)
refused(connect.send_ssh_public_key, "InvalidArgsException", InstanceId=named["web-1"], InstanceOSUser="x", SSHPublicKey="x" * 99)

# Containers.
clusters = pages(ecs, "list_clusters")[0]["clusterArns"]
ecs.describe_clusters(clusters=clusters + ["moon"])
ecs.describe_clusters()
tasks = [arn for page in pages(ecs, "list_tasks", cluster="shop", PaginationConfig={"PageSize": 2}) for arn in page["taskArns"]]
check("there are tasks", len(tasks) == 3, tasks)
shown = ecs.describe_tasks(cluster="shop", tasks=tasks + ["0"])
check("one is missing", [f["reason"] for f in shown["failures"]] == ["MISSING"], shown["failures"])
ecs.execute_command(cluster="shop", task=tasks[0], container="app", command="true", interactive=True)
refused(ecs.execute_command, "InvalidParameterException", cluster="shop", task=tasks[2], command="true", interactive=True)
refused(ecs.execute_command, "ClusterNotFoundException", cluster="moon", task=tasks[0], command="true", interactive=True)
check("answers were judged", sum(judged.values()) > 60, judged)
finish()
