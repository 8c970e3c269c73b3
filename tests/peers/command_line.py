"""The AWS CLI lists, describes, starts and terminates, and is refused, in the region."""

from check import aws, check, finish, node, same

import botocore.session

# Who is calling.
code, answer, why = aws("sts", "get-caller-identity")
check("get-caller-identity", code == 0 and answer["Arn"].endswith(":user/demo") and len(answer["Account"]) == 12, why)

# Both lists, whole, over pages of every size.
code, answer, why = aws("ec2", "describe-instances")
machines = {m["InstanceId"]: m for group in answer["Reservations"] for m in group["Instances"]}
check("describe-instances lists the fleet", code == 0 and len(machines) > 137 + 30, why or len(machines))
code, answer, why = aws("ec2", "describe-instances", "--page-size", "7")
paged = [m["InstanceId"] for group in answer["Reservations"] for m in group["Instances"]]
same("pages of 7 hold the same machines", paged, list(machines))
code, answer, why = aws("ssm", "describe-instance-information")
managed = {row["InstanceId"]: row for row in answer["InstanceInformationList"]}
check("describe-instance-information lists the managed ones", code == 0 and 100 < len(managed), why or len(managed))
for size in ("5", "50"):
    code, answer, why = aws("ssm", "describe-instance-information", "--page-size", size)
    same(f"pages of {size} hold the same rows", [row["InstanceId"] for row in answer["InstanceInformationList"]], list(managed))
code, answer, why = aws("ssm", "describe-instance-properties", "--page-size", "100")
same("describe-instance-properties lists the same nodes", [row["InstanceId"] for row in answer["InstanceProperties"]], list(managed))
code, answer, why = aws("ssm", "describe-instance-information", "--max-items", "3")
check("--max-items stops and goes on", code == 0 and len(answer["InstanceInformationList"]) == 3 and answer["NextToken"], why)
code, again, why = aws("ssm", "describe-instance-information", "--max-items", "3", "--starting-token", answer["NextToken"])
check("a starting token goes on behind", code == 0 and again["InstanceInformationList"][0]["InstanceId"] == list(managed)[3], why)

# Filters.
code, answer, why = aws("ssm", "describe-instance-information", "--filters", "Key=PingStatus,Values=ConnectionLost")
rows = answer["InstanceInformationList"]
check("a filter on the ping status", code == 0 and rows and all(r["PingStatus"] == "ConnectionLost" for r in rows), why)
code, answer, why = aws("ssm", "describe-instance-information", "--instance-information-filter-list", "key=PlatformTypes,valueSet=Windows")
rows = answer["InstanceInformationList"]
check("the old form of filters", code == 0 and rows and all(r["PlatformType"] == "Windows" for r in rows), why)
code, answer, why = aws("ec2", "describe-instances", "--filters", "Name=instance-state-name,Values=stopped", "Name=tag:env,Values=dev")
states = {m["State"]["Name"] for group in answer["Reservations"] for m in group["Instances"]}
same("two filters of EC2", states, {"stopped"})
code, answer, why = aws("ec2", "describe-regions")
check("describe-regions", code == 0 and "eu-west-1" in [r["RegionName"] for r in answer["Regions"]], why)

# Who can be connected to.
web, idle = node("web-1"), node("idle-1")
for target, status in ((web, "connected"), (idle, "notconnected"), ("i-0123456789abcdef0", "notconnected")):
    code, answer, why = aws("ssm", "get-connection-status", "--target", target)
    check(f"get-connection-status of {target}", code == 0 and answer == {"Target": target, "Status": status}, why or answer)

# What explains a machine: its network, its rights, its region's settings.
for service, command, member in (
    ("ec2", "describe-vpcs", "Vpcs"),
    ("ec2", "describe-subnets", "Subnets"),
    ("ec2", "describe-route-tables", "RouteTables"),
    ("ec2", "describe-nat-gateways", "NatGateways"),
    ("ec2", "describe-vpc-endpoints", "VpcEndpoints"),
    ("ec2", "describe-security-groups", "SecurityGroups"),
    ("ec2", "describe-network-acls", "NetworkAcls"),
    ("ec2", "describe-images", "Images"),
    ("ec2", "describe-instance-status", "InstanceStatuses"),
    ("ec2", "describe-iam-instance-profile-associations", "IamInstanceProfileAssociations"),
    ("iam", "list-instance-profiles", "InstanceProfiles"),
    ("iam", "list-account-aliases", "AccountAliases"),
    ("ssm", "describe-activations", "ActivationList"),
):
    code, answer, why = aws(service, command)
    check(f"{service} {command}", code == 0 and answer[member], why)
