"""What the AWS CLI 2 and ssmtui keep for each other: tokens of SSO, keys of its roles, keys of roles behind an MFA code."""

import json
import os
import pathlib
import shutil
import subprocess

import aws2
from check import aws, check, finish, same, traced
from terminal import Terminal

SSMTUI = os.environ["SSMTUI"]
# Every device of this region takes it.
CODE, WRONG = "246810", "135791"
HOME = pathlib.Path.home()
TOKENS, ROLES = HOME / ".aws" / "sso" / "cache", HOME / ".aws" / "cli" / "cache"
OPERATOR, GUARDED = "assumed-role/AWSReservedSSO_Operators_", "assumed-role/ops-mfa/"


def forget(*folders):
    for folder in folders or (TOKENS, ROLES):
        shutil.rmtree(folder, ignore_errors=True)


def files(folder):
    return {path.name: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def token():
    """The file of the token, by what stands in it."""
    found = [name for name, content in files(TOKENS).items() if "accessToken" in content]
    check("there is one token", len(found) == 1, found)
    return TOKENS / found[0]


def outdate():
    """The token is over, as far as its file says."""
    path = token()
    path.write_text(json.dumps({**json.loads(path.read_text()), "expiresAt": "2026-01-01T00:00:00Z"}))


def shape(value):
    return {name: shape(part) for name, part in value.items()} if isinstance(value, dict) else type(value).__name__


def lists(profile, name):
    """ssmtui asks nobody, since there is no terminal: it lists, or it fails."""
    run = subprocess.run(
        [SSMTUI, "--profile", profile, "ls", "--json", "state:ready"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        start_new_session=True,
    )
    check(name, run.returncode == 0 and json.loads(run.stdout)["instances"], run.stderr)


def who(profile, wanted, name, typed=""):
    """The AWS CLI asks nobody who has nothing to say."""
    code, out, why = aws2.run("--profile", profile, "sts", "get-caller-identity", typed=typed)
    check(name, code == 0 and wanted in out, why)


# The AWS CLI signs in.
forget()
code, said = aws2.sign_in(aws2.AWS2, "sso", "login", "--no-browser", "--profile", "prod-sso")
check("aws sso login", code == 0, said)
of_cli = files(TOKENS)
lists("prod-sso", "the CLI's token serves ssmtui")
lists("data-sso-reader", "and for another role")
forget(ROLES)
outdate()
lists("prod-sso", "ssmtui renews the CLI's token")
who("prod-sso", OPERATOR, "which the CLI can still use")
forget(ROLES)
who("prod-sso", OPERATOR, "the CLI gets keys of the role")
roles_of_cli = files(ROLES)
token().unlink()
lists("prod-sso", "they serve ssmtui without a token")

# ssmtui signs in.
forget()
code, said = aws2.sign_in(SSMTUI, "--profile", "prod-sso", "login")
check("ssmtui login", code == 0, said)
of_ssmtui = files(TOKENS)
same("both keep the same files", list(of_ssmtui), list(of_cli))
check(
    "with the same in them",
    all(set(shape(of_cli[name]).items()) <= set(shape(content).items()) for name, content in of_ssmtui.items()),
    (shape(of_ssmtui), shape(of_cli)),
)
check("for their owner alone", all(path.stat().st_mode & 0o777 == 0o600 for path in TOKENS.iterdir()), list(TOKENS.iterdir()))
who("prod-sso", OPERATOR, "ssmtui's token serves the CLI")
forget(ROLES)
outdate()
who("prod-sso", OPERATOR, "the CLI renews ssmtui's token")
forget(ROLES)
lists("prod-sso", "which ssmtui can still use")
roles_of_ssmtui = files(ROLES)
same("both keep the role's keys in the same file", list(roles_of_ssmtui), list(roles_of_cli))
token().unlink()
who("prod-sso", OPERATOR, "they serve the CLI without a token")
before = list(files(TOKENS))
code, said = aws2.sign_in(aws2.AWS2, "sso", "login", "--no-browser", "--profile", "prod-sso")
same("the CLI asks by the client that ssmtui registered", (code, len(files(TOKENS))), (0, len(before) + 1))
code, out, why = aws2.run("sso", "logout")
same("aws sso logout takes ssmtui's keys away, too", (code, list(files(ROLES))), (0, []))

# A code typed in the AWS CLI.
forget()
who("prod-mfa", GUARDED, "the CLI takes a code", typed=CODE + "\n")
guarded_of_cli = files(ROLES)
lists("prod-mfa", "the session that it made serves ssmtui")

# A code typed in ssmtui.
forget()
with traced(Terminal(SSMTUI, "--profile", "prod-mfa", "ls", cols=200)) as terminal:
    for code, answer in ((WRONG, "MultiFactorAuthentication failed"), (CODE, "The session is good until")):
        terminal.wait("MFA code of ")
        terminal.wait(": ")
        terminal.type(code + "\r")
        terminal.wait(answer)
    same("ssmtui takes a code", terminal.end(), 0)
    check("and shows none", CODE not in terminal.text and WRONG not in terminal.text, "it does")
    check("and leaves the terminal as it was", terminal.restored(), "it does not")
same("both keep the session in the same file", list(files(ROLES)), list(guarded_of_cli))
who("prod-mfa", GUARDED, "the session that it made serves the CLI")
code, answer, why = aws("--profile", "prod-mfa", "sts", "get-caller-identity")
check("and the CLI 1", code == 0 and GUARDED in answer["Arn"], why)
finish()
