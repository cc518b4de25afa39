#!/usr/bin/env python3
"""`ntstack analyze` on the worlds' dumps and on real ones. Truth: the emulated processors (truth.json), what Python reads
of the files' headers, hashlib for signatures, the schema by a validator that is not ours."""
import hashlib
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

PROGRAM = sys.argv.pop(1)
SOURCE = pathlib.Path(sys.argv.pop(1)).resolve()
BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
DATA = pathlib.Path(os.environ.get("NTSTACK_DATA", SOURCE.parent / "shared" / "data"))
PROCESSORS = SOURCE / "samples" / "processors"
STACKHOG = BUILD / "tests" / "stackhog" / "samples"


def run(*arguments, expect=0):
    env = {k: v for k, v in os.environ.items() if not k.startswith("_NT_")}
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, env=env, timeout=120)
    if done.returncode != expect:
        raise AssertionError(f"{arguments}: exit {done.returncode}: {done.stderr.decode()}")
    return done.stdout.decode()


def analyze(dump, *options):
    return json.loads(run("analyze", dump, "--json", "--offline", *options))


def paths_of(dump):
    folder = dump.parent
    found = []
    for option, name in (("-y", "symbols"), ("-i", "images")):
        if (folder / name).is_dir():
            found += [option, folder / name]
    return found


def all_dumps():
    dumps = sorted(SOURCE.glob("samples/*/*.dmp")) + sorted(DATA.glob("*/*.dmp"))
    dumps += sorted(BUILD.glob("tests/world_*/samples/*/*.dmp")) + sorted(BUILD.glob("tests/world_x86/samples/*/*/*.dmp"))
    return dumps + sorted(STACKHOG.glob("*/*.dmp"))


class Crash(unittest.TestCase):
    """The sample of four processors: a DPC touches memory at DISPATCH_LEVEL."""

    @classmethod
    def setUpClass(cls):
        cls.dump = PROCESSORS / "processors.dmp"
        cls.found = analyze(cls.dump, *paths_of(cls.dump))

    def test_the_bugcheck_is_what_the_headers_bytes_say_and_its_values_are_told(self):
        header = self.dump.read_bytes()[:0x1000]
        code, = struct.unpack_from("<I", header, 0x38)
        parameters = struct.unpack_from("<4Q", header, 0x40)
        bugcheck = self.found["bugcheck"]
        self.assertEqual(int(bugcheck["code"], 16), code)
        self.assertEqual([int(p, 16) for p in bugcheck["parameters"]], list(parameters))
        self.assertEqual(bugcheck["parameter_values"][1:3], ["DISPATCH_LEVEL", "read"])

    def test_the_module_of_the_faulting_instruction_is_blamed(self):
        blame = self.found["blame"]
        modules = json.loads(run("modules", self.dump, "--json"))["modules"]
        truth = json.loads((PROCESSORS / "truth.json").read_text())["modules"]
        self.assertEqual({m["base"] for m in modules}, {m["base"] for m in truth})
        by_base = {m["image"].lower(): (int(m["base"], 16), m["size"]) for m in truth}
        base, size = by_base[blame["module"].lower()]
        self.assertTrue(base <= int(blame["address"], 16) < base + size)
        for skipped in blame["skipped"]:
            self.assertLess(skipped["frame"], blame["frame"])
        # The instruction that the bugcheck names is in it.
        self.assertEqual(blame["address"], self.found["bugcheck"]["parameters"][3])

    def test_anybody_can_recompute_the_signature(self):
        signature = self.found["signature"]
        text = "".join(line + "\n" for line in signature["lines"])
        self.assertEqual(hashlib.sha256(text.encode()).hexdigest()[:16], signature["hash"])
        self.assertEqual(signature["lines"][0], "bugcheck 0xd1")
        self.assertEqual(len(signature["lines"]), signature["frames"] + 1)

    def test_the_page_has_its_parts_in_80_columns_but_for_the_stack(self):
        page = run("analyze", self.dump, "--offline", *paths_of(self.dump))
        parts = ["WHAT HAPPENED", "WHO IS RESPONSIBLE", "THE STACK", "FINDINGS", "WHAT TO DO NEXT"]
        places = [page.index(f"\n{part}\n") for part in parts]
        self.assertEqual(places, sorted(places))
        outside = page[:places[2]].split("\n")[2:] + page[places[3]:].split("\n")
        for line in outside:
            self.assertTrue(len(line) <= 80 or " " not in line.strip(), line)
        self.assertIn(self.found["signature"]["hash"], page)

    def test_findings_are_the_same_in_text_and_json_and_each_has_a_confidence(self):
        page = " ".join(run("analyze", self.dump, "-v", "--offline", *paths_of(self.dump)).split())
        self.assertGreater(len(self.found["findings"]), 2)
        for finding in self.found["findings"]:
            self.assertIn(" ".join(f"[{finding['confidence']}] {finding['sentence']}.".split()), page)
            for text in finding["evidence"] + finding["next"]:
                self.assertIn(" ".join(text.split()), page)


