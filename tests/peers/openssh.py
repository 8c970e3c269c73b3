"""OpenSSH's programs and rsync through sessions: with ours as the ProxyCommand, and through the AWS CLI with ours as its plugin."""

import getpass
import hashlib
import os
import pathlib
import signal
import subprocess
import tempfile
import time

from check import AWS, attempt, aws, check, finish, node, same, traced
from terminal import Terminal

home = pathlib.Path(tempfile.mkdtemp())
user = getpass.getuser()
web = node("web-1")
ssmtui = os.environ["SSMTUI"]
BIG = 32 * 1024 * 1024

key = home / "key"
subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
proxies = {
    "ours": f"{ssmtui} ssh-proxy %h %p",
    "aws": f"{AWS[0]} ssm start-session --target %h --document-name AWS-StartSSHSession --parameters portNumber=%p",
}
for name, proxy in proxies.items():
    (home / name).write_text(
        f"Host i-*\n  User {user}\n  ProxyCommand {proxy}\n  IdentityFile {key}\n  IdentitiesOnly yes\n  BatchMode yes\n"
        "  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n  GlobalKnownHostsFile /dev/null\n"
    )


def push_key():
    """Lets the key in for a minute."""
    code, answer, why = aws("ec2-instance-connect", "send-ssh-public-key", "--instance-id", web, "--instance-os-user", user, "--ssh-public-key", f"file://{key}.pub")
    check("the key is pushed", code == 0 and answer["Success"], why)


def run(*command, **options):
    push_key()
    return subprocess.run([str(part) for part in command], capture_output=True, timeout=300, **options)


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def sessions():
    _, answer, _ = aws("ssm", "describe-sessions", "--state", "Active")
    return [item["SessionId"] for item in (answer or {"Sessions": ["?"]})["Sessions"]]


def none_left():
    for _ in range(50):
        if not sessions():
            return True
        time.sleep(0.2)
    return False


def carries(name):
    config = home / name
    ssh = ("ssh", "-F", config, web)

    @attempt(f"{name}: ssh")
    def _():
        done = run(*ssh, "echo out; echo err >&2; exit 7")
        same(f"{name}: ssh keeps streams and exit code", (done.returncode, done.stdout, done.stderr), (7, b"out\n", b"err\n"))
        done = run(*ssh, "cat", stdin=subprocess.DEVNULL)
        same(f"{name}: the end of input ends cat", (done.returncode, done.stdout), (0, b""))
        data = os.urandom(3_000_017)
        done = run(*ssh, "sha256sum", input=data)
        same(f"{name}: input arrives whole", done.stdout.split()[:1], [hashlib.sha256(data).hexdigest().encode()])
        done = run(*ssh, "cat", input=data)
        check(f"{name}: output comes back whole", done.stdout == data, (len(done.stdout), done.stderr))
        # One line end alone is what the official client changes on the way.
        done = run(*ssh, "od -An -c; false", input=b"\n")
        same(f"{name}: one line end alone stays one", (done.returncode, done.stdout.split()), (1, [b"\\n"]))
        done = run(*ssh, "kill -TERM $$")
        same(f"{name}: a killed command", done.returncode, 255)

    @attempt(f"{name}: ssh at a terminal")
    def _():
        push_key()
        with traced(Terminal("ssh", "-F", str(config), "-tt", web, rows=33, cols=99)) as terminal:
            terminal.wait(r"[$#] ")
            terminal.type("stty size\r")
            terminal.wait(r"33 99\r*\n")
            terminal.type("sleep 1000\r")
            terminal.wait("sleep 1000")
            terminal.type("\x03")
            terminal.wait(r"[$#] ")
            terminal.type("exit 4\r")
            same(f"{name}: ^C, and the exit code of a login shell", terminal.end(), 4)
            check(f"{name}: the terminal is as it was", terminal.restored())
        push_key()
        with traced(Terminal("ssh", "-F", str(config), web, "echo here; sleep 1000")) as terminal:
            terminal.wait("here")
            terminal.type("\x03")
            check(f"{name}: ^C without a far terminal ends ssh", terminal.end() in (130, 255, -signal.SIGINT), terminal.process.returncode)

    @attempt(f"{name}: scp")
    def _():
        here, there, back = home / "big", home / f"there-{name}", home / f"back-{name}"
        here.write_bytes(os.urandom(BIG))
        done = run("scp", "-q", "-F", config, here, f"{web}:{there}")
        check(f"{name}: scp uploads 32 MiB", done.returncode == 0 and digest(there) == digest(here), done.stderr)
        done = run("scp", "-q", "-F", config, f"{web}:{there}", back)
        check(f"{name}: scp downloads 32 MiB", done.returncode == 0 and digest(back) == digest(here), done.stderr)
        done = run("scp", "-q", "-F", config, f"{web}:/nonexistent/file", back)
        check(f"{name}: scp tells of a missing file", done.returncode == 1 and b"No such file" in done.stderr, done)

    @attempt(f"{name}: sftp")
    def _():
        batch = f"mkdir {home}/d-{name}\nput {home}/big {home}/d-{name}/a\nrename {home}/d-{name}/a {home}/d-{name}/b\nget {home}/d-{name}/b {home}/got-{name}\nls -l {home}/d-{name}\n"
        done = run("sftp", "-q", "-F", config, "-b", "-", web, input=batch.encode())
        check(f"{name}: sftp puts, renames and gets", done.returncode == 0 and digest(home / f"got-{name}") == digest(home / "big"), done.stderr)

    @attempt(f"{name}: rsync")
    def _():
        source, target, again = home / f"tree-{name}", home / f"copy-{name}", home / f"again-{name}"
        for index in range(40):
            path = source / f"{index % 5}" / f"file {index}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(os.urandom(index * 4000))
        shell = f"ssh -F {config}"
        done = run("rsync", "-a", "-e", shell, f"{source}/", f"{web}:{target}/")
        check(f"{name}: rsync uploads a tree", done.returncode == 0, done.stderr)
        (source / "1" / "file 6").write_bytes(b"changed")
        (source / "2" / "file 7").unlink()
        done = run("rsync", "-a", "--delete", "-e", shell, f"{source}/", f"{web}:{target}/")
        check(f"{name}: rsync uploads what has changed", done.returncode == 0, done.stderr)
        done = run("rsync", "-a", "-z", "-e", shell, f"{web}:{target}/", f"{again}/")
        check(f"{name}: rsync downloads it", done.returncode == 0, done.stderr)
        tree = lambda root: {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
        check(f"{name}: all three trees are one", tree(source) == tree(target) == tree(again))

    check(f"{name}: no session is left", none_left(), sessions())


for name in proxies:
    carries(name)


@attempt("ssmtui ssh")
def _():
    done = subprocess.run([ssmtui, "ssh", "--push-key", web, "-l", user, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "echo out; exit 5"], capture_output=True, timeout=120, stdin=subprocess.DEVNULL)
    same("ssmtui ssh --push-key runs a command", (done.returncode, done.stdout), (5, b"out\n"))
    done = subprocess.run([ssmtui, "ssh-config"], capture_output=True, text=True, timeout=60)
    (home / "snippet").write_text(done.stdout)
    done = subprocess.run(["ssh", "-F", home / "snippet", "-G", web], capture_output=True, text=True, timeout=60)
    check("ssh reads what ssh-config prints", done.returncode == 0 and "ssh-proxy" in done.stdout, (done.stdout[-500:], done.stderr))
    check("no session is left by ssmtui ssh", none_left(), sessions())


finish()
