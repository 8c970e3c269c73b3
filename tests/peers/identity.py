"""Accounts, roles, codes and sign-ins, as AWS's own clients go about them with the files that the region writes."""

import base64
import datetime
import hashlib
import hmac
import json
import os
import pathlib
import struct
import subprocess
import time
import urllib.request

import aws2
import botocore.session
from botocore.exceptions import ClientError
from check import AWS, attempt, aws, check, finish, same
from shape import judge_json

ENDPOINT = os.environ["AWS_ENDPOINT_URL"]
# A profile that is named goes before keys in the environment, which are the starter's.
ACCOUNTS = {"prod": "123456789012", "staging": "210987654321", "data": "345678901234"}


def judge(operation_model, response_dict, **_):
    """Called by botocore with each answer in REST and JSON before it parses it."""
    name, body, status = operation_model.name, response_dict["body"], response_dict["status_code"]
    headers = {key.lower(): value for key, value in response_dict["headers"].items()}
    complaints = [] if headers.get("x-amzn-requestid") else ["no request id"]
    code = headers.get("x-amzn-errortype")
    shape = operation_model.output_shape if code is None else {s.error_code: s for s in operation_model.error_shapes}.get(code)
    if (status >= 300) != (code is not None):
        complaints.append(f"status {status} and error {code}")
    if shape:
        value = json.loads(body)
        # botocore itself puts it there, before this is called.
        value.pop("Message", None)
        judge_json(shape, value, name, complaints)
    elif body and code != "ForbiddenException":
        complaints.append(f"{name} may not answer {code}: {body}")
    check(f"{name} {status}", not complaints, "; ".join(complaints))


def client_of(service):
    client = botocore.session.get_session().create_client(service, endpoint_url=ENDPOINT)
    client.meta.events.register("before-parse", judge)
    return client


def arn(profile, **environment):
    code, answer, why = aws("--profile", profile, "sts", "get-caller-identity", **environment)
    return answer["Arn"] if code == 0 else why


# Each account by its own keys, in each of its regions.
for profile, account in ACCOUNTS.items():
    same(f"{profile} is its account's user", arn(profile), f"arn:aws:iam::{account}:user/demo")
    same(f"{profile}-ops is a role", arn(f"{profile}-ops").rsplit("/", 1)[0], f"arn:aws:sts::{account}:assumed-role/ops")
seen = {}
for profile in ACCOUNTS:
    for region in ("eu-west-1", "us-east-1"):
        code, answer, why = aws("--profile", profile, "--region", region, "ec2", "describe-instances")
        ids = {m["InstanceId"] for group in (answer or {"Reservations": []})["Reservations"] for m in group["Instances"]}
        check(f"{profile} has machines in {region}", code == 0 and len(ids) >= 10, why)
        for other, known in seen.items():
            check(f"{profile} in {region} shares none with {other}", not ids & known, ids & known)
        seen[f"{profile} in {region}"] = ids
code, _, why = aws("--profile", "prod", "--region", "eu-south-1", "ssm", "describe-sessions", "--state", "Active")
check("a region that is not enabled does not know the keys", code != 0 and "(UnrecognizedClientException)" in why, why)
code, _, why = aws("--profile", "prod-limited", "ec2", "describe-instances")
check("limited may not list machines", code != 0 and "because no identity-based policy allows the ec2:DescribeInstances action" in why, why)
check("the audit role asks for its id", "assumed-role/audit/" in arn("prod-audit"), arn("prod-audit"))

# The code of a device: RFC 6238, from the secret that the region handed out.
SECRET = os.environ["SSMTUI_SIM_MFA_PROD"]


def code_of(step):
    tag = hmac.new(base64.b32decode(SECRET), struct.pack(">q", step), hashlib.sha1).digest()
    four = struct.unpack(">I", tag[tag[-1] & 15 :][:4])[0] & 0x7FFFFFFF
    return f"{four % 1000000:06d}"


def with_code(code, *arguments):
    """The AWS CLI asks for a code on standard input where it has no terminal."""
    run = subprocess.run(
        [*AWS, "--output", "json", "--profile", "prod-mfa", *arguments],
        input=code + "\n",
        capture_output=True,
        text=True,
        timeout=120,
        start_new_session=True,
    )
    return run.returncode, run.stdout, run.stderr


step = int(time.time()) // 30
code, out, why = with_code("000000", "sts", "get-caller-identity")
check("a wrong code is refused", code != 0 and "MultiFactorAuthentication failed with invalid MFA one time pass code" in why, why)
code, out, why = with_code(code_of(step), "sts", "get-caller-identity")
check("the right one makes the role", code == 0 and "assumed-role/ops-mfa/" in out, why)
cache = pathlib.Path.home() / ".aws" / "cli" / "cache"
check("the AWS CLI keeps its keys", any(cache.glob("*.json")), cache)
code, out, why = with_code("", "ssm", "describe-instance-information")
check("and asks no second time", code == 0 and "InstanceInformationList" in out, why)
session = botocore.session.Session(profile="prod-mfa-user")
sts = session.create_client("sts", endpoint_url=ENDPOINT)


