"""Every answer of the region, raw, against botocore's models of it; and every declared error's shape."""

import base64
import json
import pathlib
import re

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
        value = json.loads(body) if body else None
        if headers.get("content-type") != "application/x-amz-json-1.1":
            complaints.append(f"content type {headers.get('content-type')}")
        if status < 300 and operation_model.output_shape is None:
            complaints += [f"{name} has no output, and answered {value}"] if body else []
        elif status < 300:
            judge_json(operation_model.output_shape, value, name, complaints)
        else:
            code = value.pop("__type")
            shapes = {shape.error_code: shape for shape in operation_model.error_shapes}
            # CloudWatch Logs sends a message that its model has not; the AWS CLI shows it.
            if operation_model.service_model.service_name == "logs":
                value.pop("message", None)
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
clients = {name: session.create_client(name, config=config) for name in ("ssm", "ec2", "sts", "iam", "kms", "ecs", "ec2-instance-connect", "logs", "s3")}
# S3 has a protocol of its own, which botocore's parser judges.
for name in clients.keys() - {"s3"}:
    clients[name].meta.events.register("before-parse", judge)
ssm, ec2, sts, iam = clients["ssm"], clients["ec2"], clients["sts"], clients["iam"]
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
sts.get_session_token(DurationSeconds=900)
sts.assume_role(RoleArn="arn:aws:iam::123456789012:role/ops", RoleSessionName="models")
ec2.describe_regions()
ec2.describe_regions(AllRegions=True)

# The networks, whole and by their ids, and what else explains a machine.
for operation, member, ids in (
    ("describe_vpcs", "Vpcs", ("VpcId", "VpcIds")),
    ("describe_subnets", "Subnets", ("SubnetId", "SubnetIds")),
    ("describe_route_tables", "RouteTables", ("RouteTableId", "RouteTableIds")),
    ("describe_nat_gateways", "NatGateways", ("NatGatewayId", "NatGatewayIds")),
    ("describe_vpc_endpoints", "VpcEndpoints", ("VpcEndpointId", "VpcEndpointIds")),
    ("describe_security_groups", "SecurityGroups", ("GroupId", "GroupIds")),
    ("describe_network_acls", "NetworkAcls", ("NetworkAclId", "NetworkAclIds")),
    ("describe_iam_instance_profile_associations", "IamInstanceProfileAssociations", ("AssociationId", "AssociationIds")),
    ("describe_instance_status", "InstanceStatuses", ("InstanceId", "InstanceIds")),
):
    rows = [row for page in pages(ec2, operation, PaginationConfig={"PageSize": 5}) for row in page[member]]
    whole = getattr(ec2, operation)()[member]
    check(f"{operation} is the same in pages", [r[ids[0]] for r in rows] == [r[ids[0]] for r in whole] and rows, len(rows))
    one = getattr(ec2, operation)(**{ids[1]: [rows[0][ids[0]]]})[member]
    check(f"{operation} finds one by its id", one == whole[:1], one)
vpcs = {vpc["VpcId"]: vpc for vpc in ec2.describe_vpcs()["Vpcs"]}
for subnet in ec2.describe_subnets()["Subnets"]:
    check(f"{subnet['SubnetId']} is in a VPC", subnet["VpcId"] in vpcs)
for attribute in ("enableDnsSupport", "enableDnsHostnames"):
    ec2.describe_vpc_attribute(VpcId="vpc-00000000000000083", Attribute=attribute)
images = {image["ImageId"] for image in ec2.describe_images()["Images"]}
check("every machine's image is described", {m["ImageId"] for m in machines.values()} <= images)
ec2.describe_instance_status(IncludeAllInstances=True)
refused(ec2.describe_vpcs, "InvalidVpcID.NotFound", VpcIds=["vpc-1"])
refused(ec2.describe_subnets, "InvalidParameterValue", Filters=[{"Name": "moon", "Values": ["x"]}])
refused(ec2.describe_vpc_attribute, "MissingParameter", VpcId="vpc-00000000000000083")
refused(ec2.describe_instance_status, "InvalidInstanceID.NotFound", InstanceIds=["i-0123456789abcdef0"])

