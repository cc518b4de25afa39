#!/usr/bin/env python3
"""Runs the program on the samples and on real dumps. Truth: what the emulated processor recorded (truth.json), the
published schema by a validator that is not ours, the seed's listing, and facts about the real dumps."""
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import struct
import sys
import tempfile
import unittest

PROGRAM = sys.argv.pop(1)
SOURCE = pathlib.Path(sys.argv.pop(1)).resolve()
BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
DATA = pathlib.Path(os.environ.get("NTSTACK_DATA", SOURCE.parent / "shared" / "data"))
SEED1 = SOURCE / "samples" / "seed1"


def run(*arguments, environment=None, expect=0, text=None):
    env = dict(os.environ, **(environment or {}))
    env.pop("_NT_SYMBOL_PATH", None) if not environment else None
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, env=env, input=text, timeout=120)
    if expect is not None and done.returncode != expect:
        raise AssertionError(f"{arguments}: exit {done.returncode}: {done.stderr.decode()}")
    return done.stdout.decode(), done.stderr.decode()


def run_json(*arguments, **keywords):
    return json.loads(run(*arguments, "--json", **keywords)[0])


def real_frames(stack):
    return [f for f in stack["frames"] if not f["inline"]]


class Sample:
    """A dump every frame of which is known: what is asked of each of them."""

    dump = SEED1 / "w3wp.dmp"
    symbols = SEED1 / "symbols"
    least_frames = 200
    ends = {"user_mode"}

    @classmethod
    def setUpClass(cls):
        if not cls.dump.exists():
            raise unittest.SkipTest(f"not built here: {cls.dump.relative_to(BUILD)}")
        cls.truth = json.loads((cls.dump.parent / "truth.json").read_text())
        cls.stacks = run_json("stacks", cls.dump, "-y", cls.symbols)["stacks"]

    @classmethod
    def captured(cls):
        return [t for t in cls.truth["threads"] if t["capture"] != "none"]

    def stack_of(self, thread):
        found = [s for s in self.stacks if s["thread"] and s["thread"]["address"] == thread["ethread"]]
        self.assertEqual(len(found), 1, thread["ethread"])
        return found[0]

    def test_every_frame_is_the_processors_own(self):
        checked = 0
        for thread in self.captured():
            stack = self.stack_of(thread)
            self.assertIn(stack["thread"]["id"], (thread["id"], None))
            self.assertIn(stack["end"]["kind"], self.ends)
            frames = real_frames(stack)
            user = 1 if stack["end"]["kind"] == "user_mode" else 0
            self.assertEqual(len(frames), len(thread["frames"]) + user)
            for ours, true in zip(frames, thread["frames"]):
                for name in ("ip", "child_sp", "return_address"):
                    self.assertEqual(int(ours[name], 16), int(true[name], 16), name)
                self.assertNotEqual(ours["trust"], "scan")
                checked += 1
            if user:
                self.assertEqual(int(frames[-1]["ip"], 16), int(thread["user"]["rip"], 16))
                self.assertEqual(int(frames[-1]["child_sp"], 16), int(thread["user"]["rsp"], 16))
        print(f"end to end: {self.dump.name}: {checked} frames compared with what the processor recorded")
        self.assertGreaterEqual(checked, self.least_frames)

    def test_trap_frames_and_stack_switches_are_where_the_processor_had_them(self):
        for thread in self.captured():
            frames = real_frames(self.stack_of(thread))
            true = {t["frame"]: int(t["address"], 16) for t in thread["trap_frames"]}
            ours = {i: int(f["trap_frame"], 16) for i, f in enumerate(frames) if f["trap_frame"]}
            self.assertEqual(ours, true)
            switches = [i for i, f in enumerate(frames) if f["trust"] == "stack_switch"]
            self.assertEqual(switches, [s["frame"] + 1 for s in thread["stack_switches"]])

    def test_segments_are_the_stacks_that_the_thread_used(self):
        for thread in self.captured():
            ours = [int(s["base"], 16) for s in self.stack_of(thread)["segments"]]
            self.assertEqual(ours, [int(s["base"], 16) for s in thread["stack_segments"]])

    def test_frame_bytes_add_up_to_the_distance_between_frames(self):
        for stack in self.stacks:
            frames = real_frames(stack)
            for frame, caller in zip(frames, frames[1:]):
                distance = int(caller["child_sp"], 16) - int(frame["child_sp"], 16)
                if not frame["trap_frame"] and caller["trust"] != "stack_switch":
                    self.assertEqual(frame["frame_bytes"], distance)

    def test_without_images_nothing_is_shown_with_more_trust_than_it_has(self):
        with tempfile.TemporaryDirectory() as empty:
            document = run_json("stacks", self.dump, "-y", empty)
        true_slots = {f["ip"] for t in self.truth["threads"] for f in t["frames"]}
        trusted = wrong = 0
        for stack in document["stacks"]:
            for frame in real_frames(stack):
                if frame["trust"] != "scan" and int(frame["ip"], 16) >> 47:
                    trusted += 1
                    wrong += frame["ip"] not in true_slots
        self.assertGreater(trusted, 0)
        self.assertEqual(wrong, 0)
        remedies = [m["remedy"] for m in document["missing"] if m["module"].lower() == "rdbss.sys"]
        self.assertTrue(any("rdbss.sys/" in r.lower() for r in remedies), document["missing"])

    def test_modules_are_those_of_the_world(self):
        modules = run_json("info", self.dump)["modules"]
        ours = {(m["name"].lower(), m["base"], m["size"], m["timestamp"]) for m in modules}
        true = {(m["image"].lower(), m["base"], m["size"], m["timestamp"]) for m in self.truth["modules"]}
        self.assertEqual(ours, true)


