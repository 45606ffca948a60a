"""Runs a program on a terminal of its own, as a person would: looks at it, resizes it, ends it by the key q.

    terminal.py PART,PART LAST PROGRAM [ARGUMENT ...]

Each PART has to be on the screen, at first and again after the resize; then LAST, if it is not empty. Exits 1
with a traceback and the screen if something is not as it should be.
"""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time

DEADLINE = 30
"""Seconds until what a busy machine may be late with counts as failed."""
PATIENCE = 9
"""Seconds that a person waits for it to end, at the most."""
ESCAPE = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")


def resize(terminal, columns, rows):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


class Screen:
    """What was written to a terminal."""

    def __init__(self, terminal):
        self.terminal = terminal
        self.written = b""

    def read(self):
        ready, _, _ = select.select([self.terminal], [], [], 0.05)
        if ready:
            self.written += os.read(self.terminal, 65536)
        return bool(ready)

    def shows(self, parts, since=0):
        end = time.monotonic() + DEADLINE
        while not all(part.encode() in ESCAPE.sub(b"", self.written[since:]) for part in parts):
            self.read()
            assert time.monotonic() < end, f"{parts} not in {self.written[since:]!r}"


def main(parts, last, *command):
    parts = parts.split(",")
    near, far = pty.openpty()
    resize(far, 120, 40)
    before = termios.tcgetattr(far)
    process = subprocess.Popen(
        command,
        stdin=far,
        stdout=far,
        stderr=far,
        start_new_session=True,
        # Its own terminal tells it of a resize.
        preexec_fn=lambda: fcntl.ioctl(far, termios.TIOCSCTTY, 0),
    )
    try:
        screen = Screen(near)
        screen.shows(parts)
        assert b"\x1b[?1049h" in screen.written, "an alternate screen"
        assert termios.tcgetattr(far) != before, "keys come as they are pressed"
        resized = len(screen.written)
        resize(near, 100, 30)
        screen.shows(parts, resized)
        screen.shows([last], resized)
        os.write(near, b"q")
        # Read on: a program that cannot write does not end.
        end = time.monotonic() + PATIENCE
        while process.poll() is None:
            screen.read()
            assert time.monotonic() < end, f"q does not end it: {screen.written[resized:]!r}"
        while screen.read():
            pass
        assert process.returncode == 0, (process.returncode, screen.written[resized:])
        for on, off in [(b"\x1b[?1049h", b"\x1b[?1049l"), (b"\x1b[?25l", b"\x1b[?25h")]:
            assert screen.written.rfind(off) > screen.written.rfind(on), f"{off!r} is missing"
        assert termios.tcgetattr(far) == before, "the terminal is not as it was"
    finally:
        process.kill()
        process.wait()


main(*sys.argv[1:])