# Rights.
profiles = [row for page in pages(iam, "list_instance_profiles", PaginationConfig={"PageSize": 3}) for row in page["InstanceProfiles"]]
for profile in profiles:
    iam.get_instance_profile(InstanceProfileName=profile["InstanceProfileName"])
    for role in profile["Roles"]:
        name = role["RoleName"]
        shown = iam.get_role(RoleName=name)["Role"]
        check(f"{name} has a trust policy", shown["AssumeRolePolicyDocument"]["Statement"], shown)
        for policy in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
            version = iam.get_policy(PolicyArn=policy["PolicyArn"])["Policy"]["DefaultVersionId"]
            document = iam.get_policy_version(PolicyArn=policy["PolicyArn"], VersionId=version)["PolicyVersion"]["Document"]
            check(f"{policy['PolicyName']} is a policy", document["Statement"], document)
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            iam.get_role_policy(RoleName=name, PolicyName=policy)
        actions = ["ssm:UpdateInstanceInformation", "ssmmessages:CreateControlChannel"]
        results = pages(iam, "simulate_principal_policy", PolicySourceArn=role["Arn"], ActionNames=actions, PaginationConfig={"PageSize": 1})
        check(f"{name} is simulated", [r["EvalActionName"] for page in results for r in page["EvaluationResults"]] == actions, results)
iam.list_account_aliases()
refused(iam.get_role, "NoSuchEntity", RoleName="moon")
refused(iam.get_instance_profile, "NoSuchEntity", InstanceProfileName="moon")
refused(iam.get_policy, "NoSuchEntity", PolicyArn="arn:aws:iam::aws:policy/Moon")
refused(iam.get_role, "ValidationError")
refused(iam.simulate_principal_policy, "InvalidInput", PolicySourceArn=profiles[0]["Roles"][0]["Arn"], ActionNames=["moon"])
refused(iam.put_role_policy, "MalformedPolicyDocument", RoleName="etl-node", PolicyName="x", PolicyDocument="{")

# Settings and activations.
for setting in ("/ssm/managed-instance/default-ec2-instance-management-role", "/ssm/managed-instance/activation-tier", "/ssm/parameter-store/high-throughput-enabled"):
    ssm.get_service_setting(SettingId=setting)
refused(ssm.get_service_setting, "ServiceSettingNotFound", SettingId="/ssm/moon")
refused(ssm.update_service_setting, "ValidationException", SettingId="/ssm/managed-instance/activation-tier", SettingValue="golden")
activations = [row for page in pages(ssm, "describe_activations", MaxResults=2) for row in page["ActivationList"]]
check("there are activations that expired, and such that hold", {a["Expired"] for a in activations} == {True, False}, activations)
made = ssm.create_activation(IamRole="service-role/hybrid-node", RegistrationLimit=3, DefaultInstanceName="peers")
found = ssm.describe_activations(Filters=[{"FilterKey": "ActivationIds", "FilterValues": [made["ActivationId"]]}])["ActivationList"]
check("a new one is listed", len(found) == 1 and found[0]["RegistrationLimit"] == 3, found)
refused(ssm.create_activation, "ValidationException", IamRole="moon")
refused(ssm.update_managed_instance_role, "InvalidInstanceId", InstanceId="mi-0123456789abcdef0", IamRole="service-role/hybrid-node")

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
states = {name: kms.describe_key(KeyId=f"alias/{name}")["KeyMetadata"]["KeyState"] for name in ("sessions", "retired", "dying")}
check("keys have their states", states == {"sessions": "Enabled", "retired": "Disabled", "dying": "PendingDeletion"}, states)
refused(kms.describe_key, "NotFoundException", KeyId="alias/nowhere")
refused(kms.decrypt, "InvalidCiphertextException", CiphertextBlob=made["CiphertextBlob"], EncryptionContext={})
refused(kms.decrypt, "IncorrectKeyException", CiphertextBlob=made["CiphertextBlob"], EncryptionContext=context, KeyId="alias/sealed")
refused(kms.generate_data_key, "NotFoundException", KeyId="alias/nowhere", NumberOfBytes=64)
refused(kms.generate_data_key, "DisabledException", KeyId="alias/retired", NumberOfBytes=64)
refused(kms.generate_data_key, "KMSInvalidStateException", KeyId="alias/dying", NumberOfBytes=64)
refused(kms.generate_data_key, "AccessDeniedException", KeyId="alias/vault", NumberOfBytes=64)
refused(kms.generate_data_key, "ValidationException", KeyId="alias/sessions", NumberOfBytes=1025)