class Processors(Sample, unittest.TestCase):
    """Four processors at a bugcheck: a system call, a DPC above an interrupted thread, an idle loop, a user fault."""

    dump = SOURCE / "samples" / "processors" / "processors.dmp"
    least_frames = 45
    ends = {"user_mode", "base"}

    def test_every_processor_is_there_and_the_dpc_stack_is_named(self):
        self.assertEqual([s["processor"] for s in self.stacks], [0, 1, 2, 3])
        self.assertEqual([s["kind"] for s in self.stacks[1]["segments"]], ["dpc", "thread"])


class Seed1(Sample, unittest.TestCase):
    """The first seed's web server process."""

    def test_the_seeds_listings_come_out_name_for_name(self):
        lines = (SOURCE / "tests" / "end_to_end" / "seed1_listings.txt").read_text().split("\n\n")
        texts = ["\n".join(self.call_sites(s)) for s in self.stacks]
        for listing in lines:
            self.assertIn(listing.strip(), texts)

    @staticmethod
    def call_sites(stack):
        out = []
        for frame in real_frames(stack)[:-1]:
            symbol = frame["symbol"]
            site = f'{symbol["module"]}!{symbol["name"]}'
            site += f'+{symbol["offset"]:#x}' if symbol["offset"] else ""
            if frame["trap_frame"]:
                address = int(frame["trap_frame"], 16)
                site += f" (TrapFrame @ {address >> 32:08x}`{address & 0xffffffff:08x})"
            out.append(site)
        return out

    def test_identical_stacks_are_grouped_in_the_text(self):
        text, _ = run("stacks", SEED1 / "w3wp.dmp", "-y", SEED1 / "symbols")
        self.assertIn("threads like this:", text)
        single, _ = run("stacks", SEED1 / "w3wp.dmp", "-y", SEED1 / "symbols", "--no-group")
        self.assertNotIn("threads like this:", single)
        self.assertEqual(single.count("THREAD "), len(self.stacks))

    def test_one_thread_can_be_chosen_by_id_or_address(self):
        thread = self.truth["threads"][0]
        address = f'{int(thread["ethread"], 16):016x}'
        # As listings have them too: an address, and a Cid.
        for name in (str(thread["id"]), hex(thread["id"]), thread["ethread"], f"{address[:8]}`{address[8:]}",
                     f'1a2c.{thread["id"]:x}'):
            document = run_json("stacks", SEED1 / "w3wp.dmp", "--thread", name)
            self.assertEqual([s["thread"]["address"] for s in document["stacks"]], [thread["ethread"]])
        run("stacks", SEED1 / "w3wp.dmp", "--thread", "4294967292", expect=1)
        run("stacks", SEED1 / "w3wp.dmp", "--thread", f'1.{thread["id"]:x}', expect=1)
        run("stacks", SEED1 / "w3wp.dmp", "--thread", "zzz", expect=2)

    def test_an_id_in_hexadecimal_is_pointed_out(self):
        ids = {thread["id"] for thread in self.truth["threads"]}
        typed = next(f"{one:x}" for one in ids if f"{one:x}".isdigit() and int(f"{one:x}") not in ids)
        _, error = run("stacks", SEED1 / "w3wp.dmp", "--thread", typed, expect=1)
        self.assertIn(f"thread 0x{typed} is (listings have IDs in hexadecimal)", error)


