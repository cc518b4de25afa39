#!/usr/bin/env python3
"""`ntstack waits` on the worlds' dumps and on real ones. Truth: what the emulated threads did (truth.json: the owner came
first to the resource, each worker called ExAcquireResourceExclusiveLite for it and waits), the schema by a validator that is
not ours."""
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import unittest

PROGRAM = sys.argv.pop(1)
SOURCE = pathlib.Path(sys.argv.pop(1)).resolve()
BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
DATA = pathlib.Path(os.environ.get("NTSTACK_DATA", SOURCE.parent / "shared" / "data"))
SEED1 = SOURCE / "samples" / "seed1" / "w3wp.dmp"
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("_NT_")}


def run(*arguments, expect=0):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, env=ENVIRONMENT, timeout=120)
    if done.returncode != expect:
        raise AssertionError(f"{arguments}: exit {done.returncode}: {done.stderr.decode()}")
    return done.stdout.decode()


def paths_of(dump):
    found = []
    for option, name in (("-y", "symbols"), ("-i", "symbols"), ("-i", "images")):
        if (dump.parent / name).is_dir() and option not in found:
            found += [option, dump.parent / name]
    return found


def x86_paths(dump):
    """Of a dump of tests/world_x86, whose modules lie apart, by build and compiler."""
    modules = BUILD / "tests" / "world_x86" / "modules" / dump.parent.parent.name
    return ["-y", modules, "-i", modules] if modules.is_dir() else []


def waits(dump, *options):
    return json.loads(run("waits", dump, "--json", "--offline", *paths_of(dump), *options))


def truth_of(dump):
    """By role: the threads that called the kernel's own code for a resource, and the one that has it."""
    threads = json.loads((dump.parent / "truth.json").read_text())["threads"]
    workers = {t["ethread"] for t in threads if t["role"].endswith("worker")}
    (owner,) = (t["ethread"] for t in threads if t["role"] == "owner")
    return workers, owner


class Seed1(unittest.TestCase):
    """Gary Nebbett's case: a triage dump, which has stacks and thread objects and no resource."""

    @classmethod
    def setUpClass(cls):
        cls.found = waits(SEED1)
        cls.graph = cls.found["graph"]
        cls.workers, cls.owner = truth_of(SEED1)
        cls.locks = [o for o in cls.graph["objects"] if o["kind"] == "resource"]

    def test_all_workers_wait_for_one_resource_and_nobody_else_does(self):
        self.assertEqual(len(self.locks), 1)
        lock = self.locks[0]
        self.assertEqual({self.graph["waits"][w]["thread"] for w in lock["waiters"]}, self.workers)
        self.assertEqual(lock["behind"], len(self.workers))
        self.assertFalse(lock["event_of_lock"])

    def test_it_is_the_resource_that_the_kernels_code_looks_at(self):
        # The owner's RX_CONTEXT names the FCB, whose first member the resource is: that is on its stack, and the emulated
        # kernel put the event of the wait behind the FCB in its pool.
        address = int(self.locks[0]["address"], 16)
        blocks = {b["address"] for w in self.locks[0]["waiters"] for b in self.graph["waits"][w]["blocks"]}
        self.assertEqual(len(blocks), 1)
        event = int(blocks.pop(), 16)
        self.assertTrue(address < event < address + 0x4000)
        truth = json.loads((SEED1.parent / "truth.json").read_text())
        nt = next(m for m in truth["modules"] if m["image"].lower() == "ntoskrnl.exe")
        self.assertTrue(int(nt["base"], 16) < address < int(nt["base"], 16) + nt["size"])

    def test_the_owner_is_found_and_said_to_be_found_by_evidence(self):
        (holder,) = self.locks[0]["holders"]
        self.assertEqual(holder["thread"]["thread"], self.owner)
        self.assertEqual(holder["certainty"], "likely")  # no object of the kernel says it
        self.assertEqual(holder["doing"], "waits for an answer over SMB")

    def test_the_diagnosis_comes_first_and_says_it(self):
        first = self.graph["diagnosis"][0]
        self.assertEqual((first["kind"], first["behind"], first["certainty"]), ("blocker", len(self.workers), "likely"))
        text = " ".join(run("waits", SEED1, "--offline", *paths_of(SEED1)).split())
        address = self.locks[0]["address"][2:]
        self.assertIn(f"{len(self.workers)} threads wait for the resource at {address[:8]}`{address[8:]}; THREAD "
                      f"{self.owner[2:10]}`{self.owner[10:]} (w3wp.exe,", text)
        self.assertIn("most likely holds it and waits for an answer over SMB", text)
        self.assertLess(text.index("WHO HOLDS UP WHOM"), text.index("CHAINS"))

    def test_without_symbols_no_holder_is_invented(self):
        found = json.loads(run("waits", SEED1, "--json", "--offline"))
        for awaited in found["graph"]["objects"]:
            for holder in awaited["holders"]:
                self.assertEqual(holder["thread"]["thread"], self.owner)

    def test_analyze_and_the_console_say_the_same(self):
        analysis = json.loads(run("analyze", SEED1, "--json", "--offline", *paths_of(SEED1)))
        self.assertEqual(analysis["waits"], [{k: d[k] for k in ("kind", "sentence", "certainty", "behind", "evidence")}
                                             for d in self.graph["diagnosis"]])
        self.assertIn("WHO HOLDS UP WHOM", run("analyze", SEED1, "--offline", *paths_of(SEED1)))
        for option in ([], ["-v"]):
            console = run("open", SEED1, *paths_of(SEED1), "--offline", "-c", " ".join(["!waits", *option]))
            command = run("waits", SEED1, *paths_of(SEED1), "--offline", *option)
            self.assertEqual(console, command)


