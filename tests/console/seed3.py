#!/usr/bin/env python3
"""Seed 3's session, command for command, on the machine that has the seed's addresses. The truth is the seed's text
(seed3_session.txt), as it was published: its blanks are not kd's, and its redaction gives BabyHog's name to other drivers."""
import pathlib
import re
import subprocess
import sys
import unittest

PROGRAM = sys.argv.pop(1)
SOURCE = pathlib.Path(sys.argv.pop(1)).resolve()
WORLD = pathlib.Path(sys.argv.pop(1)).resolve() / "tests/stackhog/samples/x86"

# The seed's PDB told these names through a map of moved code, by which they lie across each other: in the world each
# function begins later, and the offsets are smaller.
MOVED = ["Ntfs!NtfsNonCachedIo", "Ntfs!NtfsCommonRead", "Ntfs!NtfsUpdateDuplicateInfo", "Ntfs!NtfsCommonCleanup"]


def session():
    """The seed's commands and what it shows of their answers, in order."""
    found = []
    for line in (SOURCE / "tests/console/seed3_session.txt").read_text().splitlines():
        if match := re.match(r"3: kd> ?(.*)", line):
            found.append((match[1], []))
        else:
            found[-1][1].append(line)
    return found


def answers(commands):
    """What each command line answers, fed through a pipe."""
    lines = "".join(f"{command}\n.echo <end>\n" for command in ["* what opening shows", *commands])
    done = subprocess.run([PROGRAM, "open", str(WORLD / "full.dmp"), "-y", str(WORLD / "symbols"), "-i",
                           str(WORLD / "images"), "--offline"], input=lines.encode(), capture_output=True, timeout=300)
    if done.returncode != 0:
        raise AssertionError(done.stderr.decode())
    parts = re.split(r"^.*?> \.echo <end>\n<end>\n", done.stdout.decode(), flags=re.M)
    return [part.split("\n", 1)[1] for part in parts[1:-1]]


def words(line):
    return line.split()


class Seed3(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.seed = session()
        cls.ours = answers([command for command, _ in cls.seed])

    def of(self, beginning):
        """The seed's lines and ours for the one command that begins so."""
        found = [i for i, (command, _) in enumerate(self.seed) if command.startswith(beginning)]
        self.assertEqual(len(found), 1, beginning)
        return self.seed[found[0]][1], self.ours[found[0]].splitlines()

    def test_cls_and_kframes_answer_as_the_seeds_do(self):
        self.assertEqual(self.of(".cls")[1], [])
        seed, ours = self.of(".kframes 200")
        self.assertEqual(ours, seed)

    def test_dps_of_the_whole_stack_has_the_seeds_words_and_symbols(self):
        seed, ours = self.of("dps b8ae6000")
        self.assertEqual(len(ours), 0x3000 // 4 + 1)  # the seed's END is in the range, as it is in kd
        slots = {words(line)[0]: line.split(";")[0].split() for line in ours}
        self.assertEqual(len(seed), 24)
        for line in seed:
            expected = words(line)
            self.assertEqual(slots[expected[0]][1], expected[1], line)
            if len(expected) == 2:
                self.assertEqual(len(slots[expected[0]]), 2, line)
            elif "Hog" not in line:
                self.assertEqual(slots[expected[0]][2], expected[2], line)
        # The redaction's BossHog is kf's BabyHog.
        self.assertEqual(slots["b8ae6140"][2], "BabyHog+0x1196")
        self.assertEqual(slots["b8ae6148"][2], "BabyHog!HogFarm+0x88c")

    def test_dps_says_what_the_seeds_author_looked_for(self):
        _, ours = self.of("dps b8ae6000")
        meaning = {words(line)[0]: line.split("; ", 1)[1] for line in ours if "; " in line}
        for chained in ("b8ae60ec", "b8ae6100", "b8ae6128", "b8ae613c", "b8ae6144"):
            self.assertRegex(meaning[chained], "frame pointer", chained)
        for returned in ("b8ae60f0", "b8ae6104", "b8ae612c", "b8ae6140", "b8ae6148"):
            self.assertRegex(meaning[returned], "return", returned)

    def test_kf_is_the_seeds_listing_in_every_column(self):
        seed, ours = self.of("kf=")
        self.assertEqual(len(seed), 120)
        self.assertEqual(words(ours[0]), words(seed[0]))
        for expected, line in zip(seed[1:], ours[1:120], strict=True):
            if any(name in expected for name in MOVED):
                expected, line = expected.split("+0x")[0], line.split("+0x")[0]
            self.assertEqual(line, expected)
        self.assertEqual(ours[120:], ["note: begun at the registers given"])

    def test_sums_are_the_seeds(self):
        for beginning in ("? 0x8+0x80", "? 4176/1024"):
            seed, ours = self.of(beginning)
            self.assertEqual(ours, seed)

    def test_ub_shows_the_seeds_call_and_what_it_called(self):
        seed, ours = self.of("ub b958ecdf L1")
        # The seed's label is a byte before the call, which has six.
        self.assertEqual((seed[0], ours[0]), ("BabyHog!HogFarm+0xa8:", "BabyHog!HogFarm+0xa9:"))
        # The seed's kd names data by an export far before it, in the code; here data that no symbol is of has the module's name.
        self.assertEqual(re.sub(r" (?=[+)])", "", seed[1]), "call dword ptr BabyHog!HogFarm+0x7460 (b9596090)")
        self.assertEqual(words(ours[1])[:7], ["b958ecd9", "ff15906059b9", "call", "dword", "ptr", "[BabyHog+0x9090", "(b9596090)]"])
        self.assertEqual(ours[2:], ["; called MamaHog+0x30d0 (b8d8c0d0), read from BabyHog+0x9090 (b9596090)"])

    def test_dps_of_the_slot_has_what_was_called(self):
        seed, ours = self.of("dps b9596090 L1")
        # Redacted: BabyHog ends before b958f000, and +0x30d0 is of the driver that begins at b8d89000.
        expected = words(seed[0].replace("BabyHog +", "MamaHog+"))
        self.assertEqual(ours[0].split(";")[0].split(), expected)

    def test_disassemble_takes_the_consoles_expressions(self):
        done = subprocess.run([PROGRAM, "disassemble", str(WORLD / "full.dmp"), "poi(b9596090)", "-y", str(WORLD / "symbols"),
                               "-i", str(WORLD / "images"), "--offline"], capture_output=True, timeout=300, check=True)
        self.assertEqual(done.stdout.decode().splitlines()[:2], ["MamaHog+0x30d0:", "b8d8c0d0 55               push    ebp"])

    def test_uf_lists_the_seeds_instructions(self):
        seed, ours = self.of("uf b8d8c0d0")
        self.assertEqual(ours[0], "MamaHog+0x30d0:")
        self.assertEqual(len(seed), 9)
        for expected, line in zip(seed, ours[1:10], strict=True):
            # The redaction's name for the driver, and its blank.
            self.assertEqual(words(line), words(expected.replace("BabyHog +", "MamaHog+")))

    def test_formats_are_the_seeds(self):
        for beginning in (".formats 0x0FFF", ".formats 2c4"):
            seed, ours = self.of(beginning)
            ours = [words(line) for line in ours]
            for line in seed:
                self.assertIn(words(line), ours)


if __name__ == "__main__":
    unittest.main()