class Arm64Seed1(Sample, unittest.TestCase):
    """The same process on ARM64: half of its drivers sign their return addresses."""

    dump = BUILD / "tests" / "world_arm64" / "samples" / "seed1" / "w3wp.dmp"
    symbols = dump.parent / "symbols"

    def test_the_functions_are_those_of_the_seeds_listings(self):
        """x64's return addresses, line for line, without their offsets."""
        listings = (SOURCE / "tests" / "end_to_end" / "seed1_listings.txt").read_text().split("\n\n")
        ours = [[f"{f['symbol']['module']}!{f['symbol']['name']}" for f in real_frames(s)[:-1]] for s in self.stacks]
        for listing in listings:
            self.assertIn([line.split("+")[0] for line in listing.strip().splitlines()], ours)


    def test_frame_records_lead_through_the_stack_without_images(self):
        """The kernel and its drivers keep the chain; only the owner's stack has a driver that does not."""
        with tempfile.TemporaryDirectory() as empty:
            stacks = run_json("stacks", self.dump, "-y", empty)["stacks"]
        checked = 0
        for thread in self.captured():
            if thread["role"] == "owner":
                continue
            (stack,) = [s for s in stacks if s["thread"]["address"] == thread["ethread"]]
            frames = real_frames(stack)[: len(thread["frames"])]
            self.assertEqual([int(f["ip"], 16) for f in frames], [int(t["ip"], 16) for t in thread["frames"]])
            for ours, true in zip(frames, thread["frames"]):  # where a record lies, SP is no lower
                self.assertLessEqual(int(ours["child_sp"], 16), int(true["child_sp"], 16))
            checked += len(frames)
        print(f"end to end: {self.dump.name}: {checked} ARM64 frames found by frame records alone")


class Arm64Processors(Sample, unittest.TestCase):
    """The same four processors on ARM64; the idle one is in a thread that KiStartSystemThread began."""

    dump = BUILD / "tests" / "world_arm64" / "samples" / "processors" / "processors.dmp"
    symbols = Arm64Seed1.symbols
    least_frames = 45
    ends = {"user_mode", "base"}

    def test_every_processor_is_there_and_the_dpc_stack_is_named(self):
        self.assertEqual([s["processor"] for s in self.stacks], [0, 1, 2, 3])
        self.assertEqual([s["kind"] for s in self.stacks[1]["segments"]], ["dpc", "thread"])

    def test_segments_are_the_stacks_that_the_thread_used(self):
        """Only the crashed thread's object is in the dump, and no field of the PRCB is known to tell the others'."""
        for thread in self.captured():
            true = [int(s["base"], 16) for s in thread["stack_segments"]] if thread["processor"] == 1 else []
            self.assertEqual([int(s["base"], 16) for s in self.stack_of(thread)["segments"]], true)


class X86(unittest.TestCase):
    """The same worlds as 32-bit Windows: frames omitted and kept, PAE and not, both layouts of trap frames."""

    samples = BUILD / "tests" / "world_x86" / "samples"
    kinds = ("19041-omit", "19041-keep", "7601-keep")

    def setUp(self):
        if not self.samples.exists():
            self.skipTest("not built here: world_x86")

    def stacks_and_truth(self, kind, story, files):
        """(frames of ntstack, true frames, thread) of each thread; `files`: "symbols", or "images" without PDBs."""
        folder = self.samples / kind
        dump = next((folder / story).glob("*.dmp"))
        stacks = run_json("stacks", dump, "-y", folder / files)["stacks"]
        truth = json.loads((folder / story / "truth.json").read_text())
        by_thread = {s["thread"]["address"]: s for s in stacks if s["thread"]}
        return [(real_frames(by_thread[t["ethread"]]), t["frames"], t) for t in truth["threads"]]

    @staticmethod
    def place(frame):
        return int(frame["ip"], 16), int(frame["child_sp"], 16)

    def compare(self, ours, true, thread):
        has_user = 1 if "user" in thread else 0
        self.assertEqual([self.place(f) for f in ours[:len(ours) - has_user]], [self.place(f) for f in true])
        if has_user:
            self.assertEqual(int(ours[-1]["ip"], 16), int(thread["user"]["rip"], 16))
            self.assertEqual(int(ours[-1]["child_sp"], 16), int(thread["user"]["rsp"], 16))

    def test_every_frame_of_the_process_is_the_processors_own(self):
        checked = 0
        for kind in self.kinds:
            for ours, true, thread in self.stacks_and_truth(kind, "seed1", "symbols"):
                self.compare(ours, true, thread)
                checked += len(true)
                if kind.endswith("keep"):
                    self.assertNotIn("scan", [f["trust"] for f in ours])
        print(f"end to end: x86: {checked} frames compared with what the processor recorded")
        self.assertGreaterEqual(checked, 400)

    def test_every_processor_is_whole_across_traps_tasks_and_dpcs(self):
        """In a system call, in a DPC above a thread, idle, in a page fault; behind a double fault's task gate."""
        for kind in self.kinds:
            for story in ("processors", "double_fault"):
                for files in ("symbols", "images"):
                    for ours, true, thread in self.stacks_and_truth(kind, story, files):
                        with self.subTest(kind=kind, story=story, files=files, role=thread["role"]):
                            self.compare(ours, true, thread)

    def test_no_wrong_frame_has_more_trust_than_a_scan(self):
        trusted = 0
        for kind in self.kinds:
            for story in ("seed1", "processors", "double_fault"):
                for files in ("symbols", "images"):
                    for ours, true, thread in self.stacks_and_truth(kind, story, files):
                        places = {self.place(f) for f in true}
                        for frame in ours:
                            if frame["trust"] == "scan" or int(frame["ip"], 16) < 0x80000000:
                                continue
                            self.assertIn(self.place(frame), places, (kind, story, files, thread["role"], frame))
                            trusted += 1
        self.assertGreaterEqual(trusted, 900)