class FullStack(unittest.TestCase):
    """Seed 3's story on three architectures, each in three containers."""

    def setUp(self):
        self.folders = sorted(STACKHOG.glob("*"))
        if not self.folders:
            self.skipTest("stackhog's dumps are not built here")

    def test_a_full_stack_is_blamed_on_who_used_it_and_the_account_follows(self):
        for folder in self.folders:
            for dump in sorted(folder.glob("*.dmp")):
                with self.subTest(dump.relative_to(BUILD)):
                    found = analyze(dump, *paths_of(dump))
                    use = json.loads(run("stack-use", dump, "--json", "--offline", *paths_of(dump)))
                    self.assertEqual(found["happened"], "stack_crash")
                    self.assertEqual(found["blame"]["by"], "stack")
                    self.assertEqual(found["blame"]["module"], ", ".join(use["accounts"][0]["verdict"]["modules"]))
                    self.assertEqual(found["accounts"], use["accounts"])
                    page = run("analyze", dump, "--offline", *paths_of(dump))
                    self.assertIn("WHO USES THE STACK", page)

    def test_one_crash_has_one_signature_whatever_the_container(self):
        for folder in self.folders:
            with self.subTest(folder.name):
                hashes = {analyze(dump, *paths_of(dump))["signature"]["hash"] for dump in folder.glob("*.dmp")}
                self.assertEqual(len(hashes), 1)


class NoCrash(unittest.TestCase):
    """A running process's threads: they are counted and grouped as the truth has them."""

    def test_threads_are_grouped_by_what_the_emulated_ones_did(self):
        dump = SOURCE / "samples" / "seed1" / "w3wp.dmp"
        found = analyze(dump, *paths_of(dump))
        self.assertEqual(found["happened"], "no_crash")
        self.assertIsNone(found["blame"])
        truth = json.loads((dump.parent / "truth.json").read_text())["threads"]
        expected = {}
        for thread in truth:
            if thread["frames"]:  # a worker is one whether it was captured or was switched out itself
                expected.setdefault(thread["role"].removeprefix("switched "), []).append(thread["ethread"])
        ours = sorted(sorted(t["thread"] for t in group["threads"]) for group in found["threads"]["groups"])
        self.assertEqual(ours, sorted(sorted(group) for group in expected.values()))
        self.assertEqual(found["threads"]["count"], len(truth))
        self.assertEqual(found["threads"]["with_stack"], sum(1 for thread in truth if thread["frames"]))

    def test_what_the_seeds_threads_wait_for_is_told(self):
        dump = SOURCE / "samples" / "seed1" / "w3wp.dmp"
        groups = analyze(dump, *paths_of(dump))["threads"]["groups"]
        waits = [g["waits"]["for"] for g in groups if g["waits"]]
        self.assertTrue(any("ERESOURCE" in words for words in waits), waits)


class Real(unittest.TestCase):
    def test_user_dumps_exceptions_are_what_the_streams_bytes_say(self):
        dumps = sorted(DATA.glob("lldb/*.dmp")) + sorted(DATA.glob("electron/*.dmp")) + sorted(DATA.glob("symbolic/*.dmp"))
        if not dumps:
            self.skipTest("no real dumps here")
        for dump in dumps:
            file = dump.read_bytes()
            count, directory = struct.unpack_from("<II", file, 8)
            streams = [struct.unpack_from("<III", file, directory + 12 * i) for i in range(count)]
            at = next(offset for kind, _, offset in streams if kind == 6)
            code, _, _, address = struct.unpack_from("<IIQQ", file, at + 8)
            with self.subTest(dump.name):
                found = analyze(dump)
                self.assertEqual(int(found["exception"]["code"], 16), code)
                self.assertEqual(int(found["exception"]["address"], 16), address)
                self.assertEqual(found["happened"], "exception")
                self.assertEqual(found["blame"]["frame"], 0)

    def test_the_record_that_a_bugcheck_points_to_is_preferred_and_names_the_driver(self):
        dump = DATA / "kernel" / "triage_x64_19041.dmp"
        if not dump.exists():
            self.skipTest("no real dumps here")
        found = analyze(dump)
        self.assertEqual(found["blame"]["module"], "amdppm.sys")
        self.assertEqual(found["blame"]["address"], found["bugcheck"]["parameters"][1])
        self.assertEqual(found["blame"]["parameter"], 2)
        # The header's own record is of the breakpoint in KeBugCheckEx.
        self.assertNotEqual((found["exception"] or {}).get("code"), "0x80000003")

    def test_drivers_of_windows_are_not_taken_for_others(self):
        dump = DATA / "kernel" / "triage_x64_17763.dmp"
        if not dump.exists():
            self.skipTest("no real dumps here")
        found = analyze(dump)
        self.assertEqual(found["blame"]["confidence"], "low")  # 37 of its 38 frames are guesses
        self.assertIn("guesses", found["blame"]["because"])


