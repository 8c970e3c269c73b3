"""The AWS CLI 2 of the system, led to the region, and the person who confirms a sign-in."""

import json
import os
import pathlib
import subprocess
import threading
import urllib.request

AWS2 = os.environ["PEERS_AWS2"]

# Before 2.13 it knows no endpoints of single services, but takes rules for them from a folder.
_rules = {"version": "1.0", "parameters": {"Region": {"type": "String", "builtIn": "AWS::Region", "required": False, "documentation": ""}}}
_rules["rules"] = [
    {"type": "endpoint", "conditions": [], "endpoint": {"url": os.environ["AWS_ENDPOINT_URL"], "properties": {}, "headers": {}}}
]
_models = pathlib.Path.home() / "models"
for _service, _version in (("sso-oidc", "2019-06-10"), ("sso", "2019-06-10"), ("sts", "2011-06-15")):
    _folder = _models / _service / _version
    _folder.mkdir(parents=True, exist_ok=True)
    (_folder / "endpoint-rule-set-1.json").write_text(json.dumps(_rules))
ENVIRONMENT = {**os.environ, "AWS_DATA_PATH": str(_models), "PYTHONUNBUFFERED": "1"}


def run(*arguments, typed=""):
    """Runs it without a terminal, with this on standard input: its code and both outputs."""
    run = subprocess.run(
        [AWS2, "--output", "json", *arguments],
        input=typed,
        capture_output=True,
        text=True,
        timeout=120,
        env=ENVIRONMENT,
        start_new_session=True,
    )
    return run.returncode, run.stdout, run.stderr


def sign_in(*command):
    """Runs a command that shows a page and waits, and confirms what the page asks: its code and all it said."""
    login = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENVIRONMENT, start_new_session=True
    )
    deadline = threading.Timer(90, login.kill)
    deadline.start()
    said = ""
    for line in login.stdout:
        said += line
        if "user_code=" in line:
            urllib.request.urlopen(line.strip().replace("/device?", "/device/approve?")).read()
    code = login.wait()
    deadline.cancel()
    return code, said