def user_minidump(path, process_id, threads):
    """An x64 user minidump of nothing but threads' contexts: {id: (rip, rsp)}."""
    system = struct.pack("<HHHBBIIIIIHHQQ", 9, 0, 0, 1, 1, 10, 0, 19041, 2, 0, 0, 0, 0, 0)
    misc = struct.pack("<IIIIII", 24, 1, process_id, 0, 0, 0)
    records, contexts = struct.pack("<I", len(threads)), b""
    rva = 32 + 3 * 12 + len(system) + len(misc) + 4 + 48 * len(threads)
    for identifier, (rip, rsp) in threads.items():
        context = bytearray(0x4d0)
        struct.pack_into("<I", context, 0x30, 0x10000b)
        struct.pack_into("<Q", context, 0x98, rsp)
        struct.pack_into("<Q", context, 0xf8, rip)
        records += struct.pack("<IIIIQQIIII", identifier, 0, 0, 0, 0, 0, 0, 0, 0x4d0, rva + len(contexts))
        contexts += bytes(context)
    directory = b""
    at = 32 + 3 * 12
    for kind, stream in ((7, system), (15, misc), (3, records)):
        directory += struct.pack("<III", kind, len(stream), at)
        at += len(stream)
    header = struct.pack("<4sIIIIIQ", b"MDMP", 0xa793, 3, 32, 0, 0, 0)
    path.write_bytes(header + directory + system + misc + records + contexts)


def place_in_file(dump, address):
    """Where an x64 triage dump keeps the byte of an address: TRIAGE_DUMP64's data blocks."""
    blocks, count = struct.unpack_from("<II", dump, 0x2078)
    for i in range(count):
        start, offset, size = struct.unpack_from("<QII", dump, blocks + 16 * i)
        if start <= address < start + size:
            return offset + address - start
    raise KeyError(hex(address))


class LostStart(unittest.TestCase):
    def test_it_is_found_where_exact_steps_lead_to_the_way_into_user_mode(self):
        """The switch frames of the threads that wait are wiped out: nothing says where they were."""
        truth = json.loads((SEED1 / "truth.json").read_text())["threads"]
        lost = {t["ethread"]: t for t in truth if t["capture"] == "switched_out"}
        dump = bytearray((SEED1 / "w3wp.dmp").read_bytes())
        for thread in lost:
            kernel_stack, = struct.unpack_from("<Q", dump, place_in_file(dump, int(thread, 16) + 0x58))
            struct.pack_into("<Q", dump, place_in_file(dump, kernel_stack + 0x38), 0)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "lost.dmp"
            path.write_bytes(dump)
            stacks = run_json("stacks", path, "-y", SEED1 / "symbols")["stacks"]
        found = [s for s in stacks if s["thread"]["address"] in lost]
        self.assertEqual(len(found), 2)
        for stack in found:
            self.assertEqual(stack["start"], "search")
            ours = [(int(f["ip"], 16), int(f["child_sp"], 16)) for f in real_frames(stack)[:-1]]
            true = [(int(f["ip"], 16), int(f["child_sp"], 16)) for f in lost[stack["thread"]["address"]]["frames"]]
            self.assertGreaterEqual(len(ours), len(true) - 2)
            self.assertEqual(ours, true[-len(ours):])
            trusts = [f["trust"] for f in stack["frames"]]
            self.assertEqual(trusts[0], "scan")
            self.assertNotIn("scan", trusts[1:])


