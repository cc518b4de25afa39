#!/usr/bin/env python3
"""Seed 4's session: its memory dump's commands as they stand, on the machine that has its addresses; its triage and user dump's on
the pair of dumps that the emulated machine writes, with that machine's addresses for the seed's. The truth is the seed's text
(seed4_session.txt), whose blanks are not kd's."""
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

from seed_session import answers, call_sites, opening, session

PROGRAM = sys.argv.pop(1)
SOURCE = pathlib.Path(sys.argv.pop(1)).resolve()
BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
MAKE_PHYSICAL = sys.argv.pop(1)
TEXT = SOURCE / "tests/console/seed4_session.txt"
PHYSICAL = BUILD / "tests/world_physical/modules/known"
PAIR = BUILD / "tests/world_sets/samples/pair"
PAIR_MODULES = BUILD / "tests/world_sets/modules"


def words(line):
    return line.split()


def names(lines):
    """The call sites of the seed's listing: behind the number and two addresses."""
    return [words(line)[3] for line in lines if re.match(r"[0-9a-f]{2} [0-9a-f`]{17} ", line)]


class MemoryDump(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.seed = session(TEXT)
        with tempfile.TemporaryDirectory() as folder:
            dump = pathlib.Path(folder) / "MEMORY.DMP"
            subprocess.run([MAKE_PHYSICAL, str(PHYSICAL), str(dump), "kernel"], check=True, timeout=300)
            commands = [c for c, _ in cls.seed] + ["~1s", "r", "? $ea", "dq $ea L1", "? $eventip"]
            cls.opening, cls.ours = answers(PROGRAM, dump, ["-y", PHYSICAL, "-i", PHYSICAL], commands)

    def test_the_session_opens_at_the_bugcheck_with_its_operand_s_value(self):
        # KeBugCheckEx keeps its first argument: kd shows the home space above the return address.
        self.assertRegex(self.opening, r"(?m)^nt!KeBugCheckEx:\n[0-9a-f`]{17} 48894c2408 +mov +qword ptr \[rsp\+8\],rcx "
                                       r"ss:0018:[0-9a-f]{8}`[0-9a-f]{8}=[0-9a-f]{16}$")

    def test_the_operand_s_value_is_what_the_memory_has_there(self):
        _, registers, ea, memory, event = self.ours[len(self.seed):]
        line = self.opening.splitlines()[-1]
        self.assertEqual(registers.splitlines()[-1], line)
        rsp = int(re.search(r"rsp=([0-9a-f]{16})", registers)[1], 16)
        address, value = re.search(r"ss:0018:(\S+)=(\S+)$", line).groups()
        self.assertEqual(int(address.replace("`", ""), 16), rsp + 8)
        self.assertEqual(words(ea)[-1], address)
        self.assertEqual(words(memory), [address, value[:8] + "`" + value[8:]])
        self.assertEqual(words(event)[-1], line.split()[0])

    def test_process_shows_the_seed_s_process_and_threads(self):
        seed, ours = self.seed[0][1], self.ours[0].splitlines()
        self.assertEqual(words(ours[0]), words(seed[0]))
        # The world has no session, no handle table.
        self.assertEqual(words(ours[1])[2:], words(seed[1])[2:])
        self.assertEqual(words(ours[2])[:3], words(seed[2])[:3])
        self.assertEqual(words(ours[3])[0], "Image:")
        rows = [words(line) for line in ours if "THREAD" in line]
        expected = [words(line) for line in seed if "THREAD" in line]
        self.assertEqual(len(rows), 4)
        for row, wanted in zip(rows, expected, strict=True):
            # Up to the TEB, and the wait's reason.
            self.assertEqual(row[:7], wanted[:7])
            self.assertEqual(row[8:10], wanted[8:10])

    def test_thread_makes_it_the_context(self):
        self.assertEqual(self.ours[1].splitlines(), self.seed[1][1])

    def test_k_is_the_seed_s_stack(self):
        seed, ours = self.seed[2][1], self.ours[2].splitlines()
        self.assertEqual(words(ours[0]), words(seed[0]))
        self.assertEqual(words(ours[1]), words(seed[1])[1:])  # kd's newer listings have numbers
        rows = [words(line) for line in ours[2:] if re.match(r"[0-9a-f`]{17} ", line)]
        self.assertEqual([row[2] for row in rows], names(seed))


class TriageDump(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.seed = session(TEXT, "kernel")
        paths = ["-y", PAIR_MODULES, "-i", PAIR_MODULES]
        dump = PAIR / "ConsoleApp1.Kernel.dmp"
        _, (process,) = answers(PROGRAM, dump, paths, ["!process 3adc 2"])
        cls.threads = re.findall(r"THREAD ([0-9a-f]{16})", process)
        cls.commands = [c.replace("ffffcf8d5ae14080", cls.threads[0]) for c, _ in cls.seed]
        cls.opening, ours = answers(PROGRAM, dump, paths, cls.commands)
        cls.ours = [answer.splitlines() for answer in ours]

    def test_the_session_opens_as_the_seed_s_does(self):
        expected = opening(TEXT, "kernel")
        lines = self.opening.splitlines()
        at = lines.index(expected[0])
        self.assertEqual(lines[at + 1], expected[1])
        # Another instruction stands there: the columns are the seed's.
        shape = r"[0-9a-f]{8}`[0-9a-f]{8} [0-9a-f]+ +[a-z]+ +(qword|dword) ptr \[[^\]]+\]\S* [ds]s:00(18|2b):[0-9a-f]{8}`[0-9a-f]{8}=[0-9a-f?]+"
        self.assertRegex(expected[2], f"^{shape}$")
        self.assertRegex(lines[at + 2], f"^{shape}$")

    def test_process_by_its_name_finds_what_kd_could_not(self):
        before, after = self.ours[0], self.ours[2]
        self.assertEqual(before, after)
        self.assertEqual(len([line for line in after if "THREAD" in line]), 4)

    def test_reload_user_says_what_it_does_and_what_it_can_not(self):
        self.assertEqual(self.ours[1][0], self.seed[1][1][0])
        self.assertRegex(self.ours[1][1], "no memory of processes")

    def test_process_takes_an_id(self):
        # kd took the ID for an address; the process's own is shown.
        self.assertRegex(self.ours[3][0], r"^Implicit process is now [0-9a-f]{8}`[0-9a-f]{8}$")

    def test_process_shows_the_seed_s_columns_and_threads(self):
        seed, ours = self.seed[4][1], self.ours[4]
        for i in range(4):
            keys = [word for word in words(seed[i]) if word.endswith(":") or word.isupper()]
            self.assertEqual([word for word in words(ours[i]) if word.endswith(":") or word.isupper()][:len(keys)], keys)
        self.assertIn("Cid: 3adc", ours[1])
        rows = [words(line) for line in ours if "THREAD" in line]
        expected = [words(line) for line in seed if "THREAD" in line]
        self.assertEqual([row[2:7] for row in rows], [row[2:7] for row in expected])
        self.assertEqual([row[1] for row in rows], self.threads)

    def test_k_is_the_seed_s_stack_by_name(self):
        self.assertEqual(words(self.ours[6][0]), words(self.seed[6][1][0]))
        self.assertEqual(call_sites("\n".join(self.ours[6])), names(self.seed[6][1]))


class UserDump(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.seed = session(TEXT, "user")
        _, ours = answers(PROGRAM, PAIR / "ConsoleApp1.dmp", ["-y", PAIR_MODULES, "-i", PAIR_MODULES], [c for c, _ in cls.seed])
        cls.ours = [answer.splitlines() for answer in ours]

    def test_k_shows_the_seed_s_two_frames_of_libraries(self):
        self.assertEqual(call_sites("\n".join(self.ours[0]))[:2], names(self.seed[0][1])[:2])
        self.assertEqual(words(self.ours[0][1])[:2], words(self.seed[0][1][1])[1:3])

    def test_threads_are_listed_in_the_seed_s_columns(self):
        seed, ours = self.seed[1][1], self.ours[1]
        for line, expected in zip(ours, seed):
            self.assertEqual(words(line)[:9] if line.startswith(".") else words(line)[:8],
                             words(expected)[:9] if expected.startswith(".") else words(expected)[:8])


if __name__ == "__main__":
    unittest.main()
