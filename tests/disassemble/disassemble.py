#!/usr/bin/env python3
"""ntstack disassemble on the emulated worlds' dumps. What a call called is the function that the emulated processor then was
in: the next younger frame's, by llvm-symbolizer. Listings are held against llvm-objdump's of the same images, and the JSON
against its schema."""
import functools
import json
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

PROGRAM = sys.argv.pop(1)
SOURCE = pathlib.Path(sys.argv.pop(1)).resolve()
BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
OBJDUMP = shutil.which("llvm-objdump-19")
SYMBOLIZER = shutil.which("llvm-symbolizer-19")

WORLDS = {"x64": (SOURCE / "samples/seed1", SOURCE / "samples/seed1/symbols")}
for kind in ("19041-omit", "7601-keep"):
    folder = BUILD / "tests/world_x86/samples" / kind
    WORLDS[f"x86 {kind}"] = (folder / "seed1", folder / "symbols")
WORLDS["ARM64"] = (BUILD / "tests/world_arm64/samples/seed1", BUILD / "tests/world_arm64/samples/seed1/symbols")


def run(dump, *arguments):
    return subprocess.run([PROGRAM, "disassemble", str(dump), *map(str, arguments)], capture_output=True, timeout=120)


def disassembled(dump, *arguments):
    done = run(dump, "--json", *arguments)
    if done.returncode != 0:
        raise AssertionError(f"{dump} {arguments}: {done.stderr.decode()}")
    return json.loads(done.stdout)


@functools.cache
def preferred_base(image):
    headers = subprocess.run([OBJDUMP, "-p", str(image)], capture_output=True, check=True).stdout.decode()
    return int(re.search(r"ImageBase\s+([0-9a-f]+)", headers)[1], 16)


@functools.cache
def function_at(image, rva):
    out = subprocess.run([SYMBOLIZER, "--relative-address", "--no-inlines", "-e", str(image), hex(rva)],
                         capture_output=True, check=True).stdout.decode()
    return out.split("\n")[0]


def worlds():
    for name, (folder, symbols) in WORLDS.items():
        if (folder / "truth.json").exists():
            yield name, next(folder.glob("*.dmp")), symbols, json.loads((folder / "truth.json").read_text())


def place_of(truth, symbols, address):
    for module in truth["modules"]:
        base = int(module["base"], 16)
        if base <= address < base + module["size"]:
            return symbols / module["image"], address - base
    return None, None


def jumps_on(dump, address, symbols):
    """True for a function that leaves by a jump to another, so that it is no longer on the stack."""
    function = disassembled(dump, address, "--function", "-y", symbols, "-i", symbols)["disassembly"]["function"]
    instructions = [i for b in function["blocks"] for i in b["instructions"]]
    own = {i["address"] for i in instructions}
    return any(i["flow"] == "jump" and not any(r["kind"] == "target" and r["address"] in own for r in i["references"])
               for i in instructions)


