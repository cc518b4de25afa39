#!/usr/bin/env python3
"""Seed 1's command lines, letter for letter, on the dump of its world: two threads' stacks are those that the seed publishes
(seed1_session.txt); which threads there are is the emulated machine's truth."""
import json
import pathlib
import re
import sys
import unittest

from seed_session import answers, call_sites, session

PROGRAM = sys.argv.pop(1)
SOURCE = pathlib.Path(sys.argv.pop(1)).resolve()
FOLDER = SOURCE / "samples/seed1"
TEXT = SOURCE / "tests/console/seed1_session.txt"
HEADING = re.compile(r"THREAD ([0-9a-f]{16})  Cid [0-9a-f]{4}\.([0-9a-f]{4})  Teb: [0-9a-f]{16} Win32Thread: [0-9a-f?]{16} \S.*")


def without_trap_frames(names):
    return [name.split(" (")[0] for name in names]


class Seed1(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.seed = session(TEXT)
        cls.opening, ours = answers(PROGRAM, FOLDER / "w3wp.dmp", ["-y", FOLDER / "symbols"], [c for c, _ in cls.seed])
        cls.ours = dict(zip([c for c, _ in cls.seed], ours, strict=True))
        truth = json.loads((FOLDER / "truth.json").read_text())
        cls.captured = {int(t["ethread"], 16): t for t in truth["threads"] if t["capture"] == "apc"}

    def of(self, beginning):
        (found,) = [(seed, self.ours[command]) for command, seed in self.seed if command.startswith(beginning)]
        return found

    def threads_of(self, text):
        """Of each thread shown: the names of its frames, without those of user mode."""
        found = {}
        parts = re.split(r"(?m)^ *(?=THREAD )", text)
        for part in parts[1:]:
            match = HEADING.match(part.splitlines()[0].strip())
            self.assertTrue(match, part.splitlines()[0])
            self.assertNotIn(int(match[1], 16), found)
            found[int(match[1], 16)] = [name for name in call_sites(part) if "!" in name]
        return found

    def test_the_session_opens_at_the_capture_s_instruction(self):
        self.assertRegex(self.opening, r"(?m)^nt!DbgkpLkmdSnapThreadInContext\+0x79:\n[0-9a-f`]{17} [0-9a-f]+ +\w+ +\S+$")

    def test_thread_shows_the_first_captured_thread_as_published(self):
        seed, ours = self.of("!thread")
        self.assertEqual(list(self.threads_of(ours)), [next(iter(self.captured))])
        self.assertEqual([name for name in call_sites(ours) if "!" in name], seed)

    def test_process_shows_both_published_stacks_and_every_captured_thread(self):
        seed, ours = self.of("!process -1 1f")
        self.assertRegex(ours, r"\APROCESS [0-9a-f]{16}\n    SessionId: \S+  Cid: [0-9a-f]{4}    Peb: [0-9a-f]+  ParentCid: [0-9a-f]{4}\n"
                               r"    DirBase: [0-9a-f]+  ObjectTable: [0-9a-f?]+  HandleCount: [^\n]+\n    Image: w3wp.exe\n")
        threads = self.threads_of(ours)
        self.assertLessEqual(set(self.captured), set(threads))
        listings = [part.split("\n") for part in "\n".join(seed).split("\n\n")]
        self.assertEqual(len(listings), 2)
        for listing in listings:
            self.assertIn(without_trap_frames(listing), [without_trap_frames(names) for names in threads.values()])

    def test_list_walks_the_threads_that_the_kernel_s_list_has(self):
        _, ours = self.of("!list")
        threads = self.threads_of(ours)
        self.assertEqual(next(iter(threads)), next(iter(self.captured)))
        _, whole = self.of("!process")
        for address, names in threads.items():
            self.assertEqual(names, self.threads_of(whole)[address])

    def test_dt_gives_the_offset_that_the_seed_takes(self):
        seed, ours = self.of("dt ")
        self.assertRegex(ours, rf"nt!_KTHREAD\n   \+0x{seed[0]} Process +: ")

    def test_foreach_finds_every_captured_thread_by_its_process(self):
        _, ours = self.of(".foreach")
        self.assertLessEqual(set(self.captured), set(self.threads_of(ours)))


if __name__ == "__main__":
    unittest.main()
