"""pyssm-client, which shares no line with the official client nor with us, in the region."""

import hashlib
import os
import pathlib
import re
import signal
import subprocess
import tempfile

from check import attempt, check, finish, node, same, traced
from server import Greeter, Web, get, greeted, post, together
from terminal import Terminal

pyssm = os.environ["PEERS_PYSSM"]
web = node("web-1")


@attempt("a shell")
def _():
    with traced(Terminal(pyssm, "ssh", "--target", web, rows=30, cols=100)) as terminal:
        terminal.wait(r"[$#] ")
        terminal.type("echo $((6*7))-done\r")
        terminal.wait(r"\n42-done\r*\n")
        terminal.type("until [ \"$(stty size)\" = '30 100' ]; do sleep 0.1; done; echo si'z'ed\r")
        terminal.wait(r"\nsized\r*\n")
        terminal.type("sleep 1000\r")
        terminal.wait("sleep 1000")
        terminal.type("\x03")
        terminal.wait(r"[$#] ")
        terminal.type("seq 3000 | sha256sum; seq 3000\r")
        wanted = hashlib.sha256("".join(f"{n}\n" for n in range(1, 3001)).encode()).hexdigest()
        terminal.wait(wanted)
        terminal.wait(r"\n2999\r*\n3000\r*\n")
        terminal.type("exit\r")
        same("a shell ends with 0", terminal.end(), 0)


@attempt("commands and files")
def _():
    run = subprocess.run([pyssm, "exec", "--target", web, "--command", "echo out; echo err >&2; exit 7"], capture_output=True, text=True, timeout=120)
    check("exec", run.returncode == 7 and "out" in run.stdout and "err" in run.stdout + run.stderr, run)
    with tempfile.TemporaryDirectory() as folder:
        here, there, back = (pathlib.Path(folder) / name for name in ("here", "there", "back"))
        # Its downloads lose what reads like a path in base64, and want padding at the end: digits, of a fitting length.
        here.write_bytes(("".join(f"{n}\n" for n in range(10_000)))[:40_000].encode())
        for name, pair in (("uploads", (here, f"{web}:{there}")), ("downloads", (f"{web}:{there}", back))):
            # It types a file as lines; longer ones than this do not fit into a terminal's line.
            run = subprocess.run([pyssm, "copy", "--chunk-size", "2048", *map(str, pair)], capture_output=True, text=True, timeout=300)
            check(f"copy {name}", run.returncode == 0, run)
        check("files arrive as they are", there.exists() and back.exists() and here.read_bytes() == there.read_bytes() == back.read_bytes())


def forwarded(port, *more):
    process = subprocess.Popen([pyssm, "port-forward", "--target", web, "--remote-port", str(port), *more], stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    found = re.search(r"127\.0\.0\.1:(\d+)", line)
    if not found:
        process.kill()
        raise RuntimeError(f"it does not listen: {line!r}")
    return process, int(found[1])


@attempt("forwards")
def _():
    server, greeter = Web(), Greeter("127.0.0.3")
    for name, arguments, checks in (
        ("the node's own port", (server.port,), lambda port: get(port) and all(together(8, lambda: get(port))) and post(port, 300_000)),
        ("another host's port", (greeter.port, "--remote-host", "127.0.0.3"), lambda port: all(together(3, lambda: greeted(port)))),
    ):
        process, port = forwarded(*arguments)
        try:
            check(name, checks(port))
        finally:
            process.send_signal(signal.SIGINT)
            same(f"{name}: ^C", process.wait(30), 0)


finish()
