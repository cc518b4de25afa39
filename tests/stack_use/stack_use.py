#!/usr/bin/env python3
"""ntstack stack-use against the emulated worlds: the bytes of every frame by the stack pointers that the emulated processor
had, and the evidence by another disassembler: the instructions named must stand at these addresses in llvm-objdump's
listing, must be all of the prologue that move the stack pointer there, and must take as much."""
import functools
import json
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

PROGRAM = sys.argv.pop(1)
SOURCE = pathlib.Path(sys.argv.pop(1)).resolve()
BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
PDBUTIL = shutil.which("llvm-pdbutil-19") or shutil.which("llvm-pdbutil")
OBJDUMP = shutil.which("llvm-objdump-19") or shutil.which("llvm-objdump")


def stack_use(dump, *arguments):
    done = subprocess.run([PROGRAM, "stack-use", str(dump), "--json", "--top", "1000", *map(str, arguments)],
                          capture_output=True, timeout=120)
    if done.returncode != 0:
        raise AssertionError(f"{dump} {arguments}: {done.stderr.decode()}")
    return json.loads(done.stdout)


@functools.cache
def account_of(dump, thread, *paths):
    return stack_use(dump, "--thread", thread, *paths)


def number(text):
    """A number as llvm-objdump writes it: 0x290, -0x80, 656."""
    return int(text, 0)


def takes(architecture, text):
    """Bytes that an instruction of llvm-objdump's takes of the stack; None: it moves the stack pointer in another way."""
    text = re.sub(r"\s*[/#@]+ .*$", "", text.strip()) if architecture != "ARM64" else text.split("//")[0].strip()
    word = 4 if architecture == "x86" else 8
    if architecture == "ARM64":
        if found := re.fullmatch(r"sub\s+sp, sp, #(\S+?)(, lsl #12)?", text):
            return number(found[1]) << (12 if found[2] else 0)
        if found := re.fullmatch(r"st[pr]\s+.*\[sp, #-(\S+)\]!", text):
            return number(found[1])
        return None if re.match(r"\w+\s+sp,", text) else 0
    if re.match(r"push[lq]?\s", text):
        return word
    if found := re.fullmatch(r"sub\s+[er]sp, (\S+)", text):
        return None if not found[1][0].isdigit() else number(found[1])
    if found := re.fullmatch(r"add\s+[er]sp, (-\S+)", text):
        return -number(found[1])
    if re.match(r"and\s+[er]sp,", text):
        return 0
    if re.match(r"(pop|leave)|\w+\s+[er]sp,", text) and not re.match(r"(cmp|test)\s", text):
        return None
    return 0


class Images:
    """Disassemblies of a world's images, by address in the dump."""

    def __init__(self, folder, modules):
        self.folder, self.modules, self.listings = folder, modules, {}

    def module_of(self, address):
        for module in self.modules:
            base = int(module["base"], 16)
            if base <= address < base + module["size"]:
                return module, base
        return None

    def listing(self, module):
        name = module["image"]
        if name not in self.listings:
            path = self.folder / name
            headers = subprocess.run([OBJDUMP, "-p", str(path)], capture_output=True, check=True).stdout.decode()
            preferred = int(re.search(r"ImageBase\s+([0-9a-f]+)", headers)[1], 16)
            out = subprocess.run([OBJDUMP, "-d", "--no-show-raw-insn", "--x86-asm-syntax=intel", str(path)],
                                 capture_output=True, check=True).stdout.decode()
            lines = re.findall(r"^\s*([0-9a-f]+):\s+(.+?)\s*$", out, re.M)
            self.listings[name] = [(int(at, 16) - preferred, text) for at, text in lines]
        return self.listings[name]

    def between(self, first, end):
        found = self.module_of(first)
        module, base = found
        return [(base + at, text) for at, text in self.listing(module) if first <= base + at < end]


WORLDS = {}
for kind in ("19041-omit", "19041-keep", "7601-keep"):
    folder = BUILD / "tests/world_x86/samples" / kind
    for story in ("double_fault", "processors", "seed1"):
        WORLDS[f"x86 {kind} {story}"] = (folder / story, folder / "images", folder / "symbols")
