#!/usr/bin/env python3
"""Critical sections of a real process under Wine, of which Wine's dbghelp wrote a dump. Truth: the process itself says which
thread has which section and who waits; the code that enters and waits is Wine's ntdll."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAM, BUILD = sys.argv.pop(1), pathlib.Path(sys.argv.pop(1)).resolve()


class Sections(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = tempfile.TemporaryDirectory()
        victim = pathlib.Path(cls.home.name) / "victim.exe"
        dump = pathlib.Path(cls.home.name) / "victim.dmp"
        subprocess.run(["x86_64-w64-mingw32-gcc", "-O1", "-Wall", "-Wextra", "-o", victim,
                        pathlib.Path(__file__).parent / "section_victim.c", "-ldbghelp"], check=True)
        environment = {**os.environ, "WINEPREFIX": f"{BUILD}/wine", "WINEDEBUG": "-all", "DISPLAY": ""}
        cls.truth = json.loads(subprocess.run(["wine", victim, f"Z:{dump}"], check=True, capture_output=True, timeout=120,
                                              env=environment).stdout)
        cls.graph = json.loads(subprocess.run([PROGRAM, "waits", dump, "--offline", "--json"], check=True,
                                              capture_output=True).stdout)["graph"]

    @classmethod
    def tearDownClass(cls):
        cls.home.cleanup()

    def object_at(self, address):
        found = [o for o in self.graph["objects"] if o["kind"] == "critical_section" and o["address"] == address]
        self.assertEqual(len(found), 1, address)
        return found[0]

    def test_the_holder_and_those_that_wait(self):
        held = self.object_at(self.truth["held"])
        self.assertEqual([h["thread"]["thread_id"] for h in held["holders"]], [self.truth["holder"]])
        self.assertEqual(held["holders"][0]["certainty"], "fact")
        waiters = [self.graph["waits"][w]["thread_id"] for w in held["waiters"]]
        self.assertEqual(sorted(waiters), sorted(self.truth["waiters"]))
        self.assertEqual(held["behind"], 2)

    def test_the_deadlock(self):
        self.assertEqual(len(self.graph["cycles"]), 1)
        steps = {(step["thread"]["thread_id"], self.graph["objects"][step["object"]]["address"])
                 for step in self.graph["cycles"][0]["steps"]}
        self.assertEqual(steps, {(self.truth["has_first"], self.truth["second"]), (self.truth["has_second"], self.truth["first"])})
        first = self.graph["diagnosis"][0]
        self.assertEqual(first["kind"], "deadlock")
        self.assertTrue(first["sentence"].startswith("deadlock: 2 threads wait for each other"), first["sentence"])


if __name__ == "__main__":
    for tool in ("wine", "x86_64-w64-mingw32-gcc"):
        if not shutil.which(tool):
            print(f"skipped: no {tool}")
            sys.exit(77)
    unittest.main(verbosity=2)
