#!/usr/bin/env python3
"""The console's commands about all threads' stacks, kernel objects, the dump's file and its images: on the emulated worlds and on
real dumps. Truth is what the emulated processor did, and what Python reads from the files itself."""
import json
import os
import pathlib
import re
import struct
import subprocess
import unittest
import uuid

from console import BUILD, PROGRAM, SOURCE, WORLDS, World, number

DATA = pathlib.Path(os.environ.get("NTSTACK_DATA", SOURCE.parent / "shared/data"))


class Plain(World):
    """A dump of which nothing is known beforehand."""

    def __init__(self, dump, *paths):
        self.dump, self.paths, self.truth = dump, [str(path) for path in paths], None


def hogs():
    for architecture in ("x86", "x64", "arm64"):
        folder = BUILD / "tests/stackhog/samples" / architecture
        for kind in ("triage", "kernel", "full"):
            if (folder / f"{kind}.dmp").exists():
                yield f"{architecture} {kind}", Plain(folder / f"{kind}.dmp", "-y", folder / "symbols", "-i", folder / "images")


HOGS = dict(hogs())
REAL = {path.name: Plain(path) for path in sorted(DATA.glob("kernel/*.dmp"))}
USER = {path.name: Plain(path) for path in sorted(DATA.glob("*/*.dmp")) if path.parent.name != "kernel"}
KERNEL = {**WORLDS, **HOGS, **REAL}


def known_threads(world):
    return [t for t in world.truth["threads"] if t.get("frames") and t["capture"] in ("apc", "processor", "switched")]


def in_module(world, name):
    module = next((m for m in world.truth["modules"] if m["image"].lower().startswith(name)), None)
    if module is None:
        return lambda thread: False
    base, size = number(module["base"]), int(str(module["size"]), 0)
    return lambda thread: any(base <= number(f["ip"]) < base + size for f in thread["frames"])


STACKS_ROW = re.compile(r"^ *([0-9a-f?]+)\.([0-9a-f?]+)  ([0-9a-f]{8,16}) ([0-9a-f?]{7,8}) (\S+) +(.*)$", re.M)
PROCESS_ROW = re.compile(r"^ {28}\[([0-9a-f]+) (\S+)\]$", re.M)


