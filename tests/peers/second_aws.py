"""Moto, which knows EC2, IAM and STS from AWS's models and was written by others, in the place of AWS: what it has is read
as boto3 reads it, what it lacks is told as not visible, and nothing crashes or hangs."""

import json
import logging
import os
import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import boto3
from check import check, finish, same
from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID
from moto.server import ThreadedMotoServer
from moto.ssm.responses import SimpleSystemManagerResponse

# What moto lacks it tells by a traceback each time.
logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
REGION = "eu-west-1"
server = ThreadedMotoServer(port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
URL = f"http://{host}:{port}"
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
session = boto3.Session(aws_access_key_id="testing", aws_secret_access_key="testing", region_name=REGION)
ec2, iam = (session.client(name, endpoint_url=URL) for name in ("ec2", "iam"))
# More instances than one page holds are in a region of their own.
BIG = "us-east-1"
far = session.client("ec2", endpoint_url=URL, region_name=BIG)


def run(*arguments, **environment):
    """Runs the program against moto. Returns its exit code, and both outputs."""
    known = {name: os.environ[name] for name in ("HOME", "PATH", "LANG") if name in os.environ}
    known |= {"AWS_EC2_METADATA_DISABLED": "true", "AWS_REGION": REGION, "AWS_ENDPOINT_URL": URL, **KEYS, **environment}
    done = subprocess.run([os.environ["SSMTUI"], *arguments], capture_output=True, text=True, timeout=300, env=known)
    check(f"{arguments}: no panic", "panicked" not in done.stderr, done.stderr)
    return done.returncode, done.stdout, done.stderr


# What there is: a role that may be a node's, one that may not, a subnet that leads nowhere, a group that lets nothing out.
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
iam.create_role(RoleName="node", AssumeRolePolicyDocument=json.dumps(TRUST))
iam.create_instance_profile(InstanceProfileName="node")
iam.add_role_to_instance_profile(InstanceProfileName="node", RoleName="node")
iam.create_instance_profile(InstanceProfileName="hollow")
LAMBDA = {**TRUST, "Statement": [{**TRUST["Statement"][0], "Principal": {"Service": "lambda.amazonaws.com"}}]}
iam.create_role(RoleName="function", AssumeRolePolicyDocument=json.dumps(LAMBDA))
iam.create_instance_profile(InstanceProfileName="misfit")
iam.add_role_to_instance_profile(InstanceProfileName="misfit", RoleName="function")
operator = iam.create_role(RoleName="operator", AssumeRolePolicyDocument=json.dumps({**TRUST, "Statement": [{**TRUST["Statement"][0], "Principal": {"AWS": "*"}}]}))["Role"]
home = ec2.describe_vpcs(Filters=[{"Name": "isDefault", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=home)
table = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [home]}])["RouteTables"][0]["RouteTableId"]
ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
open_group = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [home]}])["SecurityGroups"][0]["GroupId"]
group = ec2.create_security_group(GroupName="closed", Description="nothing leaves", VpcId=home)["GroupId"]
ec2.revoke_security_group_egress(GroupId=group, IpPermissions=ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissionsEgress"])
image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.7.1.0/24")["Subnet"]["SubnetId"]


def launch(name, **arguments):
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}, {"Key": "env", "Value": "moto"}]}]
    made = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.micro", TagSpecifications=tags, **arguments)
    return [machine["InstanceId"] for machine in made["Instances"]]


image_there = far.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
made = far.run_instances(ImageId=image_there, MinCount=1010, MaxCount=1010, InstanceType="t3.micro")
many = {machine["InstanceId"] for machine in made["Instances"]}
(web,) = launch("web-1", SecurityGroupIds=[open_group])
(bare,), (idle,), (hollow,) = launch("bare-1"), launch("idle-1"), launch("hollow-1")
(misfit,) = launch("misfit-1")
(vault,) = launch("vault-1", SubnetId=subnet)
(closed,) = launch("closed-1", SecurityGroupIds=[group])
(gone,) = launch("gone-1")
for machine, profile in ((web, "node"), (vault, "node"), (closed, "node"), (hollow, "hollow"), (misfit, "misfit")):
    ec2.associate_iam_instance_profile(InstanceId=machine, IamInstanceProfile={"Name": profile})
