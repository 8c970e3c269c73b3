"""Why each node of the sample fleet does not come, found from the region's answers alone: what a user with the AWS CLI would find."""

import ipaddress
import json
from datetime import datetime, timedelta, timezone

import botocore.session
from check import finish, same

session = botocore.session.get_session()
ec2, ssm, iam, s3, logs = (session.create_client(name) for name in ("ec2", "ssm", "iam", "s3", "logs"))
REGION = session.get_config_variable("region")
ANYWHERE = ipaddress.ip_address("52.94.5.1")
SETTING = "/ssm/managed-instance/default-ec2-instance-management-role"


def every(client, operation, member, **arguments):
    return [row for page in client.get_paginator(operation).paginate(**arguments) for row in page[member]]


machines = {i["InstanceId"]: i for r in every(ec2, "describe_instances", "Reservations") for i in r["Instances"]}
rows = {r["SourceId"]: r for r in every(ssm, "describe_instance_information", "InstanceInformationList")}
vpcs = {v["VpcId"]: v for v in every(ec2, "describe_vpcs", "Vpcs")}
subnets = {s["SubnetId"]: s for s in every(ec2, "describe_subnets", "Subnets")}
tables = every(ec2, "describe_route_tables", "RouteTables")
endpoints = every(ec2, "describe_vpc_endpoints", "VpcEndpoints")
groups = {g["GroupId"]: g for g in every(ec2, "describe_security_groups", "SecurityGroups")}
acls = every(ec2, "describe_network_acls", "NetworkAcls")
gateways = {g["NatGatewayId"]: g for g in every(ec2, "describe_nat_gateways", "NatGateways")}
associations = {a["InstanceId"]: a for a in every(ec2, "describe_iam_instance_profile_associations", "IamInstanceProfileAssociations")}
statuses = {s["InstanceId"]: s for s in every(ec2, "describe_instance_status", "InstanceStatuses")}
lends = ssm.get_service_setting(SettingId=SETTING)["ServiceSetting"]["SettingValue"] != "$None"


def inside(address, block):
    return ipaddress.ip_address(address) in ipaddress.ip_network(block)


def admits(permissions, address, others):
    """Whether rules of a group admit 443 with somebody who has this address and these groups."""
    for rule in permissions:
        ports = rule["IpProtocol"] == "-1" or rule["IpProtocol"] == "tcp" and rule["FromPort"] <= 443 <= rule["ToPort"]
        blocks = any(inside(address, r["CidrIp"]) for r in rule["IpRanges"])
        if ports and (blocks or any(p["GroupId"] in others for p in rule["UserIdGroupPairs"])):
            return True
    return False


def passes(acl, egress, address, port):
    for entry in sorted(acl["Entries"], key=lambda entry: entry["RuleNumber"]):
        span = entry.get("PortRange", {"From": 0, "To": 65535})
        if entry["Egress"] == egress and inside(address, entry["CidrBlock"]) and span["From"] <= port <= span["To"]:
            return entry["RuleAction"] == "allow"
    return False


