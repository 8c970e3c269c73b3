"""Counts what passes and what fails, and says which."""

import contextlib
import json
import os
import subprocess
import sys
import traceback

# The AWS CLI; before 2.13 it must be told where the region is.
AWS = (os.environ.get("PEERS_AWS", "aws"),)
if os.environ.get("PEERS_AWS_ENDPOINT") == "flag":
    AWS += ("--endpoint-url", os.environ["AWS_ENDPOINT_URL"])
passed = 0
failed = 0


def check(name, truth, why=""):
    """One thing that must hold."""
    global passed, failed
    if truth:
        passed += 1
    else:
        failed += 1
        print(f"peers: FAILED: {name}: {why}", flush=True)


def same(name, got, wanted):
    check(name, got == wanted, f"got {got!r}, wanted {wanted!r}")


def attempt(name):
    """Runs what it stands over; an exception there is one failure, and the rest goes on."""

    def run(work):
        try:
            work()
        except Exception as error:
            line = traceback.extract_tb(error.__traceback__)[1].lineno
            check(name, False, f"{type(error).__name__} in line {line}: {error}")

    return run


@contextlib.contextmanager
def traced(terminal):
    """Shows what stood there if something fails."""
    before = failed
    with terminal:
        try:
            yield terminal
        finally:
            if failed > before:
                print(f"peers: the terminal said {terminal.text!r}", flush=True)


def aws(*arguments, **environment):
    """Runs the AWS CLI. Returns its exit code, its output read as JSON (or None), and its complaint."""
    run = subprocess.run(
        [*AWS, "--output", "json", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
    )
    try:
        answer = json.loads(run.stdout)
    except ValueError:
        answer = None
    return run.returncode, answer, run.stderr.strip() or run.stdout.strip()


def node(name):
    """The instance id of a sample machine."""
    code, answer, why = aws("ec2", "describe-instances", "--filters", f"Name=tag:Name,Values={name}")
    machines = [machine for group in (answer or {"Reservations": []})["Reservations"] for machine in group["Instances"]]
    check(f"{name} is found", code == 0 and len(machines) == 1, why)
    return machines[0]["InstanceId"]


def finish():
    """Says the counts; a suite that checked nothing has failed."""
    suite = os.path.basename(sys.argv[0]).removesuffix(".py")
    print(f"peers: {suite}: {passed} passed, {failed} failed", flush=True)
    sys.exit(1 if failed or not passed else 0)