ec2.stop_instances(InstanceIds=[idle])
ec2.terminate_instances(InstanceIds=[gone])
# Nobody says why a machine that has just started is not there; these have run for a day.
backend = get_backend("ec2")[DEFAULT_ACCOUNT_ID][REGION]
for machine in (web, bare, idle, hollow, misfit, vault, closed):
    backend.get_instance(machine).launch_time = (datetime.now(timezone.utc) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S.000Z")

folder = os.environ["HOME"]
with open(f"{folder}/moto-config", "w") as file:
    file.write(f"[profile base]\nregion = {REGION}\n[profile operator]\nregion = {REGION}\nrole_arn = {operator['Arn']}\nsource_profile = base\n")
with open(f"{folder}/moto-credentials", "w") as file:
    file.write("[base]\naws_access_key_id = testing\naws_secret_access_key = testing\n")
FILES = {"AWS_CONFIG_FILE": f"{folder}/moto-config", "AWS_SHARED_CREDENTIALS_FILE": f"{folder}/moto-credentials"}

# What SSM does not answer there is asked for again and again, as after any failure of AWS: all at once, then.
with ThreadPoolExecutor() as pool:
    listed = pool.submit(run, "ls", "--json", "--region", f"{REGION},{BIG}")
    by_role = pool.submit(run, "--profile", "operator", "ls", "--json", "env:moto or tag:env=moto", **FILES)
    blind = pool.submit(run, "why", "web-1", "--json")
    doctor = pool.submit(run, "doctor", "--json", "--profile", "operator", **FILES)
    connect = pool.submit(run, "connect", web)
    policy = pool.submit(run, "why", "--policy")

# Both lists, one over its pages, as boto3 has them.
code, text, errors = listed.result()
same("a list that has one half is told as such", code, 3)
document = json.loads(text)
machines = {m["InstanceId"]: m for page in ec2.get_paginator("describe_instances").paginate() for r in page["Reservations"] for m in r["Instances"]}
same("over two pages all are listed", {row["id"] for row in document["instances"] if row["region"] == BIG}, many)
rows = {row["id"]: row for row in document["instances"] if row["region"] == REGION}
same("all are listed, but for those that are gone", set(rows), set(machines) - {gone})
same("no row is there twice", len(document["instances"]), len(rows) + len(many))
for name, of_row, of_machine in (
    ("zone", lambda row: row["zone"], lambda m: m["Placement"]["AvailabilityZone"]),
    ("address", lambda row: row["private_ip"], lambda m: m["PrivateIpAddress"]),
    ("type", lambda row: row["instance_type"], lambda m: m["InstanceType"]),
    ("tags", lambda row: row["tags"], lambda m: {tag["Key"]: tag["Value"] for tag in m["Tags"]}),
    ("launch", lambda row: datetime.fromisoformat(row["launched"]), lambda m: m["LaunchTime"]),
    ("role", lambda row: row["role"], lambda m: m.get("IamInstanceProfile", {"Arn": "/"})["Arn"].split("/")[-1] or None),
):
    wrong = {id for id, row in rows.items() if of_row(row) != of_machine(machines[id])}
    same(f"each has its {name}", wrong, set())
same("the account is known", {row["account"] for row in rows.values()}, {DEFAULT_ACCOUNT_ID})
same("one is stopped", [row["name"] for row in rows.values() if row["state"] == "stopped"], ["idle-1"])
check("SSM's lists are missing, and said to be", len(document["missing"]) == 2, document["missing"])
for words in ("SSM's list of managed nodes is not complete", "the answer is not AWS's: HTTP 500 came without"):
    check("in words", words in document["missing"][0], document["missing"])

# By a role.
code, text, errors = by_role.result()
same("a role's keys list the same", (code, len(json.loads(text)["instances"])), (3, len(rows)))
code, text, errors = doctor.result()
told = json.loads(text)
checks = {line["check"]: line for section in told["sections"] for line in section["checks"]}
check("doctor knows the role", "role `operator`" in checks["identity"]["found"], checks["identity"])
same("the region is enabled", checks["region-enabled"]["outcome"], "passed")
for name, line in checks.items():
    lacks = ("right-ssm:Describe", "right-ssm:GetConnection", "right-ssm:GetService", "right-ssm:Start", "right-ssm:Resume", "right-ssm:Terminate")
    if name.startswith(lacks) and name != "right-ssm:DescribeDocument":
        same(f"{name} could not be told", line["outcome"], "not-checked")
    elif name.startswith(("right-ec2:", "right-iam:Get")):
        same(name, line["outcome"], "passed")
    else:
        check(f"{name} did not fail", line["outcome"] != "failed", line)

# Where nothing of SSM can be seen, nothing is proven that rests on it.
code, text, errors = blind.result()
told = json.loads(text)
same("exit code of what cannot be told", code, 0)
same("nothing is claimed of web-1", [(f["cause"], f["certainty"]) for f in told["findings"]], [("not_visible", "unknown")])
states = {line["title"]: line["state"] for line in told["checks"]}
same("it exists", states["it exists and runs"], "passed")
for title in ("its agent is registered and beats", "its session channel is open"):
    same(title, states[title], "not visible")

# A session cannot be started, and that is said.
code, text, errors = connect.result()
check("no session is started", code == 1 and "cannot open a session" in errors and "not AWS's" in errors, errors)
code, text, errors = policy.result()
check("policies name the account", code == 0 and f":{DEFAULT_ACCOUNT_ID}:" in text, text + errors)

# With an SSM that knows no agent at all, each cause lies with EC2 and IAM, and those are moto's.
NOBODY = {
    "describe_instance_information": {"InstanceInformationList": []},
    "describe_instance_properties": {"InstanceProperties": []},
    "get_connection_status": {"Target": "", "Status": "notconnected"},
}
for operation, answer in NOBODY.items():
    setattr(SimpleSystemManagerResponse, operation, lambda self, answer=json.dumps(answer): answer)
WAYS = ("a way to ssm", "a way to ssmmessages")
EXPECTED = {
    "web-1": ("never_registered", "suggests", {"its role may be taken by the service": "passed", **dict.fromkeys(WAYS, "passed")}),
    "bare-1": ("no_profile", "suggests", {"it has a profile, or default host management serves it": "suspected"}),
    "idle-1": ("stopped", "proves", {"it exists and runs": "failed"}),
    "hollow-1": ("profile_broken", "proves", {"it has a profile, or default host management serves it": "failed"}),
    "misfit-1": ("role_not_trusted", "proves", {"its role may be taken by the service": "failed"}),
    "vault-1": ("no_way_out", "proves", dict.fromkeys(WAYS, "failed")),
    "closed-1": ("egress_closed", "proves", dict.fromkeys(WAYS, "failed")),
}  # fmt: skip


def reasons(names):
    """The report on each of these."""
    with ThreadPoolExecutor() as pool:
        return {name: json.loads(report[1]) for name, report in zip(names, pool.map(lambda name: run("why", name, "--json"), names))}


told = reasons(EXPECTED)
for name, (cause, certainty, wanted) in EXPECTED.items():
    first = told[name]["findings"][0]
    same(f"what keeps {name} away", (first["cause"], first["certainty"]), (cause, certainty))
    states = {line["title"]: line["state"] for line in told[name]["checks"]}
    same(f"what was seen of {name}", {title: states[title] for title in wanted}, wanted)
    if name not in ("idle-1", "hollow-1", "bare-1"):
        # IAM's simulator is what moto lacks.
        same(f"whether {name} may register", states["its role may register"], "not visible")

# The commands that are shown are good for moto, too, and what they mend is mended.
mended = ("misfit-1", "closed-1")
for name in mended:
    command = shlex.split(told[name]["findings"][0]["command"])
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env={**os.environ, "AWS_ENDPOINT_URL": URL, **KEYS})
    check(f"{command} is taken", done.returncode == 0, done.stderr)
for name, report in reasons(mended).items():
    causes = [finding["cause"] for finding in report["findings"]]
    check(f"{name} is mended", EXPECTED[name][0] not in causes, causes)
server.stop()
finish()
