"""pyssm-client, which shares no line with the official client nor with us, in the region.

It sends nothing twice, while agents drop, without a word, what comes before their shell or port stands (official agent:
ErrHandlerNotReady). So a session that began too fast is tried again; what fails three times has failed."""

import hashlib
import os
import pathlib
import re
import signal
import subprocess
import tempfile

from check import check, finish, node
from server import Greeter, Web, get, greeted, post, together
from terminal import Terminal

pyssm = os.environ["PEERS_PYSSM"]
web = node("web-1")


def thrice(name):
    """Runs what it stands over, which returns what must hold, up to three times."""

    def run(work):
        for tries in (1, 2, 3):
            try:
                results = work()
            except Exception as error:
                results = [(f"{type(error).__name__}: {error}", False)]
            if all(truth for _, truth in results) or tries == 3:
                for what, truth in results:
                    check(f"{name}: {what}", truth)
                return

    return run


@thrice("a shell")
def _():
    with Terminal(pyssm, "ssh", "--target", web, rows=30, cols=100) as terminal:
        terminal.wait(r"[$#] ")
        terminal.type("echo $((6*7))-done\r")
        terminal.wait(r"\n42-done\r*\n", patience=20)
        terminal.type("until [ \"$(stty size)\" = '30 100' ]; do sleep 0.1; done; echo si'z'ed\r")
        terminal.wait(r"\nsized\r*\n")
        terminal.type("sleep 1000\r")
        terminal.wait("sleep 1000")
        terminal.type("\x03")
        terminal.wait(r"[$#] ")
        terminal.type("seq 3000 | sha256sum; seq 3000\r")
        terminal.wait(hashlib.sha256("".join(f"{n}\n" for n in range(1, 3001)).encode()).hexdigest())
        terminal.wait(r"\n2999\r*\n3000\r*\n")
        terminal.type("exit\r")
        return [("it ends with 0", terminal.end() == 0)]


def run(*arguments):
    return subprocess.run([pyssm, *map(str, arguments)], capture_output=True, text=True, timeout=300)


@thrice("a command")
def _():
    done = run("exec", "--target", web, "--command", "echo out; echo err >&2; exit 7")
    return [(f"exec gave {done}", done.returncode == 7 and "out" in done.stdout and "err" in done.stdout + done.stderr)]


@thrice("a file")
def _():
    with tempfile.TemporaryDirectory() as folder:
        here, there, back = (pathlib.Path(folder) / name for name in ("here", "there", "back"))
        # Its downloads lose what reads like a path in base64, and want padding at the end: digits, of a fitting length.
        here.write_bytes(("".join(f"{n}\n" for n in range(10_000)))[:40_000].encode())
        # It types a file as lines; longer ones than this do not fit into a terminal's line.
        up = run("copy", "--chunk-size", 2048, here, f"{web}:{there}")
        down = run("copy", "--chunk-size", 2048, f"{web}:{there}", back)
        same = there.exists() and back.exists() and here.read_bytes() == there.read_bytes() == back.read_bytes()
        return [(f"upload gave {up}", up.returncode == 0), (f"download gave {down}", down.returncode == 0), ("it arrives as it is", same)]


def forwarded(port, *more):
    process = subprocess.Popen([pyssm, "port-forward", "--target", web, "--remote-port", str(port), *more], stdout=subprocess.PIPE, text=True)
    said = ""
    for line in process.stdout:
        said += line
        if found := re.search(r"listening on 127\.0\.0\.1:(\d+)", line):
            return process, int(found[1])
    process.kill()
    raise RuntimeError(f"it does not listen: {said!r}")


def carried(work, *arguments):
    process, port = forwarded(*arguments)
    try:
        return [("connections", work(port)), ("^C", (process.send_signal(signal.SIGINT), process.wait(30)) == (None, 0))]
    finally:
        process.kill()


server, greeter = Web(), Greeter("127.0.0.3")


@thrice("a forward")
def _():
    return carried(lambda port: get(port, 20) and all(together(8, lambda: get(port, 20))) and post(port, 300_000, 20), server.port)


@thrice("a forward to another host")
def _():
    return carried(lambda port: all(together(3, lambda: greeted(port, 20))), greeter.port, "--remote-host", "127.0.0.3")


finish()