class SeveralDumps(unittest.TestCase):
    """Seed 4's pair: the kernel's and the user's dump of one process. The user dump here is our own."""

    @classmethod
    def setUpClass(cls):
        cls.truth = json.loads((SEED1 / "truth.json").read_text())["threads"]
        cls.alone = run_json("stacks", SEED1 / "w3wp.dmp", "-y", SEED1 / "symbols")["stacks"]

    def with_user_dump(self, move):
        users = {t["id"]: t["user"] for t in self.truth if "user" in t}
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "w3wp.dmp"
            threads = {i: (int(u["rip"], 16), int(u["rsp"], 16) + move) for i, u in users.items()}
            user_minidump(path, 0x1a2c, threads)
            return run_json("stacks", path, SEED1 / "w3wp.dmp", "-y", SEED1 / "symbols")

    def test_user_stacks_go_below_the_kernels_where_they_meet(self):
        document = self.with_user_dump(0)
        self.assertEqual(document["dump"]["kind"], "triage")
        self.assertEqual([d["kind"] for d in document["more_dumps"]], ["minidump"])
        self.assertEqual(len(document["stacks"]), len(self.alone))
        for before in self.alone:
            after = next(s for s in document["stacks"] if s["thread"]["address"] == before["thread"]["address"])
            self.assertEqual([(f["ip"], f["child_sp"]) for f in after["frames"][:len(before["frames"])]],
                             [(f["ip"], f["child_sp"]) for f in before["frames"]])
            self.assertEqual(after["frames"][len(before["frames"]) - 1]["trust"], "context")

    def test_of_another_moment_both_are_shown_and_said_to_be(self):
        document = self.with_user_dump(-16)
        self.assertEqual(len(document["stacks"]), 2 * len(self.alone))
        notes = [n for s in document["stacks"] for n in s["notes"]]
        self.assertEqual(len([n for n in notes if "another moment" in n]), len(self.alone))

    def test_a_set_gives_each_thread_once(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("a.dmp", "b.dmp"):
                shutil.copy(SEED1 / "w3wp.dmp", pathlib.Path(folder) / name)
            document = run_json("stacks", folder, "-y", SEED1 / "symbols")
        of_dumps = [s.pop("dumps") for s in document["stacks"]]
        self.assertEqual(document["stacks"], self.alone)
        self.assertEqual(of_dumps, [[0]] * len(self.alone))
        self.assertEqual([c["dump"] for c in document["captures"]], ["a.dmp", "b.dmp"])

    def test_a_zip_of_a_captures_folder_is_that_folder(self):
        thread = next(s["thread"] for s in self.alone if s["thread"]["id"])
        capture = {"version": 1, "program": "by hand", "process": {"id": 0x1a2c, "name": "w3wp.exe"},
                   "files": [{"name": "w3wp.dmp", "kind": "triage"}, {"name": "gone.dmp", "kind": "user"}],
                   "threads": [{"id": thread["id"], "name": "the first"},
                               {"id": 0xfff0, "outcome": "gone", "reason": "it ended before"}],
                   "notes": ["what the capture said"]}
        with tempfile.TemporaryDirectory() as place:
            place = pathlib.Path(place)
            folder, temporary = place / "w3wp_1", place / "tmp"
            folder.mkdir()
            temporary.mkdir()
            shutil.copy(SEED1 / "w3wp.dmp", folder)
            (folder / "capture.json").write_text(json.dumps({"capture": capture}))
            zipped = shutil.make_archive(place / "w3wp_1", "zip", place, "w3wp_1")
            for arguments in (["-y", SEED1 / "symbols"], ["-y", SEED1 / "symbols", "--json"]):
                environment = {"TMPDIR": str(temporary)}
                of_folder = run("stacks", folder, *arguments, environment=environment)
                of_zip = run("stacks", zipped, *arguments, environment=environment)
                self.assertEqual(of_zip, of_folder)
                self.assertIn("what the capture said", of_zip[0])
                self.assertIn("the first", of_zip[0])
                self.assertEqual(list(temporary.iterdir()), [])

    def test_what_became_of_each_requested_thread_is_said(self):
        names = {0: "captured", 0x102: "timed_out"}
        for command in ("info", "stacks"):
            captures = run_json(command, SEED1 / "w3wp.dmp")["captures"]
            self.assertEqual(len(captures), 1)
            self.assertEqual([(t["index"], t["capture"], t["thread"]) for t in captures[0]["threads"]],
                             [(i, names[int(t["status"], 16)], t["ethread"] if t["capture"] != "none" else None)
                              for i, t in enumerate(self.truth)])
            self.assertIn("asked for 11 threads: 10 captured, 1 did not answer in time", run(command, SEED1 / "w3wp.dmp")[0])

    def test_threads_are_chosen_by_process_state_and_wait_reason(self):
        def chosen(*arguments):
            return run_json("stacks", SEED1 / "w3wp.dmp", "-y", SEED1 / "symbols", *arguments)["stacks"]

        self.assertEqual(chosen("--process", "w3wp"), self.alone)
        self.assertEqual(chosen("--process", "0x1a2c"), self.alone)

        def waits_for_resource(stack):
            return any(f["symbol"] and f["symbol"]["name"] == "ExpWaitForResource" for f in stack["frames"])

        waiting = chosen("--waiting-on", "wrresource")
        self.assertEqual(waiting, [s for s in self.alone if waits_for_resource(s)])
        self.assertGreater(len(self.alone), len(waiting))
        switched = chosen("--state", "Waiting", "--waiting-on", "WrResource")
        self.assertEqual([s["thread"]["state"] for s in switched],
                         ["captured by an APC"] + ["WAIT: (WrResource)"] * 2)
        run("stacks", SEED1 / "w3wp.dmp", "--process", "other", expect=1)
        run("stacks", SEED1 / "w3wp.dmp", "--state", "other", expect=2)
        run("stacks", SEED1 / "w3wp.dmp", "--waiting-on", "other", expect=2)


class Readme(unittest.TestCase):
    def test_its_listings_are_what_the_program_prints(self):
        printed = set()
        for command in ("stacks", "waits"):
            printed.update(run(command, SEED1 / "w3wp.dmp", "-y", SEED1 / "symbols")[0].splitlines())
        lines = [l for l in (SOURCE / "README.md").read_text().splitlines() if "`" in l and l[:1] in "0123456789 "]
        listed = [l for l in lines if l[:2].strip().isalnum() or "THREAD" in l]
        self.assertGreater(len(listed), 12)
        for line in listed:
            self.assertIn(line, printed)


class RealDumps(unittest.TestCase):
    def need(self, name):
        path = DATA / name
        if not path.exists():
            self.skipTest(f"not at hand: {name}")
        return path

    def test_the_kernel_generated_triage_dump_shows_all_processors(self):
        document = run_json("stacks", self.need("kernel/triage_x64_19041.dmp"))
        processors = [s["processor"] for s in document["stacks"] if s["processor"] is not None]
        self.assertEqual(processors, list(range(16)))
        for stack in document["stacks"]:
            self.assertGreater(len(stack["frames"]), 1)
            self.assertEqual(stack["frames"][0]["trust"], "context")
        crash = document["stacks"][0]
        self.assertEqual(crash["frames"][0]["ip"], "0xfffff8048b58334c")
        self.assertEqual(crash["frames"][0]["symbol"]["module"], "amdppm")
        self.assertEqual(crash["bugcheck_frames"][0]["child_sp"], "0xffff850429890ee8")

    def test_info_of_the_triage_dumps(self):
        info = run_json("info", self.need("kernel/triage_x64_19041.dmp"))
        self.assertEqual(info["dump"]["kind"], "triage")
        self.assertEqual(info["dump"]["architecture"], "x64")
        self.assertEqual(info["dump"]["build"], 19041)
        self.assertEqual(info["dump"]["processor_count"], 16)
        self.assertEqual(info["bugcheck"]["code"], "0x1000007e")
        self.assertEqual(info["bugcheck"]["parameters"][1], "0xfffff8048b58334c")
        self.assertEqual(len(info["modules"]), 151)
        self.assertEqual(len(info["secondary_data"]), 20)
        other = run_json("info", self.need("kernel/triage_x64_17763.dmp"))
        self.assertEqual(other["dump"]["build"], 17763)
        self.assertEqual(len(other["modules"]), 108)

    def test_the_current_stack_of_the_other_triage_dump(self):
        document = run_json("stacks", self.need("kernel/triage_x64_17763.dmp"))
        self.assertEqual([s["processor"] for s in document["stacks"]], [6])
        frames = document["stacks"][0]["frames"]
        self.assertEqual(frames[0]["ip"], "0xfffff8044a24d2d4")
        self.assertEqual(frames[0]["symbol"], {"module": "nt", "name": None, "offset": 0x4a2d4, "from_export": False})
        self.assertTrue(all(f["trust"] in ("context", "trap_frame", "scan") for f in frames))

    def test_a_user_minidump_with_its_pdb_has_names_and_lines(self):
        path = self.need("lldb/sigsegv.dmp")
        document = run_json("stacks", path, "-y", path.parent)
        named = [f for s in document["stacks"] for f in s["frames"] if f["source"]]
        self.assertTrue(any(f["symbol"]["name"] and f["source"]["line"] for f in named))
        crash = [s for s in document["stacks"] if s["start"] == "crash_context"]
        self.assertEqual(len(crash), 1)
        self.assertIn("crash", crash[0]["frames"][0]["symbol"]["name"])

    def test_every_thread_of_a_user_minidump_has_a_stack(self):
        document = run_json("stacks", self.need("electron/windows.dmp"))
        self.assertEqual(len(document["stacks"]), 14)
        x86 = run_json("stacks", self.need("symbolic/windows_mini.dmp"))
        self.assertEqual(x86["dump"]["architecture"], "x86")
        self.assertTrue(all("child_ebp" in s["frames"][0] for s in x86["stacks"]))

    def test_an_x86_minidump_walks_into_its_program_with_names_and_lines(self):
        """Names and lines are the PDB's; that these are the callers is known from Breakpad's public source."""
        path = self.need("symbolic/windows_mini.dmp")
        stacks = run_json("stacks", path, "-y", path.parent)["stacks"]
        self.assertEqual([s["thread"]["id"] for s in stacks], [0x664, 0xdfc, 0xa28, 0xb68])
        main, _, _, handler = stacks

        def named(stack):
            return [(f["symbol"]["name"], f["source"]["line"], f["trust"]) for f in stack["frames"] if f["source"]]

        self.assertEqual(named(main)[-3:], [("main", 35, "context"), ("invoke_main", 78, "frame_data"),
                                            ("__scrt_common_main_seh", 283, "frame_data")])
        self.assertEqual(main["end"]["kind"], "base")
        # Its stack moved on while it was written: the chain of frame pointers that is left is a guess.
        self.assertIn(("google_breakpad::ExceptionHandler::ExceptionHandlerThreadMain", 399, "scan"), named(handler))
        for stack in stacks:
            self.assertTrue(all(f["trust"] != "unwind_info" for f in stack["frames"]))
            modules = [f["symbol"]["module"] for f in stack["frames"][-3:]]
            self.assertEqual(modules, ["kernel32", "ntdll", "ntdll"])


class Schema(unittest.TestCase):
    def test_every_document_is_as_the_schema_says(self):
        try:
            import jsonschema
        except ImportError:
            self.skipTest("not installed: python3-jsonschema")
        schema = json.loads((SOURCE / "docs" / "schema" / "ntstack.schema.json").read_text())
        dumps = sorted(SOURCE.glob("samples/*/*.dmp")) + sorted(DATA.glob("*/*.dmp"))
        dumps += sorted(BUILD.glob("tests/world_*/samples/*/*.dmp"))
        dumps += sorted(BUILD.glob("tests/world_x86/samples/*/*/*.dmp"))
        commands = ("info", "modules", "processes", "threads", "stacks")
        for dump in dumps:
            for command in commands:
                jsonschema.validate(run_json(command, dump), schema)
        jsonschema.validate(run_json("doctor"), schema)
        print(f"schema: {len(commands) * len(dumps)} documents checked by jsonschema")


class Lists(unittest.TestCase):
    """`processes` and `threads` of the real triage dumps."""

    def setUp(self):
        self.dumps = sorted(DATA.glob("kernel/*.dmp"))
        if not self.dumps:
            self.skipTest("no real dumps here")

    def test_lines_are_aligned_and_end_in_no_space(self):
        for dump in self.dumps:
            for command, column in (("processes", "Image"), ("threads", "State")):
                lines = [l for l in run(command, dump)[0].splitlines() if not l.startswith("note: ")]
                self.assertGreater(len(lines), 1)
                at = lines[0].index(column)
                for line in lines:
                    self.assertEqual(line, line.rstrip())
                    self.assertEqual(line[at - 1], " ")
                    self.assertNotEqual(line[at], " ")

    def test_the_crashing_thread_is_among_them_and_is_chosen(self):
        for dump in self.dumps:
            stack = run_json("stacks", dump)["stacks"][0]
            threads = run_json("threads", dump, "--thread", stack["thread"]["address"])["threads"]
            self.assertEqual(len(threads), 1)
            for name in ("id", "address", "state", "start_address", "priority", "create_time"):
                self.assertEqual(threads[0][name], stack["thread"][name], name)
            processes = run_json("processes", dump, "--thread", stack["thread"]["address"])["processes"]
            self.assertEqual([p["address"] for p in processes], [threads[0]["process"]])

    def test_a_choice_that_nothing_fits_fails(self):
        run("threads", self.dumps[0], "--process", "no such process", expect=1)
        run("processes", self.dumps[0], "--process", "no such process", expect=1)
        run("threads", self.dumps[0], "--state", "no such state", expect=2)

    def test_info_says_which_source_gave_which_offset(self):
        for dump in self.dumps:
            offsets = {(o["structure"], o["field"]): o for o in run_json("info", dump)["offsets"]}
            self.assertEqual(offsets["_KTHREAD", "InitialStack"]["offset"], 0x28)
            self.assertEqual(offsets["_ETHREAD", "CreateTime"]["source"], "table")
            self.assertIn("table of build", run("info", dump)[0])


class CommandLine(unittest.TestCase):
    def test_exit_codes(self):
        run("--version")
        run("--help")
        run(expect=2)
        run("stacks", expect=2)
        run("frobnicate", expect=2)
        run("stacks", SOURCE / "README.md", expect=1)
        run("stacks", SOURCE, expect=1)
        run("stacks", SOURCE / "no such file", expect=1)

    def test_a_wrong_command_line_says_what_is_wrong_and_where_help_is(self):
        for words, said in (((), "a command is wanted"),
                            (("stakcs",), "there is no command stakcs; is stacks meant?"),
                            ((SEED1 / "w3wp.dmp",), "analyze says what happened in it"),
                            (("--frob", "stacks"), "there is no option --frob"),
                            (("stacks", "--ofline"), "is --offline meant?"),
                            (("stacks", "-y"), "ntstack stacks: --symbols is given without its PATH"),
                            (("disassemble", "x"), "ADDRESS is missing"),
                            (("analyze", "x", "y"), "one too many: y"),
                            (("symbols", "fecth"), "is fetch meant?")):
            _, error = run(*words, expect=2)
            self.assertIn(said, error)
            self.assertRegex(error, r"\nHelp: ntstack[a-z ]* --help\n$")

    def test_the_examples_of_each_help_are_command_lines_that_the_parser_takes(self):
        names = re.findall(r"^  ([a-z][a-z-]*)  ", run("--help")[0], re.M)
        self.assertGreater(len(names), 20)
        lines = [line for name in names for line in re.findall(r"^  ntstack (.*)$", run(name, "--help")[0], re.M)]
        self.assertGreater(len(lines), 20)
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        for line in lines:
            words = shlex.split(line.split("   #")[0].split(" > ")[0].split(" < ")[0])
            if words[0] in ("doctor", "mcp", "driver") or "-" in words: continue
            # Files that are not there end them with 1; 2 would be the command line's.
            ended = subprocess.run([PROGRAM, *words], cwd=holder.name,
                                   stdin=subprocess.DEVNULL, capture_output=True, text=True)
            self.assertIn(ended.returncode, (0, 1), line + ended.stderr)

    def test_errors_name_the_file_and_are_one_line(self):
        _, error = run("info", SOURCE / "LICENSE", expect=1)
        self.assertIn("LICENSE", error)
        self.assertEqual(error.count("\n"), 1)

    def test_no_colour_where_the_output_is_no_terminal(self):
        text, _ = run("stacks", SEED1 / "w3wp.dmp")
        self.assertNotIn("\x1b", text)

    def test_colour_on_a_terminal_and_none_with_no_color(self):
        import pty
        for variable, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
            master, slave = pty.openpty()
            env = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
            child = subprocess.Popen([PROGRAM, "stacks", str(SEED1 / "w3wp.dmp")], stdout=slave, env=dict(env, **variable))
            os.close(slave)
            output = b""
            while True:
                try:
                    part = os.read(master, 65536)
                except OSError:
                    break
                if not part:
                    break
                output += part
            child.wait()
            os.close(master)
            self.assertEqual(b"\x1b[" in output, coloured)

    def test_symbol_path_from_the_environment(self):
        text, _ = run("stacks", SEED1 / "w3wp.dmp", environment={"_NT_SYMBOL_PATH": str(SEED1 / "symbols")})
        self.assertIn("rdbss!RxFsdDispatch+0x224", text)


if __name__ == "__main__":
    unittest.main(verbosity=1)
