"""What stands behind the ports that the peers connect to, and what connects to them."""

import hashlib
import os
import socket
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY = os.urandom(300_000)


class Web(ThreadingHTTPServer):
    """Answers a GET with random bytes and a POST with the hash of what it got."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host="127.0.0.1"):
        super().__init__((host, 0), Page)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Page(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self._answer(BODY)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(hashlib.sha256(body).hexdigest().encode())

    def log_message(self, *_):
        pass


class Greeter:
    """Speaks first, then echoes; closes after `bye`."""

    def __init__(self, host="127.0.0.1"):
        self.socket = socket.create_server((host, 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            connection, _ = self.socket.accept()
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection):
        with connection:
            connection.sendall(b"220 hello\r\n")
            while data := connection.recv(65536):
                connection.sendall(data)
                if b"bye" in data:
                    return


def closed_port():
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def get(port, timeout=60):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=timeout) as answer:
        return answer.read() == BODY


def post(port, size, timeout=120):
    body = os.urandom(size)
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", data=body, method="POST")
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        return answer.read().decode() == hashlib.sha256(body).hexdigest()


def together(count, work):
    """The results of so many calls at once."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda _: work(), range(count)))


def greeted(port, timeout=60):
    """What a program hears that waits to be greeted, says something and hears it back until the far side closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        heard = b""
        while not heard.endswith(b"\n"):
            heard += connection.recv(1000)
        connection.sendall(b"x" * 5000 + b"bye\n")
        while data := connection.recv(65536):
            heard += data
        return heard == b"220 hello\r\n" + b"x" * 5000 + b"bye\n"


def echoed(port, timeout=60):
    """What a program hears that speaks first and hangs up first."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        wanted = b"220 hello\r\n" + b"x" * 5000 + b"\n"
        connection.sendall(b"x" * 5000 + b"\n")
        heard = b""
        while len(heard) < len(wanted) and (data := connection.recv(65536)):
            heard += data
        return heard == wanted