code, answer, why = aws("ec2", "describe-vpc-attribute", "--vpc-id", "vpc-00000000000000083", "--attribute", "enableDnsHostnames")
check("a VPC's attribute", code == 0 and answer["EnableDnsHostnames"] == {"Value": False}, why)
for command, arguments, member in (
    ("get-instance-profile", ("--instance-profile-name", "ssm-node"), "InstanceProfile"),
    ("get-role", ("--role-name", "ssm-node"), "Role"),
    ("list-attached-role-policies", ("--role-name", "ssm-node"), "AttachedPolicies"),
    ("list-role-policies", ("--role-name", "etl-node"), "PolicyNames"),
    ("get-role-policy", ("--role-name", "etl-node", "--policy-name", "run-command"), "PolicyDocument"),
    ("get-policy", ("--policy-arn", "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"), "Policy"),
    ("get-policy-version", ("--policy-arn", "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore", "--version-id", "v1"), "PolicyVersion"),
):
    code, answer, why = aws("iam", command, *arguments)
    check(f"iam {command}", code == 0 and answer[member], why)
actions = ("ssm:UpdateInstanceInformation", "ssmmessages:OpenControlChannel")
code, answer, why = aws("iam", "simulate-principal-policy", "--policy-source-arn", "arn:aws:iam::123456789012:role/regulated-node", "--action-names", *actions)
decisions = [(r["EvalDecision"], r["OrganizationsDecisionDetail"]["AllowedByOrganizations"]) for r in answer["EvaluationResults"]]
same("the simulator sees the organisation", decisions, [("allowed", True), ("explicitDeny", False)])
SETTING = "/ssm/managed-instance/default-ec2-instance-management-role"
code, answer, why = aws("ssm", "get-service-setting", "--setting-id", SETTING)
check("default host management is on", code == 0 and answer["ServiceSetting"]["SettingValue"].startswith("service-role/"), why)

# A session from its start to its end.
client = botocore.session.get_session().create_client("ssm")
session = client.start_session(Target=web, Reason="peers")["SessionId"]
code, answer, why = aws("ssm", "describe-sessions", "--state", "Active")
shown = [s for s in answer["Sessions"] if s["SessionId"] == session]
check("describe-sessions shows it", code == 0 and shown and shown[0]["Target"] == web and shown[0]["Reason"] == "peers", why)
code, answer, why = aws("ssm", "resume-session", "--session-id", session)
check("resume-session gives a token", code == 0 and answer["SessionId"] == session and answer["TokenValue"], why)
code, answer, why = aws("ssm", "terminate-session", "--session-id", session)
check("terminate-session", code == 0 and answer == {"SessionId": session}, why)


def ended(wanted):
    """Its history, once it is there: a shell takes a moment to die."""
    for _ in range(30):
        _, answer, _ = aws("ssm", "describe-sessions", "--state", "History", "--filters", f"key=Target,value={web}")
        found = [s for s in answer["Sessions"] if wanted(s)]
        if found:
            return found
    return []


shown = ended(lambda s: s["SessionId"] == session)
check("it is history", shown and shown[0]["Status"] == "Terminated" and shown[0]["EndDate"])
code, _, why = aws("ssm", "resume-session", "--session-id", session)
check("an ended one is not resumed", code != 0 and "(DoesNotExistException)" in why, why)
# Without its plugin the CLI starts a session, sees that it cannot use it, and ends it.
code, _, why = aws("ssm", "start-session", "--target", web, "--reason", "no plugin")
check("start-session without the plugin", code != 0 and "SessionManagerPlugin is not found" in why, why)
check("and leaves nothing open", ended(lambda s: s.get("Reason") == "no plugin"))