class Disassemble(unittest.TestCase):
    def setUp(self):
        if not OBJDUMP or not SYMBOLIZER:
            self.skipTest("LLVM's tools are not installed")

    def test_a_call_called_the_function_that_the_processor_was_in(self):
        for name, dump, symbols, truth in worlds():
            known = unknown = tails = 0
            seen = set()
            for thread in truth["threads"]:
                frames = thread.get("frames", [])
                traps = {t["frame"] for t in thread["trap_frames"]} | {s["frame"] for s in thread["stack_switches"]}
                for i in range(1, len(frames)):
                    here, below = int(frames[i]["ip"], 16), int(frames[i - 1]["ip"], 16)
                    image, rva = place_of(truth, symbols, below)
                    if {i, i - 1} & traps or not image or not place_of(truth, symbols, here)[0] or (here, below) in seen:
                        continue
                    seen.add((here, below))
                    called = disassembled(dump, hex(here), "--call", "-y", symbols, "-i", symbols)["disassembly"]["called"]
                    if not called["call"]:
                        continue  # switched away there, or entered by a jump
                    if not called["target"]:
                        self.assertTrue(called["why_unknown"] or called["symbol"], name)
                        unknown += 1
                        continue
                    target, target_rva = place_of(truth, symbols, int(called["target"], 16))
                    self.assertIsNotNone(target, name)
                    names = function_at(target, target_rva), function_at(image, rva)
                    if names[0] != names[1]:
                        self.assertTrue(jumps_on(dump, called["target"], symbols), f"{name} {here:x} {names}")
                        tails += 1
                        continue
                    known += 1
            print(f"{name}: {known} calls, {tails} to functions that jumped on, {unknown} through registers")
            self.assertGreater(known, 10)

    def test_a_function_is_listed_as_llvm_objdump_lists_it(self):
        for name, dump, symbols, truth in worlds():
            images = [m for m in truth["modules"] if (symbols / m["image"]).exists()]
            compared = 0
            for module in images[:4]:
                image, base = symbols / module["image"], int(module["base"], 16)
                moved = base - preferred_base(image)
                out = subprocess.run([OBJDUMP, "-d", str(image)], capture_output=True, check=True).stdout.decode()
                lines = {int(at, 16): bytes.fromhex(code.replace(" ", ""))
                         for at, code in re.findall(r"^\s*([0-9a-f]+): ((?:[0-9a-f]{2} ?)+|[0-9a-f]{8})\s", out, re.M)}
                for frame in {f["ip"] for t in truth["threads"] for f in t.get("frames", [])}:
                    if not base <= int(frame, 16) < base + module["size"]:
                        continue
                    function = disassembled(dump, frame, "--function", "-y", symbols, "-i", symbols)["disassembly"]["function"]
                    for instruction in (i for b in function["blocks"] for i in b["instructions"]):
                        code = bytes.fromhex(instruction["bytes"])
                        at = int(instruction["address"], 16) - moved
                        self.assertIn(at, lines, f"{name} {instruction}")
                        self.assertEqual(len(code), len(lines[at]), f"{name} {instruction}")
                        compared += 1
            print(f"{name}: {compared} instructions of functions")
            self.assertGreater(compared, 200)

    def test_json_is_as_the_schema_says(self):
        import jsonschema
        schema = json.loads((SOURCE / "docs/schema/ntstack.schema.json").read_text())
        for _, dump, symbols, truth in worlds():
            address = truth["threads"][0]["frames"][2]["ip"]
            for files in ([], ["-y", symbols, "-i", symbols], ["-i", symbols]):
                for what in (["--call"], ["--function"], ["--before", "5"], ["--count", "5"]):
                    done = run(dump, "--json", address, *what, *files)
                    jsonschema.validate(json.loads(done.stdout), schema)

    def test_before_and_count_meet_at_the_address(self):
        for name, dump, symbols, truth in worlds():
            address = int(truth["threads"][0]["frames"][2]["ip"], 16)
            paths = ["-y", symbols, "-i", symbols]
            before = disassembled(dump, hex(address), "--before", 6, *paths)["disassembly"]["listing"]
            first = before["instructions"][0]["address"]
            after = disassembled(dump, first, "--count", 7, *paths)["disassembly"]["listing"]["instructions"]
            self.assertEqual([i["address"] for i in after[:6]], [i["address"] for i in before["instructions"]], name)
            self.assertEqual(int(after[6]["address"], 16), address, name)
            self.assertFalse(before["guess"], name)

    def test_what_is_not_there_is_said(self):
        for name, dump, symbols, truth in worlds():
            done = run(dump, "0x1234", "--count", 2)
            self.assertEqual(done.returncode, 1, name)
            self.assertIn(b"is not in the dump", done.stdout)
            done = run(dump, "nt!NoSuchFunction", "--count", 2)
            self.assertEqual(done.returncode, 2, name)
            self.assertIn(b"neither an address nor a symbol", done.stderr)
            done = run(dump, "0x1234", "--count", 2, "--before", 2)
            self.assertNotEqual(done.returncode, 0, name)


if __name__ == "__main__":
    unittest.main(verbosity=1)
