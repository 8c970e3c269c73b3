"""The AWS CLI opens shells with our program in the place of its session-manager-plugin."""

import os
import re
import subprocess

from check import AWS, check, finish, node, same
from terminal import Gone, Terminal

PLUGIN = "session-manager-plugin"
web = node("web-1")
start = (*AWS, "ssm", "start-session", "--target", web)


def plugin(*arguments, **environment):
    run = subprocess.run([PLUGIN, *arguments], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, env={**os.environ, **environment})
    return run.returncode, run.stdout, run.stderr


# What callers ask before they start anything.
same("without arguments it says that it is there", plugin(), (0, "\nThe Session Manager plugin was installed successfully. Use the AWS CLI to start a session.\n\n", ""))
code, version, why = plugin("--version")
check("--version is four numbers and nothing else", code == 0 and re.fullmatch(r"\d+\.\d+\.\d+\.\d+\n", version) and not why, version)
parts = tuple(int(part) for part in version.strip().split("."))
check("of a version that AWS still supports", parts >= (1, 2, 764, 0), version)
same("an unknown operation", plugin("--help"), (0, "\nUnknown operation --help. \nUse session-manager-plugin --version to check the version.\n\n", ""))
same("another operation", plugin("{}", "eu-west-1", "ResumeSession", "", "{}", ""), (0, "Invalid Operation", ""))
code, out, why = plugin("{", "eu-west-1", "StartSession", "", "{}", "")
check("an answer that is none", code == 0 and out.startswith("Cannot perform start session: ") and not why, out)

try:
    # A shell at a terminal: banners, keys, size, signals, the end.
    with Terminal(*start, rows=30, cols=100) as shell:
        session = shell.wait(r"\r\nStarting session with SessionId: (\S+)\r\n")[1]
        shell.wait(r"[$#] ")
        shell.type("echo $((6*7))-done\r")
        shell.wait(r"\n42-done\r?\n")
        shell.type("stty size\r")
        shell.wait(r"\n30 100\r?\n")
        shell.resize(40, 120)
        shell.wait(r"[$#] ")
        shell.type("until [ \"$(stty size)\" = '40 120' ]; do sleep 0.1; done; echo resized\r")
        shell.wait(r"\nresized\r?\n")
        shell.type("sleep 1000\r")
        shell.wait("sleep 1000")
        shell.type("\x03")
        shell.wait(r"[$#] ")
        # The job itself says that it runs: between two jobs of a line there is nothing to stop.
        shell.type("sh -c 'echo still; exec sleep 1000'\r")
        shell.wait(r"\nstill\r?\n")
        shell.type("\x1a")
        shell.wait(r"[$#] ")
        shell.type("fg\r")
        shell.wait(r"sleep 1000['\"]?\r?\n")
        shell.type("\x03")
        shell.wait(r"[$#] ")
        shell.type("exit\r")
        shell.wait(r"\r\n\r\nExiting session with sessionId: " + re.escape(session) + r"\.\r\n\r\n")
        same("a shell ends with 0", shell.end(), 0)
        check("and the terminal is as it was", shell.restored())

    # `~.` ends it, whatever runs there.
    with Terminal(*start) as shell:
        session = shell.wait(r"SessionId: (\S+)\r\n")[1]
        shell.wait(r"[$#] ")
        shell.type("sleep 1000\r")
        shell.wait("sleep 1000")
        shell.type("\r~.")
        shell.wait(r"Exiting session with sessionId: " + re.escape(session))
        same("~. ends with 0", shell.end(), 0)
        check("and restores the terminal", shell.restored())
except Gone as gone:
    check("a shell at a terminal", False, gone)

# Input from a pipe, without its last line end; output byte for byte.
run = subprocess.run(start, input="stty -echo; PS1=\necho a; printf 'b\\0c'; echo; stty size\nexit 3".encode(), capture_output=True, timeout=120)
run.stdout, run.stderr = run.stdout.decode(), run.stderr.decode()
session = re.search(r"SessionId: (\S+)\n", run.stdout)
check("a shell with input from a pipe", run.returncode == 0 and session and "a\r\nb\0c\r\n100 300\r\n" in run.stdout, (run.returncode, run.stdout, run.stderr))
check("starts with the official words", run.stdout.startswith(f"\nStarting session with SessionId: {session and session[1]}\n"), run.stdout)
check("ends with the official words", run.stdout.endswith(f"\n\nExiting session with sessionId: {session and session[1]}.\n\n"), run.stdout)
check("and says nothing else", run.stderr == "", run.stderr)

# Without a signature, as callers want it who have no credentials; where signatures are demanded that is refused, in words.
run = subprocess.run(start, input=b"exit\n", capture_output=True, timeout=120, env={**os.environ, "SSM_PLUGIN_SKIP_CLIENT_CONFIGURE": "true"})
if os.environ.get("PEERS_STRICT"):
    check("an unsigned session is refused", run.returncode == 0 and b"Cannot perform start session: " in run.stdout and b"Exiting" not in run.stdout, run)
else:
    check("an unsigned session runs", run.returncode == 0 and b"Exiting session with sessionId" in run.stdout, run)

# What the node cannot do comes from AWS before the plugin is asked.
run = subprocess.run([*AWS, "ssm", "start-session", "--target", node("idle-1")], capture_output=True, text=True, timeout=120)
check("a node that is not connected", run.returncode != 0 and "(TargetNotConnected)" in run.stderr, run.stderr)
finish()
