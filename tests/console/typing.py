#!/usr/bin/env python3
"""The console as hands use it, at a pseudo-terminal: keys, completion, history, pages, interruption, in two widths."""
import fcntl
import os
import pathlib
import pty
import select
import signal
import struct
import sys
import tempfile
import termios
import time
import unittest

PROGRAM = sys.argv.pop(1)
SOURCE = pathlib.Path(sys.argv.pop(1)).resolve()
SAMPLE = SOURCE / "samples/seed1"
DEADLINE = 20  # seconds


class Terminal:
    """The program at a terminal of its own."""

    def __init__(self, rows=24, columns=80, state=None, arguments=()):
        self.unread = ""
        self.state = state or tempfile.mkdtemp()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            # libedit itself loses the names of the functions that it is given (EL_ADDFN).
            os.environ.update(TERM="xterm", XDG_STATE_HOME=self.state, LC_ALL="C.UTF-8", ASAN_OPTIONS="detect_leaks=0")
            os.execv(PROGRAM, [PROGRAM, "open", str(SAMPLE / "w3wp.dmp"), "-y", str(SAMPLE / "symbols"), "--offline",
                               *arguments])
        self.until("kd> ")

    def until(self, text):
        """What is written up to and with a text."""
        end = time.time() + DEADLINE
        while text not in self.unread:
            if time.time() > end:
                raise AssertionError(f"no {text!r} in {self.unread!r}")
            if select.select([self.fd], [], [], 0.2)[0]:
                try:
                    self.unread += os.read(self.fd, 65536).decode(errors="replace")
                except OSError:
                    raise AssertionError(f"ended without {text!r}: {self.unread!r}") from None
        out, self.unread = self.unread.split(text, 1)
        return (out + text).replace("\r", "")

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def line(self, keys):
        """What a line answers, between it and the next prompt."""
        self.type(keys + "\n")
        self.until("\n")
        return self.until("kd> ")

    def end(self):
        self.type("\x03")
        self.until("kd> ")
        self.type("\x04")
        end = time.time() + DEADLINE
        while time.time() < end:
            if select.select([self.fd], [], [], 0.2)[0]:
                try:
                    if not os.read(self.fd, 65536):
                        break
                except OSError:
                    break
        else:
            os.kill(self.pid, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


class Typing(unittest.TestCase):
    def setUp(self):
        self.terminal = Terminal()

    def tearDown(self):
        self.assertEqual(self.terminal.end(), 0)

    def test_a_line_is_run(self):
        self.assertIn("Evaluate expression: 3 = 00000000`00000003", self.terminal.line("? 1+2"))

    def test_the_cursor_goes_back(self):
        self.terminal.type("? 1+3\x02\x02")  # Ctrl-B
        self.assertIn("= 00000000`00000015", self.terminal.line("2"))

    def test_an_empty_line_is_the_last_one_again(self):
        self.terminal.line("? 4*4")
        self.assertIn("00000000`00000010", self.terminal.line(""))

    def test_the_arrow_brings_lines_back(self):
        self.terminal.line("? 4*5")
        self.terminal.line("? 1")
        self.terminal.type("\x1b[A\x1b[A")
        self.assertIn("00000000`00000014", self.terminal.line(""))

    def test_commands_are_completed(self):
        self.terminal.type(".kfr\t")
        self.terminal.until("ames ")
        self.assertIn("Default stack trace depth", self.terminal.line(""))

    def test_modules_and_symbols_are_completed(self):
        self.terminal.type("ln rdb\tRxFsdD\t")
        self.terminal.until("ispatch ")
        self.assertIn("rdbss!RxFsdDispatch", self.terminal.line(""))

    def test_types_and_fields_are_completed(self):
        self.terminal.type("dt nt!KWAIT_B\t")
        self.terminal.until("LOCK ")
        self.terminal.type("WaitL\t")
        self.terminal.until("Entry ")
        self.assertRegex(self.terminal.line(""), r"\+0x[0-9a-f]+ WaitListEntry")

    def test_processes_are_completed(self):
        self.terminal.type("!process 0 0 w3\t")
        self.terminal.until("wp.exe ")
        self.assertIn("w3wp.exe", self.terminal.line(""))

    def test_registers_are_completed(self):
        self.terminal.type("? @$ptrs\t")
        self.terminal.until("ize ")
        self.assertIn("Evaluate expression: 8", self.terminal.line(""))

    def test_several_are_listed(self):
        self.terminal.type("!r\t\t")
        listed = self.terminal.until("kd> ")
        self.assertIn("!ready", listed)
        self.assertIn("!running", listed)
        self.terminal.type("\x03")
        self.terminal.until("kd> ")

    def test_ctrl_c_gives_a_line_up(self):
        self.terminal.type("? 77")
        self.terminal.type("\x03")
        self.terminal.until("kd> ")
        self.assertIn("00000000`00000002", self.terminal.line("? 2"))


class Pages(unittest.TestCase):
    def test_a_page_is_as_long_as_the_terminal(self):
        for rows, columns in ((24, 80), (50, 200)):
            with self.subTest(columns=columns):
                terminal = Terminal(rows, columns)
                terminal.type("help\n")
                terminal.until("\n")
                terminal.until("Stacks")  # the first line
                page = "Stacks" + terminal.until("-- more")
                taken = sum(max(1, -(-len(line) // columns)) for line in page.split("\n")[:-1])
                self.assertTrue(rows - 2 <= taken <= rows - 1, f"{taken} rows of {rows}")
                terminal.type("q")
                terminal.until("kd> ")
                self.assertIn("00000000`00000005", terminal.line("? 5"))
                self.assertEqual(terminal.end(), 0)

    def test_space_is_a_page_and_enter_a_line(self):
        terminal = Terminal()
        terminal.type("help\n")
        first = terminal.until("-- more")
        terminal.type(" ")
        second = terminal.until("-- more")
        self.assertGreater(second.count("\n"), 10)
        terminal.type("\n")
        third = terminal.until("-- more")
        self.assertLess(third.count("\n"), 3)
        terminal.type("\x03")
        terminal.until("kd> ")
        self.assertEqual(terminal.end(), 0)
        self.assertTrue(first)

    def test_no_pager_runs_through(self):
        terminal = Terminal(arguments=["--no-pager"])
        self.assertNotIn("-- more", terminal.line("help"))
        self.assertEqual(terminal.end(), 0)


class Interruption(unittest.TestCase):
    def test_ctrl_c_ends_the_command_and_not_the_program(self):
        terminal = Terminal(arguments=["--no-pager"])
        terminal.type("dd 0 L?100000000\n")
        terminal.until("????????")
        terminal.type("\x03")
        terminal.until("kd> ")
        self.assertIn("00000000`00000009", terminal.line("? 9"))
        self.assertEqual(terminal.end(), 0)


class History(unittest.TestCase):
    def test_the_next_session_knows_the_lines(self):
        with tempfile.TemporaryDirectory() as state:
            terminal = Terminal(state=state)
            terminal.line("? 0n1234")
            self.assertEqual(terminal.end(), 0)
            terminal = Terminal(state=state)
            terminal.type("\x1b[A")
            self.assertIn("000004d2", terminal.line(""))
            self.assertEqual(terminal.end(), 0)


if __name__ == "__main__":
    unittest.main()
