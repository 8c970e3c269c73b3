"""A program at a terminal of its own: keys in, screen out. Deadlines end a hang; they judge nothing."""

import errno
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

PATIENCE = 60


class Gone(Exception):
    """What was waited for did not come."""


class Terminal:
    def __init__(self, *command, rows=24, cols=80, **environment):
        self.controller, self.worker = pty.openpty()
        self.resize(rows, cols)
        self.modes = termios.tcgetattr(self.worker)
        self.text = ""
        self.seen = 0
        self.process = subprocess.Popen(
            command,
            stdin=self.worker,
            stdout=self.worker,
            stderr=self.worker,
            preexec_fn=self._own_the_terminal,
            env={**os.environ, "TERM": "xterm-256color", **environment},
        )

    def _own_the_terminal(self):
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def resize(self, rows, cols):
        fcntl.ioctl(self.controller, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def type(self, keys):
        os.write(self.controller, keys.encode())

    def _read(self, wait):
        readable, _, _ = select.select([self.controller], [], [], wait)
        if not readable:
            return False
        try:
            chunk = os.read(self.controller, 65536)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            chunk = b""
        self.text += chunk.decode("utf-8", "replace")
        return bool(chunk)

    def wait(self, pattern, patience=PATIENCE):
        """Until the pattern stands in what was not matched yet; returns the match."""
        end = time.monotonic() + patience
        while True:
            found = re.compile(pattern).search(self.text, self.seen)
            if found:
                self.seen = found.end()
                return found
            if time.monotonic() > end or (self.process.poll() is not None and not self._read(0)):
                raise Gone(f"no {pattern!r} in {self.text[self.seen:]!r}")
            self._read(0.2)

    def until(self, holds):
        """Until something holds that cannot be seen here."""
        end = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > end or self.process.poll() is not None:
                raise Gone(f"it does not happen: {self.text[self.seen:]!r}")
            self._read(0.05)

    def end(self):
        """Waits for the program to end by itself; its code."""
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            if time.monotonic() > end:
                self.kill()
                raise Gone(f"it does not end: {self.text[-500:]!r}")
            self._read(0.05)
        while self._read(0):
            pass
        return self.process.returncode

    def restored(self):
        """Whether the terminal is as it was before."""
        return termios.tcgetattr(self.worker) == self.modes

    def kill(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        os.close(self.controller)
        os.close(self.worker)