WORLDS["x64 seed1"] = (SOURCE / "samples/seed1", SOURCE / "samples/seed1/symbols", SOURCE / "samples/seed1/symbols")
for folder in sorted((BUILD / "tests/world_arm64/samples").glob("*/")):
    if (folder / "truth.json").exists():
        files = folder.parent / "seed1/symbols"
        WORLDS[f"ARM64 {folder.name}"] = (folder, files, files)


class Accounts(unittest.TestCase):
    def each(self, files):
        """Every thread of every world that was captured, its account with these files."""
        seen = 0
        for name, (folder, images, symbols) in WORLDS.items():
            if not (folder / "truth.json").exists():
                continue
            truth = json.loads((folder / "truth.json").read_text())
            dump = next(folder.glob("*.dmp"))
            for thread in truth["threads"]:
                if thread["capture"] == "none":
                    continue
                paths = ["-y", symbols, "-i", images] if files == "symbols" else ["-i", images]
                answer = account_of(dump, thread["ethread"], *paths)
                self.assertEqual(len(answer["accounts"]), 1, name)
                seen += 1
                yield name, thread, answer["accounts"][0], answer["dump"]["architecture"], Images(images, truth["modules"])
        self.assertGreater(seen, 20)

    def test_every_frames_bytes_are_those_of_the_processors_stack_pointers(self):
        compared = 0
        for name, thread, account, _, _ in self.each("symbols"):
            pointers = {int(f["ip"], 16): [] for f in thread["frames"]}
            for frame, caller in zip(thread["frames"], thread["frames"][1:]):
                pointers[int(frame["ip"], 16)].append(int(caller["child_sp"], 16) - int(frame["child_sp"], 16))
            for frame in account["largest"]:
                if frame["trust"] == "scan" or int(frame["ip"], 16) not in pointers:
                    continue
                sizes = pointers[int(frame["ip"], 16)]
                if not sizes or min(sizes) < 0 or max(sizes) > 0x6000:  # the oldest; a change of stacks
                    continue
                self.assertIn(frame["bytes"], sizes, (name, thread["role"], frame["symbol"]))
                compared += 1
        print(f"stack use: {compared} frames as large as the processor's stack pointers say")
        self.assertGreater(compared, 250)

    def test_an_account_adds_up(self):
        for name, thread, account, _, _ in self.each("symbols"):
            shares = sum(m["bytes"] for m in account["modules"])
            self.assertEqual(shares, account["bytes_in_frames"], name)
            self.assertEqual(shares, sum(f["bytes"] for f in account["functions"]), name)
            self.assertEqual(account["overhead_bytes"], sum(f["bytes"] for f in account["overhead"]), name)
            self.assertEqual(shares - account["overhead_bytes"], sum(f["bytes"] for f in account["largest"]), name)
            for segment in account["segments"]:
                self.assertEqual(segment["used"] + segment["left"] - segment["past_limit"], segment["size"] if
                                 segment["used"] else 0, (name, thread["role"]))

    def test_the_evidence_is_what_another_disassembler_reads(self):
        if not OBJDUMP:
            self.skipTest("not installed: llvm-objdump-19")
        for files in ("symbols", "images"):
            compared = explained = unknown = 0
            for name, thread, account, architecture, images in self.each(files):
                for frame in account["largest"]:
                    evidence = frame["evidence"]
                    if evidence["function"] is None or frame["trust"] == "scan":
                        unknown += 1
                        continue
                    self.compare(name, frame, architecture, images)
                    compared += 1
                    explained += evidence["unexplained_bytes"] == 0
            print(f"stack use: evidence of {compared} frames, with {files}, as llvm-objdump reads it; "
                  f"{explained} explained to the byte; {unknown} frames without")
            self.assertGreater(compared, 250)
            self.assertGreater(explained, compared * 0.9)

    def compare(self, name, frame, architecture, images):
        evidence = frame["evidence"]
        what = (name, frame["symbol"], evidence)
        instructions = {int(i["address"], 16): i for i in evidence["instructions"] if i["address"]}
        if instructions:
            first, last = int(evidence["function"], 16), max(instructions)
            listed = images.between(first, last + 1)
            self.assertEqual(listed[0][0], first, what)
            for at, text in listed:
                taken = takes(architecture, text)
                if at in instructions:
                    self.assertEqual(taken, instructions[at]["bytes"], (what, text))
                else:
                    self.assertEqual(taken, 0, (what, hex(at), text))
        if architecture != "x86" and evidence["unwind_bytes"] is not None:
            self.assertEqual(evidence["unwind_bytes"], sum(i["bytes"] for i in evidence["instructions"]), what)


