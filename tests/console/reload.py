#!/usr/bin/env python3
""".sympath, .exepath and .reload with a symbol server: Python's HTTP server over a store whose keys llvm-pdbutil and the
images' headers give. The stacks then are those of local files, and nothing is asked for that nobody needs.

reload.py PROGRAM SOURCE"""
import functools
import http.server
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import unittest

PROGRAM = sys.argv.pop(1)
SAMPLE = pathlib.Path(sys.argv.pop(1)).resolve() / "samples/seed1"
PDBUTIL = shutil.which("llvm-pdbutil-19")


def key_of(file):
    """A symbol store's folder of a file."""
    if file.suffix == ".pdb":
        summary = subprocess.run([PDBUTIL, "dump", "-summary", file], capture_output=True, text=True, check=True).stdout
        guid, age = re.search(r"GUID: \{([^}]*)\}", summary)[1], re.search(r"Age: (\d+)", summary)[1]
        return guid.replace("-", "") + f"{int(age):X}"
    image = file.read_bytes()
    header = struct.unpack_from("<I", image, 0x3C)[0]
    return "{:08X}{:x}".format(struct.unpack_from("<I", image, header + 8)[0], struct.unpack_from("<I", image, header + 80)[0])


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        self.server.asked.append(self.path)


@unittest.skipUnless(PDBUTIL, "not installed: llvm-19")
class Reload(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        store = self.folder / "store"
        for file in sorted((SAMPLE / "symbols").iterdir()):
            place = store / file.name / key_of(file)
            place.mkdir(parents=True)
            shutil.copy(file, place / file.name)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=store))
        self.server.asked = []
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.path = f"srv*{self.folder / 'cache'}*http://127.0.0.1:{self.server.server_address[1]}"

    def tearDown(self):
        self.server.shutdown()
        self.server.server_close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def run_console(self, commands, *options):
        env = {k: v for k, v in os.environ.items() if not k.startswith("_NT_") and not k.lower().endswith("_proxy")}
        done = subprocess.run([PROGRAM, "open", SAMPLE / "w3wp.dmp", *options, "-c", commands], capture_output=True, text=True,
                              env=env, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def files_asked_for(self):
        return {path.split("/")[1].lower() for path in self.server.asked}

    def test_one_module_is_fetched_and_what_the_first_stack_needs(self):
        local = self.run_console("k", "-y", SAMPLE / "symbols", "-i", SAMPLE / "symbols", "--offline")
        needed = {"ntkrnlmp" if name == "nt" else name.lower() for name in re.findall(r" (\w+)!", local)}
        out = self.run_console(f".sympath {self.path}; .exepath {self.path}; lm m rdbss; .reload rdbss.sys; lm m rdbss")
        before, after = [line for line in out.split("\n") if re.search(r"   rdbss ", line)]
        self.assertNotIn("pdb symbols", before)
        self.assertIn("(pdb symbols)", after)
        asked = {name.split(".")[0] for name in self.files_asked_for()} - {"ntoskrnl"}
        self.assertEqual(asked, needed | {"rdbss"})
        kept = [file.name for file in (self.folder / "cache").rglob("rdbss.pdb") if file.is_file()]
        self.assertEqual(kept, ["rdbss.pdb"])

    def test_all_are_fetched_and_stacks_are_those_of_local_files(self):
        commands = ".echo ==; !process 0 17"
        local = self.run_console(commands, "-y", SAMPLE / "symbols", "-i", SAMPLE / "symbols", "--offline").split("==\n")[1]
        self.assertIn("rdbss!RxFsdCommonDispatch", local)
        out = self.run_console(f".sympath {self.path}; .exepath {self.path}; .reload /f; {commands}")
        self.assertIn(" modules have symbols of their own", out)
        self.assertEqual(out.split("==\n")[1], local)
        first = len(self.server.asked)
        self.run_console(f".sympath {self.path}; .exepath {self.path}; .reload /f")
        fetched = {name for name in self.files_asked_for() if (SAMPLE / "symbols" / name).exists()}
        self.assertFalse([path for path in self.server.asked[first:] if path.split("/")[1] in fetched], "what was kept is asked for")

    def test_a_server_that_is_not_there_is_said(self):
        gone = self.path.rsplit(":", 1)[0] + ":9"
        out = self.run_console(f".sympath {gone}; .exepath {gone}; .reload rdbss.sys; .echo still")
        self.assertIn("*** No symbols of its own for rdbss", out)
        self.assertIn("still\n", out)


if __name__ == "__main__":
    unittest.main(verbosity=1)
