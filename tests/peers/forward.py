"""iperf3 and a web server through `ssmtui forward`."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading

from check import attempt, check, finish, node, same
from server import Greeter, Web, closed_port, get, greeted, post, together

ssmtui = os.environ["SSMTUI"]
web = node("web-1")


class Forward:
    """`ssmtui forward`, and the local ports that it says it listens on."""

    def __init__(self, *arguments, count=1):
        self.process = subprocess.Popen([ssmtui, "forward", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.said = []
        # Near ports by the far ones.
        self.ports = {}
        self.errors = []
        threading.Thread(target=lambda: self.errors.extend(self.process.stderr), daemon=True).start()
        while len(self.ports) < count:
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError(f"it does not listen: {self.said} {self.errors}")
            self.said.append(line)
            if found := re.match(r"127\.0\.0\.1:(\d+) -> .*\b(\d+)\n", line):
                self.ports[int(found[2])] = int(found[1])
        threading.Thread(target=lambda: self.said.extend(self.process.stdout), daemon=True).start()
        self.port = next(iter(self.ports.values()))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.code = self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                check("a forward ends by SIGINT", False, self.said)


@attempt("a web server")
def _():
    server, greeter = Web(), Greeter()
    with Forward(web, f"0:{server.port}", f"0:127.0.0.1:{greeter.port}", count=2) as forward:
        check("a page", get(forward.ports[server.port]))
        check("50 pages at once", all(together(50, lambda: get(forward.ports[server.port]))))
        check("uploads at once", all(together(4, lambda: post(forward.ports[server.port], 5_000_000))))
        check("one process carries several forwards", all(together(10, lambda: greeted(forward.ports[greeter.port]))))
    with Forward("--lanes", "4", web, f"0:{server.port}") as forward:
        check("40 pages at once over 4 lanes", all(together(40, lambda: get(forward.port))))
    with tempfile.TemporaryDirectory() as root:
        with open(f"{root}/file", "wb") as file:
            file.write(os.urandom(20_000_000))
        port = closed_port()
        files = subprocess.Popen(["python3", "-m", "http.server", "--bind", "127.0.0.1", "--directory", root, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            with Forward(web, f"0:{port}") as forward:
                def fetch():
                    done = subprocess.run(["curl", "-s", "--retry", "20", "--retry-connrefused", "--retry-all-errors", f"http://127.0.0.1:{forward.port}/file"], capture_output=True, timeout=120)
                    return done.stdout == open(f"{root}/file", "rb").read()
                check("python's own web server, a file of 20 MB three times at once", all(together(3, fetch)))
        finally:
            files.kill()
            files.wait()


@attempt("iperf3")
def _():
    port = closed_port()
    server = subprocess.Popen(["iperf3", "-s", "--forceflush", "-B", "127.0.0.1", "-p", str(port)], stdout=subprocess.PIPE, text=True)
    try:
        while "listening" not in (line := server.stdout.readline()):
            check("iperf3 -s starts", line)
        threading.Thread(target=server.stdout.read, daemon=True).start()
        with Forward(web, f"0:{port}") as forward:
            for name, flags in (("up", ["-n", "32M"]), ("down", ["-R", "-n", "8M"]), ("4 up", ["-P", "4", "-n", "16M"]), ("4 down", ["-R", "-P", "4", "-n", "8M"]), ("both ways", ["--bidir", "-t", "3"])):
                run = subprocess.run(["iperf3", "-c", "127.0.0.1", "-p", str(forward.port), "-J", *flags], capture_output=True, text=True, timeout=300)
                answer = json.loads(run.stdout or "{}")
                check(f"iperf3 {name}", run.returncode == 0 and "error" not in answer, answer.get("error", run.stderr))
                end = answer.get("end", {})
                print(f"peers: iperf3 {name}: {end.get('sum_received', {}).get('bits_per_second', 0) / 8e6:.1f} MB/s", flush=True)
    finally:
        server.kill()
        server.wait()


check("curl is there", shutil.which("curl"))
finish()