class AllStacks(unittest.TestCase):
    def test_every_thread_has_its_line(self):
        for name, world in WORLDS.items():
            (answer,) = world.run("!stacks 1")
            rows = {number(m[3]): m for m in STACKS_ROW.finditer(answer)}
            self.assertRegex(answer, rf"\nThreads Processed: {len(rows)}\n", name)
            for thread in known_threads(world):
                with self.subTest(name, thread=thread["ethread"]):
                    row = rows[number(thread["ethread"])]
                    if "?" not in row[2]:
                        self.assertEqual(int(row[2], 16), thread["id"])
                    self.assertRegex(row[6], r"^\S+!|^0x|^\S+\+0x")

    def test_threads_stand_below_their_process(self):
        (answer,) = WORLDS["x64"].run("!stacks 1")
        self.assertEqual([m[2] for m in PROCESS_ROW.finditer(answer)], ["w3wp.exe"])
        self.assertRegex(answer, r"\AProc\.Thread  \.Thread +Ticks +ThreadState Blocker\n {28}\[[0-9a-f]{16} w3wp\.exe\]\n")

    def test_the_blocker_is_not_the_dispatcher(self):
        # The seed's workers wait for a resource that its owner holds.
        world = WORLDS["x64"]
        (answer,) = world.run("!stacks")
        blockers = {number(m[3]): m[6] for m in STACKS_ROW.finditer(answer)}
        for thread in known_threads(world):
            expected = "nt!FsRtlCancellableWaitForMultipleObjects" if thread["role"] == "owner" else \
                "nt!ExAcquireResourceExclusiveLite"
            with self.subTest(thread=thread["ethread"], role=thread["role"]):
                self.assertTrue(blockers[number(thread["ethread"])].startswith(expected), blockers)

    def test_filters_and_searches_find_the_threads_of_the_truth(self):
        found = 0
        for name, world in WORLDS.items():
            for module in ("mrxsmb20", "rdbss", "fltmgr"):
                is_in = in_module(world, module)
                expected = {number(t["ethread"]) for t in known_threads(world) if is_in(t)}
                listed, searched, wild = world.run(f"!stacks 0 {module}!", f"!findstack {module}! 0", f"!findstack {module}!* 0")
                with self.subTest(name, module=module):
                    self.assertLessEqual(expected, {number(m[3]) for m in STACKS_ROW.finditer(listed)})
                    if expected:
                        threads = {number(t) for t in re.findall(r"(?m)^Thread ([0-9a-f]+) ", searched)}
                        self.assertLessEqual(expected, threads)
                        self.assertEqual(wild, searched)
                        found += len(expected)
        self.assertGreater(found, 10)

    def test_findstack_shows_frames_and_whole_stacks(self):
        world = WORLDS["x64"]
        frames, whole, none = world.run("!findstack mrxsmb20!", "!findstack mrxsmb20! 2", "!findstack nosuch!")
        self.assertRegex(frames, r"Thread [0-9a-f]{16} \(\S+\) w3wp\.exe, 1 frame\(s\) match\n        \* [0-9a-f]{2} [0-9a-f`]{17} "
                                 r"[0-9a-f`]{17} mrxsmb20!MRxSmb2Create\+0x658")
        self.assertIn("Child-SP          RetAddr           Call Site\n", whole)
        self.assertEqual(none, "no stack has nosuch!\n")

    def test_level_2_shows_the_stacks_of_k(self):
        for name, world in WORLDS.items():
            threads = known_threads(world)[:3]
            answer, *stacks = world.run("!stacks 2", *[f".thread {t['ethread']};k" for t in threads])
            for thread, stack in zip(threads, stacks, strict=True):
                with self.subTest(name, thread=thread["ethread"]):
                    rows = re.findall(r"(?m)^[0-9a-f`]{8,17} [0-9a-f`]{8,17} .*$", stack)
                    self.assertTrue(rows)
                    self.assertIn("\n".join(row for row in rows[:3]), answer)

    def test_equal_stacks_are_shown_once(self):
        for name, world in WORLDS.items():
            (answer,) = world.run("!uniqstack -n")
            total, unique, duplicate = (int(re.search(rf"{what}: (\d+)", answer)[1])
                                        for what in ("Total threads", "Unique callstacks", "Duplicate callstacks"))
            groups = [[number(t) for t in re.findall(r"(?m)^    ([0-9a-f]{8,16}) \(", part)]
                      for part in re.split(r"(?m)^\d+ threads?:$", answer)[1:]]
            frames = {number(t["ethread"]): [f["ip"] for f in t["frames"]] for t in known_threads(world)}
            with self.subTest(name):
                self.assertEqual((len(groups), sum(map(len, groups)), total - unique), (unique, total, duplicate))
                for group in groups:
                    true = [frames[t] for t in group if t in frames]
                    self.assertTrue(all(t == true[0] for t in true), group)
        self.assertLess(unique, total + 1)

    def test_kstack_is_what_stack_use_says(self):
        compared = 0
        for name, world in {**WORLDS, **HOGS}.items():
            done = subprocess.run([PROGRAM, "stack-use", str(world.dump), *world.paths, "--offline", "--json"], capture_output=True,
                                  check=True)
            answer, two = world.run("!kstack", "!kstack 2")
            found = re.findall(r"(?m)^ *([0-9a-f`]{8,17}) +(\S+) +(\d+) +(\d+) +(\d+)", answer)
            rows = [(number(thread), int(left), int(used), int(size)) for thread, _, left, used, size in found]
            near = json.loads(done.stdout)["near_limits"]
            with self.subTest(name):
                self.assertTrue(all(left + used == size for _, left, used, size in rows), answer)
                self.assertEqual([row[1] for row in rows], sorted(row[1] for row in rows))
                self.assertEqual(len(re.findall(r"(?m)^ *[0-9a-f`]{8,17} +\S+ +\d+ +\d+ +\d+", two)), min(2, len(rows)))
                for said, row in zip(near, rows):
                    compared += 1
                    self.assertEqual((number(said["thread"]["address"]), said["left"], said["used"], said["size"]), row)
        self.assertGreater(compared, 10)

    def test_user_dumps_have_stacks_and_no_kernel(self):
        for name, dump in USER.items():
            unique, *kernel = dump.run("!uniqstack", "!stacks", "!kstack", "!locks", "!irp 1000", "!pcr")
            with self.subTest(name):
                self.assertRegex(unique, r"Unique callstacks: \d+")
                for answer in kernel:
                    self.assertRegex(answer, r"\Aa user dump has no|\Athe dump tells of no processors")


