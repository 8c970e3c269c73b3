"""npm's ssm-session, made for browsers, in the region: a client without a ClientId, with names padded on the left."""

import os
import subprocess

from check import aws, check, finish, node, same

import botocore.session

web = node("web-1")
session = botocore.session.get_session().create_client("ssm").start_session(Target=web)
script = "echo $((6*7))-done; stty size; seq 2000 | tail -n 1; exit\n"
run = subprocess.run(
    ["node", os.environ["PEERS_NODE"] + "/ssm_session.mjs", session["StreamUrl"], session["TokenValue"]],
    input=script,
    capture_output=True,
    text=True,
    timeout=120,
)
same("a shell from its start to its end", run.returncode, 0)
for words in ("42-done", "34 197", "2000"):
    check(f"its output has {words}", words in run.stdout, (run.stdout, run.stderr))
finish()