def obstacle(machine, service):
    """What stands between a machine and a service; None: nothing that can be seen."""
    vpc, subnet = machine["VpcId"], subnets[machine["SubnetId"]]
    own = [g["GroupId"] for g in machine["SecurityGroups"]]
    if subnet["OwnerId"] != machine["NetworkInterfaces"][0]["OwnerId"]:
        return "shared"
    here = [e for e in endpoints if e["VpcId"] == vpc and e["ServiceName"] == f"com.amazonaws.{REGION}.{service}"]
    names = all(
        ec2.describe_vpc_attribute(VpcId=vpc, Attribute=f"enableDns{word}")[f"EnableDns{word}"]["Value"] for word in ("Support", "Hostnames")
    )
    acl = next(a for a in acls if any(x["SubnetId"] == subnet["SubnetId"] for x in a["Associations"]))
    for endpoint in here:
        if endpoint["State"] != "available" or not endpoint["PrivateDnsEnabled"] or not names:
            continue
        if not any(admits(groups[g["GroupId"]]["IpPermissions"], machine["PrivateIpAddress"], own) for g in endpoint["Groups"]):
            return "D3"
        return "D9" if '"Deny"' in endpoint["PolicyDocument"] else None
    table = [t for t in tables if any(a.get("SubnetId") == subnet["SubnetId"] for a in t["Associations"])]
    table = (table or [t for t in tables if t["VpcId"] == vpc and any(a["Main"] for a in t["Associations"])])[0]
    routes = [r for r in table["Routes"] if r.get("DestinationCidrBlock") == "0.0.0.0/0"]
    if not routes:
        if any(e["State"] != "available" for e in here):
            return "D8"
        return "D4" if here else "D1"
    if not any(admits(groups[g]["IpPermissionsEgress"], ANYWHERE, []) for g in own):
        return "D5"
    if not (passes(acl, True, ANYWHERE, 443) and passes(acl, False, ANYWHERE, 50000)):
        return "D6"
    route = routes[0]
    if route["State"] == "blackhole":
        return "D8"
    if route.get("GatewayId", "").startswith("igw-"):
        return None if "PublicIpAddress" in machine else "D7"
    if "NatGatewayId" in route:
        return None if gateways[route["NatGatewayId"]]["State"] == "available" else "D8"
    return "D10"


def old(version, floor):
    return [int(n) for n in version.split(".")] < [int(n) for n in floor.split(".")]


def simulated(role, action, resource="*"):
    asked = {"PolicySourceArn": role["Arn"], "ActionNames": [action], "ResourceArns": [resource]}
    result = iam.simulate_principal_policy(**asked)["EvaluationResults"][0]
    if result["EvalDecision"] == "allowed":
        return None
    bounded = not result.get("PermissionsBoundaryDecisionDetail", {"AllowedByPermissionsBoundary": True})["AllowedByPermissionsBoundary"]
    return "C12" if not result["OrganizationsDecisionDetail"]["AllowedByOrganizations"] else "boundary" if bounded else "denied"


def cause(machine):
    now = datetime.now(timezone.utc)
    identity, state, row = machine["InstanceId"], machine["State"]["Name"], rows.get(machine["InstanceId"])
    # A machine that registered by an activation is known by another id there.
    target = row["InstanceId"] if row else identity
    connected = ssm.get_connection_status(Target=target)["Status"] == "connected"
    if state != "running":
        return {"stopped": "B1", "pending": "B3"}.get(state, "B2")
    if connected:
        return "ready"
    if not row and now - machine["LaunchTime"] < timedelta(minutes=5):
        return "B3"
    if statuses[identity]["InstanceStatus"]["Status"] == "impaired":
        return "B4"
    if row and row["PingStatus"] == "ConnectionLost":
        return "E4"
    if row and old(row["AgentVersion"], "2.3.68.0"):
        return "E1"
    if machine["MetadataOptions"]["HttpEndpoint"] == "disabled":
        return "C4"
    if identity not in associations:
        return "C3" if lends else "C1"
    held = associations[identity]
    profile = iam.get_instance_profile(InstanceProfileName=held["IamInstanceProfile"]["Arn"].split("/")[-1])["InstanceProfile"]
    if not profile["Roles"] or profile["InstanceProfileId"] != held["IamInstanceProfile"]["Id"]:
        return "C6"
    role = profile["Roles"][0]
    trusted = role["AssumeRolePolicyDocument"]["Statement"]
    if "ec2.amazonaws.com" not in str(trusted):
        return "C7"
    if not row and simulated(role, "ssm:UpdateInstanceInformation"):
        return "C8"
    for action in ("ssmmessages:CreateControlChannel", "ssmmessages:OpenControlChannel"):
        if row and (why := simulated(role, action)):
            return {"denied": "C9"}.get(why, why)
    if row and (why := obstacle(machine, "ssmmessages")):
        return "D2" if why in ("D1", "D4") else why
    if not row and (why := obstacle(machine, "ssm")):
        return why
    return "C11" if now - held["Timestamp"] < timedelta(minutes=35) else "E3"