class Objects(unittest.TestCase):
    def test_the_list_of_resources_is_the_kernels(self):
        for name, world in HOGS.items():
            if "triage" in name:
                continue
            (answer,) = world.run("!locks")
            with self.subTest(name):  # its kernel has an empty one
                self.assertEqual(answer, "**** DUMP OF ALL RESOURCE OBJECTS ****\n0 total locks, 0 locks currently held\n")

    def test_processors_have_their_threads(self):
        for name, world in KERNEL.items():
            (running,) = world.run("!running -i")
            for row in re.findall(r"(?m)^ +(\d+)   ([0-9a-f]+)  ([0-9a-f]+)  ([0-9a-f]+)$", running):
                index, prcb, current, idle = row
                if number(prcb) == 0:
                    continue
                block, control = world.run(f"!pcr {int(index):x}", f"!prcb {int(index):x}")
                with self.subTest(name, processor=index):
                    self.assertRegex(control, rf"\APRCB for Processor {index} at {prcb}:\n")
                    self.assertRegex(control, rf"Threads--  Current {current} Next [0-9a-f?]+ Idle {idle}\n")
                    if block.startswith("KPCR"):
                        self.assertIn(f"CurrentThread: {current}\n", block)
                        self.assertIn(f"Prcb: {prcb}\n", block)

    def test_dpcs_are_listed_or_said_to_be_missing(self):
        for name, world in KERNEL.items():
            (answer,) = world.run("!dpcs")
            with self.subTest(name):
                self.assertRegex(answer, r"\A(CPU Type      KDPC       Function\n"
                                         r"(( *\d+: (Normal  |Threaded): 0x|note: ).*\n|No DPCs are queued on .*\n)*|the dump tells)")


class Pointers(unittest.TestCase):
    def test_dpp_shows_what_dq_shows_twice(self):
        for name, world in WORLDS.items():
            sp = number(known_threads(world)[0]["frames"][0]["child_sp"])
            answer, plain = world.run(f"dpp {sp:x} L10", f"dp {sp:x} L10")
            values = [v for line in plain.splitlines() for v in line.split()[1:] if "?" not in v]
            rows = [line.split() for line in answer.splitlines() if len(line.split()) > 2]
            with self.subTest(name):
                self.assertTrue(values)
                self.assertEqual([r[1] for r in rows], values)
                pointed = world.run(*[f"dp {v} L1" for v in values])
                self.assertEqual([r[2] for r in rows], [p.split()[1] for p in pointed])

    def test_text_is_shown_behind_pointers(self):
        world = WORLDS["x64"]
        sp = number(known_threads(world)[0]["frames"][0]["child_sp"])
        byte, wide = world.run(f"dpa {sp:x} L4", f"dpu {sp:x} L4")
        for answer in (byte, wide):
            for line in answer.splitlines():
                self.assertRegex(line, r'^[0-9a-f`]{17}  [0-9a-f`]{17}  ("[ -~]*"|\?\?\?\?)$')