@functools.cache
def locals_of(pdb):
    """What llvm-pdbutil has of a PDB's functions: the names and offsets of locals, by the function's name."""
    found, function, name = {}, None, None
    for line in subprocess.run([PDBUTIL, "dump", "--symbols", str(pdb)], capture_output=True).stdout.decode().splitlines():
        if match := re.search(r"\| (S_\w+) \[size = \d+\](?: `(.*)`)?", line):
            if match[1] in ("S_GPROC32", "S_LPROC32"):
                function = found.setdefault(match[2], set())
            elif match[1] in ("S_LOCAL", "S_REGREL32", "S_BPREL32"):
                name = match[2]
        if function is not None and name and (match := re.search(r"\boffset = (-?\d+)", line)):
            function.add((name, int(match[1])))
    return found


class Locals(unittest.TestCase):
    def test_locals_of_the_largest_frames_are_those_that_llvm_pdbutil_has(self):
        if not PDBUTIL:
            self.skipTest("not installed: llvm-pdbutil-19")
        compared, architectures = 0, set()
        for name, (folder, images, symbols) in WORLDS.items():
            if not (folder / "truth.json").exists():
                continue
            pdbs = {p.stem.lower(): p for p in sorted(pathlib.Path(symbols).rglob("*.pdb"))}
            pdbs["nt"] = next((p for stem, p in pdbs.items() if stem.startswith("ntkr")), None)
            for thread in json.loads((folder / "truth.json").read_text())["threads"]:
                if thread["capture"] == "none":
                    continue
                answer = account_of(next(folder.glob("*.dmp")), thread["ethread"], "-y", symbols, "-i", images)
                for frame in answer["accounts"][0]["largest"]:
                    if not frame["locals"]:
                        continue
                    module, function = re.fullmatch(r"(\w+)!(\w+)(?:\+.*)?", frame["symbol"]).groups()
                    known = locals_of(pdbs[module.lower()])[function]
                    for each in frame["locals"]:
                        self.assertIn((each["name"], each["offset"]), known, (name, frame["symbol"]))
                        self.assertLessEqual(each["bytes"], frame["bytes"])
                    compared += len(frame["locals"])
                    architectures.add(answer["dump"]["architecture"])
        print(f"stack use: {compared} locals of frames as llvm-pdbutil has them, on {', '.join(sorted(architectures))}")
        self.assertGreater(compared, 20)

    def test_without_a_pdb_there_are_none(self):
        folder, images, _ = WORLDS["x64 seed1"]
        with tempfile.TemporaryDirectory() as nowhere:
            answer = stack_use(next(folder.glob("*.dmp")), "-y", nowhere)
        self.assertTrue(answer["accounts"])
        for account in answer["accounts"]:
            self.assertFalse(any(frame["locals"] for frame in account["largest"]))
            self.assertTrue(all(segment["guard_page"] == "not_known" for segment in account["segments"]))