def recording(name, document):
    """What keeps an agent from a session by a document because of where it is recorded: H5 if it refuses, H6 if nothing comes for minutes."""
    machine = named[name]
    inputs = json.loads(ssm.get_document(Name=document)["Content"])["inputs"]
    held = associations.get(machine["InstanceId"])
    profile = held and iam.get_instance_profile(InstanceProfileName=held["IamInstanceProfile"]["Arn"].split("/")[-1])["InstanceProfile"]
    lent = ssm.get_service_setting(SettingId=SETTING)["ServiceSetting"]["SettingValue"].split("/")[-1]
    role = profile["Roles"][0] if held else iam.get_role(RoleName=lent)["Role"]
    found = None
    if group := inputs.get("cloudWatchLogGroupName"):
        demanded = str(inputs.get("cloudWatchEncryptionEnabled")).lower() == "true"
        groups = {g["logGroupName"]: g for g in logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]}
        unseen = obstacle(machine, "logs") or simulated(role, "logs:DescribeLogGroups") or "kmsKeyId" not in groups.get(group, {})
        found = "H5" if demanded and unseen else "H6" if obstacle(machine, "logs") else None
    if bucket := inputs.get("s3BucketName"):
        demanded = str(inputs.get("s3EncryptionEnabled")).lower() == "true"
        rule = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
        known = rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] in ("AES256", "aws:kms")
        unseen = obstacle(machine, "s3") or simulated(role, "s3:GetEncryptionConfiguration", f"arn:aws:s3:::{bucket}") or not known
        found = found or ("H5" if demanded and unseen else "H6" if obstacle(machine, "s3") else None)
    return found


RECORDED = {
    ("web-1", "Shop-RecordedShell"): None, ("dh-1", "Shop-RecordedShell"): "H5", ("vault-4", "Shop-RecordedShell"): "H5",
    ("web-1", "Shop-KeptShell"): None, ("dh-1", "Shop-KeptShell"): None, ("vault-4", "Shop-KeptShell"): "H6",
    ("web-1", "Shop-VaultedShell"): "H5", ("web-1", "Shop-LoggedCommand"): None, ("web-1", "Shop-PlainLogShell"): "H5",
    ("web-1", "SSM-SessionManagerRunShell"): None, ("vault-4", "SSM-SessionManagerRunShell"): None,
}  # fmt: skip
EXPECTED = {
    "web-1": "ready", "dh-1": "ready", "vault-4": "ready", "half-1": "ready",
    "idle-1": "B1", "idle-2": "B2", "spot-4": "B2", "boot-1": "B3", "api-7": "B3", "sick-1": "B4",
    "bare-1": "C3", "batch-2": "C3", "imds-0": "C4", "hollow-1": "C6", "remade-1": "C6", "misfit-1": "C7", "mute-1": "C8",
    "etl-1": "C9", "shadow-1": "C9", "bounded-1": "boundary", "asleep-1": "C11", "regulated-1": "C12",
    "vault-1": "D1", "vault-2": "D2", "vault-3": "D3", "dns-1": "D4", "dns-2": "D4", "shut-1": "D5", "walled-1": "D6",
    "edge-1": "D7", "edge-2": "D7", "nat-1": "D8", "nat-2": "D8", "pending-1": "D8", "policed-1": "D9", "tgw-1": "D10",
    "shared-1": "shared", "legacy-1": "E1", "noagent-1": "E3", "lost-1": "E4", "starved-1": "E4", "updated-1": "E4",
}  # fmt: skip
named = {tag["Value"]: m for m in machines.values() for tag in m["Tags"] if tag["Key"] == "Name"}
for name, wanted in EXPECTED.items():
    same(name, cause(named[name]), wanted)
others = {name: why for name, machine in named.items() if name not in EXPECTED and (why := cause(machine)) not in ("ready", "B2")}
same("nobody else is kept away", others, {})
for (name, document), wanted in RECORDED.items():
    same(f"{document} on {name}", recording(name, document), wanted)
finish()