@attempt("GetSessionToken")
def _():
    serial = f"arn:aws:iam::{ACCOUNTS['prod']}:mfa/mfa-user"
    try:
        sts.get_session_token(SerialNumber=serial, TokenCode=code_of(step))
        check("a code is good once", False, "it was taken again")
    except ClientError as error:
        same("a code is good once", error.response["Error"]["Code"], "AccessDenied")
    keys = sts.get_session_token(SerialNumber=serial, TokenCode=code_of(step + 1))["Credentials"]
    proved = botocore.session.get_session()
    proved.set_credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    rows = proved.create_client("ssm", endpoint_url=ENDPOINT).describe_instance_information()["InstanceInformationList"]
    check("with it the user may list", rows, rows)


# IAM Identity Center: the device flow by botocore's own model, then the token where the AWS CLI keeps it.
oidc = client_of("sso-oidc")
client = oidc.register_client(clientName="peers", clientType="public", scopes=["sso:account:access"])
ids = {"clientId": client["clientId"], "clientSecret": client["clientSecret"]}
start_url = f"{ENDPOINT}/start"
device = oidc.start_device_authorization(startUrl=start_url, **ids)
GRANT = "urn:ietf:params:oauth:grant-type:device_code"


def token():
    return oidc.create_token(grantType=GRANT, deviceCode=device["deviceCode"], **ids)


for name, kind in (("pending", "AuthorizationPendingException"), ("too soon", "SlowDownException")):
    try:
        token()
        check(f"before the click it is {name}", False, "there was a token")
    except ClientError as error:
        same(f"before the click it is {name}", error.response["Error"]["Code"], kind)
page = urllib.request.urlopen(device["verificationUriComplete"]).read().decode()
check("the page shows the code", device["userCode"] in page, page)
urllib.request.urlopen(f"{device['verificationUri']}/approve?user_code={device['userCode']}").read()
for _ in range(20):
    try:
        granted = token()
        break
    except oidc.exceptions.SlowDownException:
        time.sleep(device["interval"])
sso = client_of("sso")
accounts = sso.list_accounts(accessToken=granted["accessToken"])["accountList"]
same("the person sees the accounts", [a["accountId"] for a in accounts], list(ACCOUNTS.values()))
roles = sso.list_account_roles(accessToken=granted["accessToken"], accountId=ACCOUNTS["data"])["roleList"]
same("and the roles", [r["roleName"] for r in roles], ["Operators", "ReadOnly"])


def keep(granted):
    """As the AWS CLI keeps a token of an [sso-session]."""
    folder = pathlib.Path.home() / ".aws" / "sso" / "cache"
    folder.mkdir(parents=True, exist_ok=True)
    expires = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=granted["expiresIn"])
    registered = datetime.datetime.fromtimestamp(client["clientSecretExpiresAt"], datetime.timezone.utc)
    form = "%Y-%m-%dT%H:%M:%SZ"
    (folder / (hashlib.sha1(b"shop").hexdigest() + ".json")).write_text(
        json.dumps(
            {
                "startUrl": start_url,
                "region": "eu-west-1",
                "accessToken": granted["accessToken"],
                "expiresAt": expires.strftime(form),
                "refreshToken": granted["refreshToken"],
                "registrationExpiresAt": registered.strftime(form),
                **ids,
            }
        )
    )


keep(granted)
for profile, role in (("prod-sso", "Operators"), ("data-sso-reader", "ReadOnly")):
    check(f"{profile} is {role}", f"assumed-role/AWSReservedSSO_{role}_" in arn(profile), arn(profile))
# A token that is over is renewed by its refresh token.
keep({**granted, "expiresIn": 1})
check("a token is renewed", "AWSReservedSSO_Operators_" in arn("staging-sso"), arn("staging-sso"))
sso.logout(accessToken=granted["accessToken"])
try:
    sso.list_accounts(accessToken=granted["accessToken"])
    check("after the logout it is good for nothing", False, "it was answered")
except ClientError as error:
    same("after the logout it is good for nothing", error.response["Error"]["Code"], "UnauthorizedException")

# The login of the AWS CLI 2.
code, said = aws2.sign_in(aws2.AWS2, "sso", "login", "--no-browser", "--profile", "prod-sso")
check("aws sso login", code == 0 and "Successfully logged into" in said, said)
code, out, why = aws2.run("--profile", "prod-sso", "sts", "get-caller-identity")
check("and its token makes a role", "AWSReservedSSO_Operators_" in out, out + why)
finish()