class OtherProcessors(unittest.TestCase):
    """The same story on other processors' code, where its dumps are built."""

    def test_the_workers_wait_for_the_owner_there_too(self):
        seen = 0
        for dump in sorted(BUILD.glob("tests/world_arm64/samples/*/*.dmp")) + sorted(BUILD.glob("tests/world_x86/samples/*/*/*.dmp")):
            truth = dump.parent / "truth.json"
            if not truth.exists():
                continue
            roles = {t["role"] for t in json.loads(truth.read_text())["threads"]}
            if not {"owner", "worker"} <= roles:
                continue
            with self.subTest(dump.relative_to(BUILD)):
                workers, owner = truth_of(dump)
                graph = waits(dump, *x86_paths(dump))["graph"]
                locks = [o for o in graph["objects"] if o["kind"] == "resource" and len(o["waiters"]) > 1]
                self.assertTrue(locks)
                for lock in locks:
                    self.assertTrue({graph["waits"][w]["thread"] for w in lock["waiters"]} <= workers)
                    self.assertEqual([h["thread"]["thread"] for h in lock["holders"]], [owner])
                seen += 1
        if not seen:
            self.skipTest("no such dumps are built here")


class Everything(unittest.TestCase):
    def dumps(self):
        found = sorted(SOURCE.glob("samples/*/*.dmp")) + sorted(DATA.glob("*/*.dmp"))
        return found + sorted(BUILD.glob("tests/world_*/samples/*/*.dmp")) + sorted(BUILD.glob("tests/world_x86/samples/*/*/*.dmp"))

    def test_every_document_is_as_the_schema_says_and_joins_up(self):
        try:
            import jsonschema
        except ImportError:
            self.skipTest("not installed: python3-jsonschema")
        schema = json.loads((SOURCE / "docs" / "schema" / "ntstack.schema.json").read_text())
        for dump in self.dumps():
            with self.subTest(dump.name):
                found = waits(dump)
                jsonschema.validate(found, schema)
                graph = found["graph"]
                for number, wait in enumerate(graph["waits"]):
                    for index in wait["objects"]:
                        self.assertIn(number, graph["objects"][index]["waiters"])
                for index in graph["roots"]:
                    self.assertLess(index, len(graph["objects"]))
                for awaited in graph["objects"]:
                    self.assertGreaterEqual(awaited["behind"], len(awaited["waiters"]))
                    self.assertLessEqual(awaited["behind"], len(graph["waits"]))
        print(f"schema: {len(self.dumps())} documents of waits checked by jsonschema")

    def test_a_wrong_command_line_is_told(self):
        run("waits", expect=2)
        run("waits", "/nosuch.dmp", expect=1)

    def test_several_dumps_of_one_process_are_one_graph(self):
        folder = next(iter(sorted(BUILD.glob("tests/world_sets/samples/*/"))), None)
        if folder is None or not list(folder.glob("*.dmp")):
            self.skipTest("the sets are not built here")
        found = json.loads(run("waits", folder, "--json", "--offline"))
        single = json.loads(run("waits", sorted(folder.glob("*.dmp"))[0], "--json", "--offline"))
        self.assertGreater(len(found["graph"]["waits"]), len(single["graph"]["waits"]))

    def test_damaged_dumps_get_an_answer_or_a_clear_error(self):
        random.seed(9)
        for dump in (SEED1, *sorted(DATA.glob("lldb/*.dmp"))[:1]):
            file = dump.read_bytes()
            for turn in range(24):
                damaged = bytearray(file[:random.randrange(len(file))] if turn % 3 == 0 else file)
                for _ in range(random.randrange(1, 200)):
                    if damaged:
                        limit = len(damaged) if turn % 2 else min(len(damaged), 0x4000)
                        damaged[random.randrange(limit)] = random.choice((0, 0xff, random.randrange(256)))
                with tempfile.NamedTemporaryFile(suffix=".dmp") as out:
                    out.write(damaged)
                    out.flush()
                    done = subprocess.run([PROGRAM, "waits", out.name, "--offline", *map(str, paths_of(dump))],
                                          capture_output=True, timeout=60, env=ENVIRONMENT)
                    self.assertIn(done.returncode, (0, 1), (dump.name, turn, done.stderr))
                    self.assertTrue(done.stdout or done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=1)