HEADER = {8: {"MajorVersion": (8, "I"), "MinorVersion": (0xc, "I"), "DirectoryTableBase": (0x10, "Q"), "MachineImageType": (0x30, "I"),
              "NumberProcessors": (0x34, "I"), "BugCheckCode": (0x38, "I"), "BugCheckParameter1": (0x40, "Q"),
              "KdDebuggerDataBlock": (0x80, "Q"), "DumpType": (0xf98, "I"), "Attributes": (0x1050, "I")},
          4: {"MajorVersion": (8, "I"), "MinorVersion": (0xc, "I"), "DirectoryTableBase": (0x10, "I"), "MachineImageType": (0x20, "I"),
              "NumberProcessors": (0x24, "I"), "BugCheckCode": (0x28, "I"), "BugCheckParameter1": (0x2c, "I"),
              "PaeEnabled": (0x5c, "B"), "KdDebuggerDataBlock": (0x60, "I"), "DumpType": (0xf88, "I")}}


def blobs(file):
    """The tagged data behind a dump, by its own layout: GUID, size and first bytes."""
    at = file.rfind(b"DumpBlob")
    if at < 0:
        return
    at += 0x10
    while at + 0x20 <= len(file):
        size, tag = struct.unpack_from("<I16s", file, at)
        length, before, after = struct.unpack_from("<III", file, at + 0x14)
        if size != 0x20:
            return
        start = at + size + before
        yield uuid.UUID(bytes_le=tag), length, file[start:start + min(length, 16)]
        at = start + length + after


class Files(unittest.TestCase):
    def test_the_header_is_shown_as_it_is_written(self):
        for name, world in KERNEL.items():
            with open(world.dump, "rb") as file:
                head = file.read(0x2000)
            (answer,) = world.run(".dumpdebug")
            rows = dict(re.findall(r"(?m)^(\w+) +([0-9a-f`]+)(?:   \(never written\))?$", answer))
            fields = HEADER[8 if head[:8] == b"PAGEDU64" else 4]
            for field, (at, form) in fields.items():
                with self.subTest(name, field=field):
                    self.assertEqual(number(rows[field]), struct.unpack_from("<" + form, head, at)[0])

    def test_a_user_dumps_streams_are_those_of_its_directory(self):
        for name, dump in USER.items():
            file = pathlib.Path(dump.dump).read_bytes()
            count, directory = struct.unpack_from("<II", file, 8)
            streams = [struct.unpack_from("<III", file, directory + 12 * i) for i in range(count)]
            (answer,) = dump.run(".dumpdebug")
            shown = [(int(t), int(s, 16), int(r, 16))
                     for t, s, r in re.findall(r"\((\d+)\), size ([0-9A-F]+), RVA ([0-9A-F]+)", answer)]
            with self.subTest(name):
                self.assertEqual(shown, streams)

    def test_tagged_data_is_that_of_the_file(self):
        for name, dump in REAL.items():
            expected = list(blobs(pathlib.Path(dump.dump).read_bytes()))
            (answer,) = dump.run(".enumtag")
            parts = re.split(r"(?m)^(\{[0-9A-F-]{36}\}) - 0x([0-9a-f]+) bytes$", answer)[1:]
            with self.subTest(name):
                self.assertGreater(len(expected), 5)
                self.assertEqual([(uuid.UUID(tag), int(size, 16)) for tag, size in zip(parts[::3], parts[1::3])],
                                 [(tag, size) for tag, size, _ in expected])
                for (_, _, head), part in zip(expected, parts[2::3], strict=True):
                    if head:
                        row = part.strip("\n").split("\n")[0][2:50]
                        self.assertEqual(bytes(int(h, 16) for h in row.split()), head)
        (none,) = WORLDS["x64"].run(".enumtag")
        self.assertTrue(none)

    def test_an_image_says_what_its_file_says(self):
        seen = 0
        for name, world in WORLDS.items():
            if "-i" not in world.paths:
                continue
            for path in sorted(pathlib.Path(world.paths[world.paths.index("-i") + 1]).rglob("*.sys")):
                file = path.read_bytes()
                pe = struct.unpack_from("<I", file, 0x3c)[0]
                stamp, = struct.unpack_from("<I", file, pe + 8)
                size, _, checksum = struct.unpack_from("<III", file, pe + 24 + 56)
                rsds = file.find(b"RSDS")
                guid, age = uuid.UUID(bytes_le=file[rsds + 4:rsds + 20]), struct.unpack_from("<I", file, rsds + 20)[0]
                (answer,) = world.run(f"!lmi {path.stem}")
                if answer.startswith("no module"):
                    continue
                seen += 1
                with self.subTest(name, module=path.name):
                    self.assertIn(f"Time Stamp: {stamp:x} ", answer)
                    self.assertIn(f"Size: {size:x}\n", answer)
                    self.assertIn(f"CheckSum: {checksum:x}\n", answer)
                    self.assertIn(f"RSDS - GUID: {{{str(guid).upper()}}}\n               Age: {age}, Pdb: ", answer)
                    self.assertRegex(answer, r"Symbol Type: PDB      - Symbols loaded successfully\.\n +\S.*\.pdb\n")
        self.assertGreater(seen, 3)

    def test_what_is_no_module_is_said_to_be_none(self):
        for command in ("!lmi", "!lmi nosuch", "!lmi 0"):
            (answer,) = WORLDS["x64"].run(command)
            self.assertRegex(answer, r"\A!lmi takes|\Ano module is called")

    def test_analyze_says_what_the_subcommand_says(self):
        for name, world in {**KERNEL, **USER}.items():
            for option, command in (((), "!analyze"), (("-v",), "!analyze -v")):
                done = subprocess.run([PROGRAM, "analyze", str(world.dump), *world.paths, *option, "--offline"], capture_output=True, check=True)
                answer = world.raw("-c", command)
                with self.subTest(name, command=command):
                    self.assertEqual(answer, done.stdout.decode())