# Refusals, in AWS's words.
for arguments, words in (
    (("ssm", "start-session", "--target", idle), f"(TargetNotConnected) when calling the StartSession operation: {idle} is not connected."),
    (("ssm", "start-session", "--target", "mi-0f3a81c2d4e5b6a70"), "(BadRequest) when calling the StartSession operation: Enable advanced-instances tier"),
    (("ssm", "start-session", "--target", web, "--document-name", "Nowhere"), "(InvalidDocument)"),
    (("ssm", "describe-instance-information", "--filters", "Key=Moon,Values=x"), "(InvalidFilterKey)"),
    (("ssm", "describe-instance-information", "--no-paginate", "--next-token", "nonsense"), "(InvalidNextToken)"),
    (("ssm", "describe-instance-information", "--no-paginate", "--max-results", "99"), "Member must have value less than or equal to 50"),
    (("ec2", "describe-instances", "--instance-ids", "i-0123456789abcdef0"), "(InvalidInstanceID.NotFound) when calling the DescribeInstances operation: The instance ID 'i-0123456789abcdef0' does not exist"),
    (("ec2", "describe-instances", "--instance-ids", "web-1"), "(InvalidInstanceID.Malformed)"),
    (("ec2", "describe-instances", "--dry-run"), "(DryRunOperation)"),
    (("ec2", "describe-hosts",), "(InvalidAction)"),
    (("ec2", "describe-vpcs", "--vpc-ids", "vpc-1"), "(InvalidVpcID.NotFound)"),
    (("iam", "get-role", "--role-name", "moon"), "(NoSuchEntity) when calling the GetRole operation: The role with name moon cannot be found."),
    (("ssm", "list-commands",), "(UnknownOperationException)"),
):
    code, _, why = aws(*arguments)
    check(" ".join(arguments), code != 0 and words in why, why)

# What mends a machine is typed, and the machine comes by itself.
bare = node("bare-1")
code, _, why = aws("ec2", "associate-iam-instance-profile", "--instance-id", bare, "--iam-instance-profile", "Name=ssm-node")
check("associate-iam-instance-profile", code == 0, why)
code, _, why = aws("ec2", "reboot-instances", "--instance-ids", bare)
check("reboot-instances", code == 0, why)
vault = node("vault-3")
code, _, why = aws("ec2", "authorize-security-group-ingress", "--group-id", "sg-0000000000000009e", "--protocol", "tcp", "--port", "443", "--source-group", "sg-00000000000000012")
check("authorize-security-group-ingress", code == 0, why)
etl = node("etl-1")
code, _, why = aws("iam", "attach-role-policy", "--role-name", "etl-node", "--policy-arn", "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore")
check("attach-role-policy", code == 0, why)
for mended in (bare, vault, etl):
    for _ in range(100):
        _, answer, _ = aws("ssm", "get-connection-status", "--target", mended)
        if answer["Status"] == "connected":
            break
    same(f"{mended} comes", answer["Status"], "connected")

# A wrong secret, a wrong key, a wrong region, no credentials.
for name, environment, words in (
    ("a wrong secret", {"AWS_SECRET_ACCESS_KEY": "wrong"}, ("(InvalidSignatureException)", "(AuthFailure)", "(SignatureDoesNotMatch)")),
    ("a wrong key", {"AWS_ACCESS_KEY_ID": "AKIASOMEBODYELSE0000"}, ("(UnrecognizedClientException)", "(AuthFailure)", "(InvalidClientTokenId)")),
    ("a stale token", {"AWS_SESSION_TOKEN": "stale"}, ("(UnrecognizedClientException)", "(AuthFailure)", "(InvalidClientTokenId)")),
    ("a region that there is not", {"AWS_DEFAULT_REGION": "xx-nowhere-1"}, ("valid region", "(AuthFailure)", "valid region")),
    ("a region that is not enabled", {"AWS_DEFAULT_REGION": "ap-east-1"}, ("(UnrecognizedClientException)", "(AuthFailure)", "(InvalidClientTokenId)")),
):
    calls = (("ssm", "describe-sessions", "--state", "Active"), ("ec2", "describe-instances"), ("sts", "get-caller-identity"))
    for arguments, said in zip(calls, words):
        code, _, why = aws(*arguments, **environment)
        check(f"{name} is refused by {arguments[0]}", code != 0 and said in why, why)
# One that is enabled and has nothing in it.
for name, arguments in (
    ("Sessions", ("ssm", "describe-sessions", "--state", "Active")),
    ("InstanceInformationList", ("ssm", "describe-instance-information")),
    ("Reservations", ("ec2", "describe-instances")),
):
    code, answer, why = aws(*arguments, AWS_DEFAULT_REGION="eu-north-1")
    check(f"an empty region has no {name}", code == 0 and answer[name] == [], why)
code, _, why = aws("ssm", "describe-sessions", "--state", "Active", "--no-sign-request")
check("an unsigned call is refused", code != 0 and "MissingAuthenticationToken" in why, why)
finish()
