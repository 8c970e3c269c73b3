"""The AWS CLI runs commands, encrypted shells and containers' shells with our program in the place of its plugin."""

import json
import os
import pathlib
import re
import subprocess
import tempfile

from check import AWS, attempt, aws, check, finish, node, same, traced
from terminal import Terminal

web = node("web-1")


def command(document, target=web, **parameters):
    values = json.dumps({name: [value] for name, value in parameters.items()})
    more = ("--parameters", values) if parameters else ()
    return (*AWS, "ssm", "start-session", "--target", target, "--document-name", document, *more)


def run(*arguments, stdin=subprocess.DEVNULL, **environment):
    """Its code, and standard output between the banners, which must be there, and the session."""
    done = subprocess.run(arguments, stdin=stdin, capture_output=True, timeout=120, env={**os.environ, **environment})
    text = done.stdout.decode("utf-8", "replace")
    whole = re.fullmatch(r"(?s).*?\nStarting session with SessionId: (\S+)\n(.*?)\n\nExiting session with sessionId: \1\.\n\n", text)
    check(f"{arguments[3:]} starts and ends with the official words", whole, (text, done.stderr))
    return done.returncode, whole[2] if whole else text, done.stderr.decode()


@attempt("a command in a terminal")
def _():
    with traced(Terminal(*command("AWS-StartInteractiveCommand", command="echo here; until [ \"$(stty size)\" = '31 77' ]; do sleep 0.1; done; stty size; read name; echo hello $name; sleep 1000"), rows=31, cols=77)) as terminal:
        session = terminal.wait(r"SessionId: (\S+)\r\n")[1]
        terminal.wait(r"31 77\r\n")
        terminal.type("you\r")
        terminal.wait(r"hello you\r\n")
        terminal.type("\x03")
        terminal.wait(r"\r\n\r\nExiting session with sessionId: " + re.escape(session) + r"\.\r\n\r\n")
        same("^C ends the command, and with it the session", terminal.end(), 0)
        check("the terminal is as it was", terminal.restored())
    # Nobody at the keyboard: the official client would leave before the output.
    code, out, _ = run(*command("AWS-StartInteractiveCommand", command="sleep 1; seq 5000"))
    same("all output comes though input has ended", (code, out), (0, "".join(f"{n}\r\n" for n in range(1, 5001))))


@attempt("commands without a terminal")
def _():
    same("joined output", run(*command("AWS-StartNonInteractiveCommand", command="sh -c 'echo out; echo err >&2; exit 3'"))[:2], (0, "out\nerr\n"))
    code, out, _ = run(*command("Shop-Check", service="cart", code="3"))
    same("ends with 0 whatever the command says", code, 0)
    check("separate output and the exit code, all on standard output", sorted(out.replace("EXIT_CODE: 3", "").splitlines()) == ["cart: 3 slow requests", "cart: port open"] and out.endswith("EXIT_CODE: 3"), out)
    begun = pathlib.Path(tempfile.mkdtemp()) / "begun"
    with traced(Terminal(*command("AWS-StartNonInteractiveCommand", command=f"sh -c 'touch {begun}; exec sleep 1000'"))) as terminal:
        session = terminal.wait(r"SessionId: (\S+)\r\n")[1]
        terminal.until(begun.exists)
        terminal.type("\x03")
        terminal.wait(r"(?s)\r\n\r\nExiting session with sessionId: " + re.escape(session))
        same("^C reaches the command", terminal.end(), 0)


@attempt("encrypted sessions")
def _():
    with traced(Terminal(*AWS, "ssm", "start-session", "--target", node("kms-1"))) as terminal:
        session = terminal.wait(r"SessionId: (\S+)\r\n")[1]
        terminal.wait(r"This session is encrypted using AWS KMS\.\r\n")
        terminal.wait(r"[$#] ")
        terminal.type("echo $((6*7))-secret\r")
        terminal.wait(r"\n42-secret\r?\n")
        terminal.type("exit\r")
        terminal.wait(r"Exiting session with sessionId: " + re.escape(session))
        same("an encrypted shell ends with 0", terminal.end(), 0)
    code, out, _ = run(*command("Shop-EncryptedCommand", command="seq 1000"))
    check("an encrypted command in a terminal", code == 0 and out.endswith("".join(f"{n}\r\n" for n in range(1, 1001))), out[-300:])
    code, out, _ = run(*command("Shop-EncryptedCheck", command="sh -c 'echo out; exit 7'"))
    check("an encrypted command without one", code == 0 and out.endswith("out\nEXIT_CODE: 7"), out)
    for document, words in (("Shop-VaultShell", "kms:GenerateDataKey"), ("Shop-RetiredShell", "disabled"), ("Shop-LostKeyShell", "alias/nowhere")):
        done = subprocess.run(command(document), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        check(f"{document} says what is wrong with the key", done.returncode == 0 and words in done.stdout + done.stderr, (done.stdout, done.stderr))


@attempt("containers")
def _():
    task = "0f9de17a6465404e8b1b2356dc13c2f8"
    execute = (*AWS, "ecs", "execute-command", "--cluster", "shop", "--task", task, "--container", "app", "--interactive", "--command")
    with traced(Terminal(*execute, "/bin/sh")) as terminal:
        session = terminal.wait(r"Starting session with SessionId: (ecs-execute-command-\S+)\r\n")[1]
        terminal.wait(r"[$#] ")
        terminal.type("echo $((6*7))-contained\r")
        terminal.wait(r"\n42-contained\r?\n")
        terminal.type("exit\r")
        terminal.wait(r"Exiting session with sessionId: " + re.escape(session))
        same("a container's shell ends with 0", terminal.end(), 0)
    code, out, why = run(*execute, "seq 3")
    check("a container's command", code == 0 and out.endswith("1\r\n2\r\n3\r\n"), (out, why))


finish()