class DoubleFault(unittest.TestCase):
    def test_the_thread_that_overflowed_comes_first_with_its_account(self):
        folder, _, symbols = WORLDS["x86 19041-keep double_fault"]
        if not folder.exists():
            self.skipTest("not built here: the x86 world")
        answer = stack_use(folder / "double_fault.dmp", "-y", symbols)
        truth = json.loads((folder / "truth.json").read_text())["threads"][0]
        self.assertIn("double fault", answer["stack_crash"]["sentence"])
        account = answer["accounts"][0]
        self.assertEqual(account["thread"]["address"], truth["ethread"])
        kinds = {s["kind"]: s for s in account["segments"]}
        self.assertFalse(kinds["task"]["accounted"])
        # Where the processor was when it went to the double fault's task.
        left_at = int(truth["frames"][2]["child_sp"], 16)
        self.assertEqual(account["used"], int(kinds["thread"]["base"], 16) - left_at)
        self.assertEqual(account["left"], left_at - int(kinds["thread"]["limit"], 16))


    def crash_with(self, code, *parameters):
        """The same dump with another bugcheck (DUMP_HEADER32's BugCheckCode and its parameters)."""
        folder, _, symbols = WORLDS["x86 19041-keep double_fault"]
        if not folder.exists():
            self.skipTest("not built here: the x86 world")
        dump = bytearray((folder / "double_fault.dmp").read_bytes())
        struct.pack_into("<5I", dump, 0x28, code, *parameters, *[0] * (4 - len(parameters)))
        with tempfile.TemporaryDirectory() as place:
            path = pathlib.Path(place) / "changed.dmp"
            path.write_bytes(dump)
            return stack_use(path)["stack_crash"]

    def test_crashes_of_stacks_are_told_from_others(self):
        limit = 0x8f8c0000  # the thread's
        for code, parameters in ((0x7f, [8]), (0x2b, []), (0x50, [limit - 8]), (0x1a, [0x41284, limit - 0x1000])):
            crash = self.crash_with(code, *parameters)
            self.assertIsNotNone(crash, hex(code))
            self.assertFalse(crash["smashed"])
        for code, parameters in ((0x139, [2]), (0xf7, [1, 2, 3, 4])):
            self.assertTrue(self.crash_with(code, *parameters)["smashed"])
        for code, parameters in ((0xd1, [limit - 8]), (0x7f, [0]), (0x50, [limit - 0x1001]), (0x50, [limit + 8]),
                                 (0x139, [3])):
            self.assertIsNone(self.crash_with(code, *parameters), (hex(code), parameters))


class NearLimits(unittest.TestCase):
    def test_what_switched_threads_use_is_what_the_processor_left(self):
        compared = 0
        for name, (folder, _, symbols) in WORLDS.items():
            if not (folder / "truth.json").exists():
                continue
            rooms = {r["thread"]["address"]: r for r in stack_use(next(folder.glob("*.dmp")), "-y", symbols)["near_limits"]}
            self.assertEqual([r["left"] for r in rooms.values()], sorted(r["left"] for r in rooms.values()))
            for thread in json.loads((folder / "truth.json").read_text())["threads"]:
                if thread["capture"] != "switched_out" or not thread.get("stack_segments"):
                    continue
                room, segment = rooms[thread["ethread"]], thread["stack_segments"][0]
                self.assertEqual(room["limit"], segment["limit"], name)
                self.assertEqual(room["used"], int(segment["base"], 16) - int(segment["used_from"], 16), name)
                compared += 1
        self.assertGreater(compared, 10)

    def test_one_thread_that_is_not_there_and_user_dumps_are_refused(self):
        dump = SOURCE / "samples/seed1/w3wp.dmp"
        done = subprocess.run([PROGRAM, "stack-use", dump, "--thread", "0x7"], capture_output=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"no thread", done.stderr)


class Schema(unittest.TestCase):
    def test_every_document_is_as_the_schema_says(self):
        try:
            import jsonschema
        except ImportError:
            self.skipTest("not installed: python3-jsonschema")
        schema = json.loads((SOURCE / "docs/schema/ntstack.schema.json").read_text())
        for folder, images, symbols in WORLDS.values():
            for dump in folder.glob("*.dmp"):
                jsonschema.validate(stack_use(dump), schema)
                jsonschema.validate(stack_use(dump, "-y", symbols, "-i", images), schema)


if __name__ == "__main__":
    unittest.main(verbosity=1)
