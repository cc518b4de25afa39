#!/usr/bin/env python3
"""The Windows console as hands use it, under Wine at a pseudo-terminal: lines, Tab, backspace.

typing_wine.py WINDOWS_PROGRAM SOURCE BUILD"""
import fcntl
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import struct
import sys
import termios
import time

program, source, build = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]).resolve()
DEADLINE = 60  # seconds; Wine's first program takes some
if not shutil.which("wine"):
    print("not installed: wine")
    sys.exit(77)
if not program.is_file():
    print("not built: ntstack.exe (make windows)")
    sys.exit(77)


class Terminal:
    """Wine's console draws what was written by moving its cursor: such sequences are left out."""

    def __init__(self):
        self.unread = ""
        sample = source / "samples/seed1"
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
            os.environ.update(WINEPREFIX=str(build / "wine"), WINEDEBUG="-all", DISPLAY="", TERM="xterm")
            os.execvp("wine", ["wine", str(program), "open", str(sample / "w3wp.dmp"), "-y", str(sample / "symbols"),
                               "--offline"])

    def until(self, text):
        end = time.time() + DEADLINE
        while text not in self.unread:
            if time.time() > end:
                raise AssertionError(f"no {text!r} in {self.unread!r}")
            if not select.select([self.fd], [], [], 0.2)[0]:
                continue
            try:
                read = os.read(self.fd, 65536).decode(errors="replace")
            except OSError:
                raise AssertionError(f"ended without {text!r}: {self.unread!r}") from None
            self.unread += re.sub(r"\x1b\[\?25[lh]|\x1b\[K", "", read).replace("\x1b[1C", " ")
        out, self.unread = self.unread.split(text, 1)
        return out + text

    def type(self, keys):
        os.write(self.fd, keys.encode())


terminal = Terminal()
try:
    terminal.until("0: kd> ")
    terminal.type("ln rdb\t")  # a module
    terminal.until("rdbss!")
    terminal.type("RxFsdD\t")  # a symbol, whole
    terminal.until("RxFsdDispatch ")
    terminal.type("\r")
    assert "rdbss!RxFsdDispatch" in terminal.until("Exact matches:")
    terminal.until("0: kd> ")
    terminal.type("ln rdbxyz\x1b[D\x1b[D\x1b[D\t")  # in the middle: what is behind the cursor is given up
    terminal.until("ln rdbss!")
    terminal.type("RxFsdD\t\r")
    assert "rdbss!RxFsdDispatch" in terminal.until("Exact matches:")
    terminal.until("0: kd> ")
    terminal.type("!r\t")  # several
    listed = terminal.until("0: kd> !r")
    assert "!ready" in listed and "!running" in listed, listed
    terminal.type("\x7f\x7f? 4*5\r")
    terminal.until("= 00000000`00000014")
    terminal.until("0: kd> ")
    terminal.type("q\r")
    end = time.time() + DEADLINE
    while os.waitpid(terminal.pid, os.WNOHANG)[0] == 0:
        assert time.time() < end, "q does not end it"
        if select.select([terminal.fd], [], [], 0.2)[0]:
            try:
                os.read(terminal.fd, 65536)
            except OSError:
                time.sleep(0.1)
except AssertionError:
    os.kill(terminal.pid, signal.SIGKILL)
    raise
print("checked: 6 lines typed at the console of Windows")
