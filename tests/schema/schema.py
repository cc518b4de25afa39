#!/usr/bin/env python3
"""Every command's JSON is in docs/schema: each output is valid, and by exactly one kind of document. Lines of --json-lines
are the document taken apart."""
import glob
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import jsonschema

PROGRAM = sys.argv.pop(1)
SOURCE = pathlib.Path(sys.argv.pop(1)).resolve()
BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
DATA = pathlib.Path(os.environ.get("NTSTACK_DATA", SOURCE.parent / "shared" / "data"))
SCHEMA = json.loads((SOURCE / "docs" / "schema" / "ntstack.schema.json").read_text())
HANG = SOURCE / "samples" / "seed1" / "w3wp.dmp"
SYMBOLS = SOURCE / "samples" / "seed1" / "symbols"


def validator_of(name):
    return jsonschema.Draft202012Validator({"$defs": SCHEMA["$defs"], "$ref": f"#/$defs/{name}"})


WHOLE = jsonschema.Draft202012Validator(SCHEMA)


def run(*arguments, given=None):
    env = {k: v for k, v in os.environ.items() if not k.startswith("_NT_")}
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, env=env, input=given, timeout=120)
    if done.returncode != 0:
        raise AssertionError(f"{arguments}: exit {done.returncode}: {done.stderr.decode()}")
    return done.stdout.decode()


def dumps():
    found = sorted(SOURCE.glob("samples/*/*.dmp")) + sorted(DATA.glob("*/*.dmp"))
    for pattern in ("world_arm64/samples/*/*.dmp", "world_x86/samples/*/*/*.dmp"):
        found += sorted(pathlib.Path(p) for p in glob.glob(str(BUILD / "tests" / pattern)))
    return found


class Documents(unittest.TestCase):
    def check(self, document, name, what):
        for error in validator_of(name).iter_errors(document):
            self.fail(f"{what}: {error.json_path}: {error.message}")

    def test_commands_of_a_dump(self):
        checked = 0
        for dump in dumps():
            for command, name in (("info", "info_document"), ("modules", "modules_document"),
                                  ("processes", "processes_document"), ("threads", "threads_document"),
                                  ("stacks", "stacks_document"), ("groups", "groups_document"), ("waits", "waits_document"),
                                  ("analyze", "analyze_document"), ("waits", "waits_document")):
                self.check(json.loads(run(command, dump, "--json")), name, f"{command} {dump}")
                checked += 1
        self.assertGreaterEqual(checked, 14)

    def test_commands_of_several_dumps_and_of_none(self):
        self.check(json.loads(run("diff", HANG, HANG, "--json")), "diff_document", "diff")
        self.check(json.loads(run("groups", HANG, SOURCE / "samples/processors/processors.dmp", "--json")), "groups_document",
                   "groups of two machines")
        self.check(json.loads(run("analyze", "--bugchecks", "--json")), "bugchecks_document", "bugchecks")
        self.check(json.loads(run("doctor", "--json")), "doctor_document", "doctor")
        self.check(json.loads(run("symbols", "check", HANG, "--json")), "symbol_check_document", "symbols check")
        self.check(json.loads(run("stack-use", HANG, "-y", SYMBOLS, "--json")), "stack_use_document", "stack-use")
        stack = json.loads(run("stacks", HANG, "-y", SYMBOLS, "--json"))["stacks"][0]
        thread, address = stack["thread"]["address"], stack["frames"][0]["ip"]
        self.check(json.loads(run("stack-starts", HANG, "--thread", thread, "--json")), "stack_starts_document", "stack-starts")
        self.check(json.loads(run("disassemble", HANG, address, "-y", SYMBOLS, "--json")), "disassembly_document",
                   "disassemble")

    def test_report(self):
        with tempfile.TemporaryDirectory() as folder:
            for dump in dumps():
                for options in ([], ["--redact"]):
                    text = run("report", dump, "-o", os.path.join(folder, "page.html"), "--json", "-", *options)
                    self.check(json.loads(text), "report_document", f"report {dump}")

    def test_symbolize(self):
        pdb = SYMBOLS / "rdbss.pdb"
        for options in ([], ["--inlines"]):
            text = run("symbolize", pdb, "--json-lines", *options, given=b"1000\n1010\nzz\nffffffff\n")
            self.assertEqual(len(text.splitlines()), 4)
            for line in text.splitlines():
                self.check(json.loads(line), "symbolize_line", line)

    def test_no_document_is_of_two_kinds(self):
        for arguments in (("info", HANG), ("stacks", HANG), ("groups", HANG), ("modules", HANG), ("threads", HANG),
                          ("processes", HANG), ("analyze", HANG), ("waits", HANG)):
            WHOLE.validate(json.loads(run(*arguments, "--json")))


class Lines(unittest.TestCase):
    def test_they_are_the_document_taken_apart(self):
        sets = sorted(p for p in glob.glob(str(BUILD / "tests/world_sets/samples/*")) if os.path.isdir(p))
        cases = [("stacks", "stacks", "stack", [HANG]), ("threads", "threads", "thread", [HANG]),
                 ("processes", "processes", "process", [HANG]), ("modules", "modules", "module", [HANG]),
                 ("stacks", "stacks", "stack", [SOURCE / "samples/processors/processors.dmp"])]
        cases += [("stacks", "stacks", "stack", [path]) for path in sets[:2]]
        cases += [("groups", "groups", "group", [HANG]), ("waits", "graph/waits", "wait", [HANG]),
                  ("diff", "threads", "movement", [HANG, HANG])]
        for command, name, item, paths in cases:
            document = json.loads(run(command, *paths, "--json"))
            lines = [json.loads(line) for line in run(command, *paths, "--json-lines").splitlines()]
            for line in lines[:50]:
                WHOLE.validate(line)
            self.assertEqual(lines[0]["type"], "header")
            *outer, name = name.split("/")
            rebuilt = lines[0]["document"]
            around, whole = rebuilt, document
            for key in outer:
                around, whole = around[key], whole[key]
            self.assertGreater(len(whole[name]), 0)
            self.assertEqual([line["type"] for line in lines[1:]], [item] * len(whole[name]))
            self.assertEqual(around[name], [])
            around[name] = [line[item] for line in lines[1:]]
            self.assertEqual(rebuilt, document, f"{command} {paths}")

    def test_a_reader_that_goes_away_ends_it(self):
        with subprocess.Popen([PROGRAM, "stacks", HANG, "--json-lines"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as done:
            done.stdout.readline()
            done.stdout.close()
            done.wait(60)


if __name__ == "__main__":
    unittest.main(verbosity=2)