class Hostile(unittest.TestCase):
    COMMANDS = ("!stacks", "!uniqstack", "!findstack", "!kstack", "!locks", "!irp", "!pcr", "!prcb", "!dpcs", "!lmi", ".dumpdebug",
                ".enumtag", "!analyze", "dpp", "ddp", "dqp", "dpa", "dpu")
    ARGUMENTS = ("", "0", "-1", "fffff123`00000000", "ffffffff`ffffffff", "ffffffff`fffffff9 1", "8a000001", "nosuch", "-x", "1/0",
                 "2 2 2", "*", "?", "%s%n", "-v 0", "@$thread")

    def test_no_argument_ends_the_session_or_goes_without_an_answer(self):
        chosen = [("x64", WORLDS["x64"])] + [(n, w) for n, w in KERNEL.items() if "triage" in n] + list(USER.items())[:2]
        for name, world in chosen:
            for command in self.COMMANDS:
                lines = [f"{command} {argument}" for argument in self.ARGUMENTS]
                answers = world.run(*lines, ".echo alive")
                with self.subTest(name, command=command):
                    self.assertEqual(len(answers), len(lines) + 1)
                    self.assertEqual(answers[-1], "alive\n")
                    for line, answer in zip(lines, answers):
                        self.assertTrue(answer, line)

    def test_every_thread_is_no_irp_and_no_resource(self):
        world = WORLDS["x64"]
        for thread in known_threads(world):
            irp, lock = world.run(f"!irp {thread['ethread']}", f"!locks {thread['ethread']}")
            self.assertRegex(irp, r"\AIRP signature does not match|\Ano IRP is at")
            self.assertRegex(lock, r"\Ano resource is at|is not in the dump")


if __name__ == "__main__":
    unittest.main(verbosity=2)