# Where sessions are recorded.
logs, s3 = clients["logs"], clients["s3"]
keys = {group["logGroupName"]: group.get("kmsKeyId") for group in logs.describe_log_groups(logGroupNamePrefix="/sessions/")["logGroups"]}
check("one log group has a key", keys["/sessions/sealed"] and not keys["/sessions/plain"], keys)
logs.create_log_group(logGroupName="/peers/new")
refused(logs.create_log_group, "ResourceAlreadyExistsException", logGroupName="/peers/new")
logs.associate_kms_key(logGroupName="/peers/new", kmsKeyId=keys["/sessions/sealed"])
check("it has the key", logs.describe_log_groups(logGroupNamePrefix="/peers/")["logGroups"][0]["kmsKeyId"] == keys["/sessions/sealed"])
refused(logs.associate_kms_key, "InvalidParameterException", logGroupName="/peers/new", kmsKeyId="alias/sessions")
refused(logs.associate_kms_key, "ResourceNotFoundException", logGroupName="/peers/gone", kmsKeyId=keys["/sessions/sealed"])
refused(logs.describe_log_groups, "InvalidParameterException", logGroupNamePrefix="a", logGroupNamePattern="b")
bucket = f"session-vault-123456789012-{s3.meta.region_name}"
by_default = lambda algorithm: {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm}}]}
rule = lambda: s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
check("a bucket has its encryption", rule()["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms:dsse", rule())
s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=by_default("AES256"))
check("and takes another", rule()["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256", rule())
refused(s3.get_bucket_encryption, "NoSuchBucket", Bucket="session-nowhere")
refused(s3.put_bucket_encryption, "MalformedXML", Bucket=bucket, ServerSideEncryptionConfiguration=by_default("rot13"))

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
# What mends a cause, last, since the fleet is another one afterwards.
profile = ec2.associate_iam_instance_profile(InstanceId=named["bare-1"], IamInstanceProfile={"Name": "etl-node"})["IamInstanceProfileAssociation"]
profile = ec2.replace_iam_instance_profile_association(AssociationId=profile["AssociationId"], IamInstanceProfile={"Name": "ssm-node"})["IamInstanceProfileAssociation"]
ec2.disassociate_iam_instance_profile(AssociationId=profile["AssociationId"])
refused(ec2.associate_iam_instance_profile, "IncorrectState", InstanceId=named["web-1"], IamInstanceProfile={"Name": "ssm-node"})
ec2.modify_instance_metadata_options(InstanceId=named["imds-0"], HttpEndpoint="enabled")
ec2.start_instances(InstanceIds=[named["idle-1"]])
ec2.stop_instances(InstanceIds=[named["web-8"]])
ec2.reboot_instances(InstanceIds=[named["lost-1"]])
refused(ec2.start_instances, "IncorrectInstanceState", InstanceIds=[named["idle-2"]])
ISOLATED = {"VpcId": "vpc-00000000000000077", "SubnetIds": ["subnet-0000000000000b001"], "SecurityGroupIds": ["sg-00000000000000077"]}
endpoint = ec2.create_vpc_endpoint(VpcEndpointType="Interface", ServiceName="com.amazonaws.eu-west-1.ssm", PrivateDnsEnabled=True, **ISOLATED)["VpcEndpoint"]
ec2.modify_vpc_endpoint(VpcEndpointId=endpoint["VpcEndpointId"], PrivateDnsEnabled=False)
ec2.modify_vpc_attribute(VpcId="vpc-00000000000000083", EnableDnsHostnames={"Value": True})
PERMISSION = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
ec2.authorize_security_group_ingress(GroupId="sg-0000000000000009e", IpPermissions=[{**PERMISSION, "UserIdGroupPairs": [{"GroupId": "sg-00000000000000012"}]}])
ec2.authorize_security_group_egress(GroupId="sg-000000000000000c1", IpPermissions=[{**PERMISSION, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
refused(ec2.authorize_security_group_egress, "InvalidPermission.Duplicate", GroupId="sg-000000000000000c1", IpPermissions=[{**PERMISSION, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
ec2.create_route(RouteTableId="rtb-00000000000000077", DestinationCidrBlock="0.0.0.0/0", TransitGatewayId="tgw-00000000000000081")
ec2.replace_route(RouteTableId="rtb-00000000000000a06", DestinationCidrBlock="0.0.0.0/0", NatGatewayId="nat-00000000000000a01")
ec2.create_network_acl_entry(NetworkAclId="acl-00000000000000a05", RuleNumber=120, Protocol="6", RuleAction="allow", Egress=False, CidrBlock="0.0.0.0/0", PortRange={"From": 1024, "To": 65535})
address = ec2.allocate_address(Domain="vpc")
ec2.associate_address(AllocationId=address["AllocationId"], InstanceId=named["edge-2"])
CORE = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
iam.attach_role_policy(RoleName="etl-node", PolicyArn=CORE)
iam.detach_role_policy(RoleName="etl-node", PolicyArn=CORE)
allow = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ssmmessages:*", "Resource": "*"}}
iam.put_role_policy(RoleName="etl-node", PolicyName="channels", PolicyDocument=json.dumps(allow))
iam.delete_role_policy(RoleName="etl-node", PolicyName="channels")
trust = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}}
iam.update_assume_role_policy(RoleName="function-node", PolicyDocument=json.dumps(trust))
iam.add_role_to_instance_profile(InstanceProfileName="hollow-node", RoleName="ssm-node")
refused(iam.add_role_to_instance_profile, "LimitExceeded", InstanceProfileName="hollow-node", RoleName="etl-node")
iam.remove_role_from_instance_profile(InstanceProfileName="hollow-node", RoleName="ssm-node")
ssm.send_command(DocumentName="AWS-UpdateSSMAgent", InstanceIds=[named["legacy-1"]])
refused(ssm.send_command, "InvalidInstanceId", DocumentName="AWS-UpdateSSMAgent", InstanceIds=[named["vault-1"]])
ssm.update_managed_instance_role(InstanceId="mi-0d7e8f9a0b1c2d3e4", IamRole="service-role/hybrid-node")
ssm.update_service_setting(SettingId="/ssm/managed-instance/activation-tier", SettingValue="advanced")
ssm.reset_service_setting(SettingId="/ssm/managed-instance/activation-tier")
ssm.deregister_managed_instance(InstanceId="mi-0d7e8f9a0b1c2d3e4")
refused(ssm.deregister_managed_instance, "InvalidInstanceId", InstanceId="mi-0d7e8f9a0b1c2d3e4")
# Nothing is served whose answer nobody judged: the tables of operations, as they stand in the source.
SOURCE = pathlib.Path(__file__).parents[2] / "src/sim/api"
ROW = {"mod": r'^\s*\("[a-z0-9-]+", "([A-Z]\w+)"\) =>', **dict.fromkeys(("ec2", "iam", "sts"), r'^\s*"([A-Z]\w+)" => [a-z_:]+,')}
served = {name: set(re.findall(row, (SOURCE / f"{name}.rs").read_text(), re.MULTILINE)) for name, row in ROW.items()}
for name, actions in served.items():
    check(f"the actions of {name} were found", len(actions) >= 3, actions)
    answered = {key.split()[0] for key in judged if key.endswith(" 200")}
    check(f"every action of {name} was answered and judged", not actions - answered, actions - answered)
finish()