class Everything(unittest.TestCase):
    def test_every_document_is_as_the_schema_says(self):
        try:
            import jsonschema
        except ImportError:
            self.skipTest("not installed: python3-jsonschema")
        schema = json.loads((SOURCE / "docs" / "schema" / "ntstack.schema.json").read_text())
        dumps = all_dumps()
        for dump in dumps:
            with self.subTest(dump.name):
                jsonschema.validate(analyze(dump), schema)
        jsonschema.validate(json.loads(run("analyze", "--bugchecks", "--json")), schema)
        print(f"schema: {len(dumps)} analyses checked by jsonschema")

    def test_the_bugchecks_are_listed_and_counted(self):
        text = run("analyze", "--bugchecks")
        last = text.strip().split("\n")[-1]
        names = [line for line in text.split("\n") if line[:8].strip() and line[8:9] == " " and line[9:10].isupper()]
        self.assertTrue(last.startswith(f"{len(names)} bugchecks are known"), last)
        self.assertGreater(len(names), 350)
        run("analyze", expect=2)

    def test_cut_and_damaged_dumps_get_a_page_or_a_clear_error(self):
        import random
        random.seed(9)
        for dump in (PROCESSORS / "processors.dmp", *sorted(DATA.glob("lldb/*.dmp"))):
            file = dump.read_bytes()
            for turn in range(40):
                damaged = bytearray(file[:random.randrange(len(file))] if turn % 2 else file)
                for _ in range(random.randrange(1, 60)):
                    if damaged:
                        damaged[random.randrange(min(len(damaged), 0x4000))] = random.randrange(256)
                with tempfile.NamedTemporaryFile(suffix=".dmp") as out:
                    out.write(damaged)
                    out.flush()
                    done = subprocess.run([PROGRAM, "analyze", out.name, "--offline"], capture_output=True, timeout=60)
                    self.assertIn(done.returncode, (0, 1), (dump.name, turn, done.stderr))
                    self.assertTrue(done.stdout or done.stderr)


class Groups(unittest.TestCase):
    """`ntstack groups`. Truth: what the emulated threads did (truth.json's roles), and Python's own comparison of stacks."""

    def test_threads_that_did_the_same_are_one_group(self):
        folder = SOURCE / "samples" / "seed1"
        groups = json.loads(run("groups", folder / "w3wp.dmp", "-y", folder / "symbols", "--json"))["groups"]
        roles = {}  # by the oldest 15 frames: some were captured in their wait, some by an APC
        for thread in json.loads((folder / "truth.json").read_text())["threads"]:
            if thread["status"] == "0x00000000":
                roles.setdefault(tuple(f["ip"] for f in thread["frames"][-15:]), set()).add(thread["ethread"])
        ours = [{t["thread"] for t in g["threads"]} | {t["thread"] for v in g["variants"] for t in v["threads"]} for g in groups]
        self.assertEqual(sorted(map(sorted, ours)), sorted(map(sorted, roles.values())))

    def test_same_stacks_are_together_and_differences_make_the_variant(self):
        checked, variants = 0, 0
        for dump in all_dumps():
            stacks = json.loads(run("stacks", dump, "--offline", "--json", *paths_of(dump)))["stacks"]
            groups = json.loads(run("groups", dump, "--offline", "--json", *paths_of(dump)))["groups"]
            group_of = {}
            for number, group in enumerate(groups):
                for part in [group, *group["variants"]]:
                    for thread in part["threads"]:
                        self.assertNotIn(thread["thread"], group_of if thread["thread"] else {})
                        group_of[thread["thread"]] = (number, tuple(part["frames"]))
                for variant in group["variants"]:
                    frames = list(group["frames"])
                    for each in reversed(variant["differences"]):
                        self.assertEqual(frames[each["at"]:each["at"] + len(each["model"])], each["model"])
                        frames[each["at"]:each["at"] + len(each["model"])] = each["instead"]
                    self.assertEqual(frames, variant["frames"])
                    variants += 1
            sites = {}
            for stack in stacks:
                if stack["thread"] and stack["frames"]:
                    sites.setdefault(tuple(frame["ip"] for frame in stack["frames"]), set()).add(stack["thread"]["address"])
            for threads in sites.values():
                self.assertEqual(len({group_of[thread] for thread in threads}), 1)
                checked += len(threads)
        self.assertGreater(checked, 20)
        print(f"{checked} threads, {variants} variants")

    def test_groups_go_over_dumps_of_several_machines(self):
        folder = SOURCE / "samples" / "seed1"
        found = json.loads(run("groups", folder / "w3wp.dmp", PROCESSORS / "processors.dmp", "--json"))
        self.assertEqual(len(found["more_dumps"]), 1)
        alone = [len(json.loads(run("stacks", dump, "--json"))["stacks"]) for dump in
                 (folder / "w3wp.dmp", PROCESSORS / "processors.dmp")]
        members = [t for g in found["groups"] for part in [g, *g["variants"]] for t in part["threads"]]
        self.assertEqual([sum(1 for t in members if t["dump"] == i) for i in (0, 1)], alone)


if __name__ == "__main__":
    unittest.main(verbosity=1)
