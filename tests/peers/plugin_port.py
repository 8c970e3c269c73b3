"""The AWS CLI forwards ports with our program in the place of its session-manager-plugin."""

import json
import re
import socket
import time

from check import AWS, attempt, aws, check, finish, node, same, traced
from server import Greeter, Web, closed_port, echoed, get, greeted, post, together
from terminal import Terminal

web_server, greeter = Web(), Greeter()
web = node("web-1")


def forward(target, document="AWS-StartPortForwardingSession", environment={}, **parameters):
    values = json.dumps({name: [str(value)] for name, value in parameters.items()})
    return Terminal(*AWS, "ssm", "start-session", "--target", target, "--document-name", document, "--parameters", values, **environment)


def opened(terminal, multiplexed=True):
    session = terminal.wait(r"\r\nStarting session with SessionId: (\S+)\r\n")[1]
    more = r"Waiting for connections\.\.\.\r\n" if multiplexed else ""
    port = terminal.wait(r"Port (\d+) opened for sessionId " + re.escape(session) + r"\.\r\n" + more)[1]
    return session, int(port)


def interrupted(terminal, session):
    terminal.type("\x03")
    terminal.wait(r"Terminate signal received, exiting\.\r\n")
    terminal.wait(r"\r\n\r\nExiting session with sessionId: " + re.escape(session) + r"\.\r\n\r\n")
    same("^C ends it with 0", terminal.end(), 0)
    check("and on the service, too", ended(session))


def ended(session):
    for _ in range(50):
        _, answer, _ = aws("ssm", "describe-sessions", "--state", "History")
        if any(item["SessionId"] == session for item in (answer or {"Sessions": []})["Sessions"]):
            return True
        time.sleep(0.2)
    return False


@attempt("a forward to a web server")
def _():
    with traced(forward(web, portNumber=web_server.port, localPortNumber=0)) as terminal:
        session, port = opened(terminal)
        check("a page comes through", get(port))
        terminal.wait(r"\r\nConnection accepted for session \[" + re.escape(session) + r"\]\r\n")
        check("30 pages at once", all(together(30, lambda: get(port))))
        check("uploads at once", all(together(4, lambda: post(port, 1_000_000))))
        same("somebody connected is said once", terminal.text.count("Connection accepted"), 1)
        interrupted(terminal, session)


@attempt("a forward to a server that speaks first")
def _():
    free = closed_port()
    with traced(forward(web, portNumber=greeter.port, localPortNumber=free)) as terminal:
        session, port = opened(terminal)
        same("the local port is the one that was asked for", port, free)
        check("greetings arrive, and the last words of a server that closes", all(together(5, lambda: greeted(port))))
        interrupted(terminal, session)


@attempt("a forward that listens elsewhere")
def _():
    with traced(forward(web, environment={"SSM_PLUGIN_LOCAL_HOST": "127.0.0.4"}, portNumber=web_server.port, localPortNumber=0)) as terminal:
        session, port = opened(terminal)
        with socket.create_connection(("127.0.0.4", port), timeout=30) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            same("it answers there", connection.recv(8), b"HTTP/1.1")
        interrupted(terminal, session)


@attempt("a forward to a port where nobody listens")
def _():
    with traced(forward(web, portNumber=closed_port(), localPortNumber=0)) as terminal:
        session, port = opened(terminal)
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            terminal.wait(r"\r\nConnection to destination port failed, check SSM Agent logs\.\r\n")
            try:
                same("the near side is closed", connection.recv(10), b"")
            except ConnectionResetError:
                pass
        interrupted(terminal, session)


@attempt("a local port that is taken")
def _():
    with traced(forward(web, portNumber=greeter.port, localPortNumber=greeter.port)) as terminal:
        terminal.wait(r"Cannot perform start session: .*in use")
        same("it ends with 0", terminal.end(), 0)


@attempt("a forward to another host")
def _():
    other = Greeter("127.0.0.3")
    document = "AWS-StartPortForwardingSessionToRemoteHost"
    with traced(forward(web, document, host="127.0.0.3", portNumber=other.port, localPortNumber=0)) as terminal:
        session, port = opened(terminal)
        check("connections reach it", all(together(3, lambda: greeted(port))))
        interrupted(terminal, session)
    with traced(forward(web, document, host="169.254.169.254", portNumber=80, localPortNumber=0)) as terminal:
        terminal.wait(r"\r\n\r\nSessionId: \S+ : .*Forwarding to IP address 169\.254\.169\.254 is forbidden\.")
        same("a forbidden one ends with 0", terminal.end(), 0)


@attempt("a forward through an agent without multiplexing")
def _():
    # The first agents that know of it are 3.0.196.
    _, answer, why = aws("ssm", "describe-instance-information", "--filters", "Key=PingStatus,Values=Online")
    old = next(row["InstanceId"] for row in answer["InstanceInformationList"] if row["AgentVersion"] == "3.0.151.0")
    with traced(forward(old, portNumber=greeter.port, localPortNumber=0)) as terminal:
        session, port = opened(terminal, multiplexed=False)
        # Such agents do not tell when the far side hangs up, and connect again when they are spoken to.
        check("one connection after the other", [echoed(port) for _ in range(3)] == [True] * 3)
        terminal.wait(r"Connection accepted for session " + re.escape(session) + r"\.\r\n")
        interrupted(terminal, session)


finish()
