#!/usr/bin/env python3
"""Threads, processes, modules and searches of the console, on the emulated worlds: what the emulator put into memory. Seed 1's
command lines are among them."""
import re
import unittest

from console import WORLDS, frames_of, number

HEADING = re.compile(r"^ *THREAD ([0-9a-f]+)  Cid ([0-9a-f?]+)\.([0-9a-f?]+)  Teb: ([0-9a-f?]+) Win32Thread: ([0-9a-f?]+) (.*)$",
                     re.M)


def threads_in(text):
    return {number(m[1]): m for m in HEADING.finditer(text)}


class Threads(unittest.TestCase):
    def test_every_thread_has_its_address_and_id(self):
        for name, world in WORLDS.items():
            threads = [t for t in world.truth["threads"] if t["capture"] in ("apc", "processor", "switched")]
            self.assertTrue(threads)
            answers = world.run(*[f"!thread {t['ethread']}" for t in threads])
            for thread, answer in zip(threads, answers, strict=True):
                with self.subTest(name, thread=thread["ethread"]):
                    found = threads_in(answer)
                    self.assertEqual(list(found), [number(thread["ethread"])])
                    shown = found[number(thread["ethread"])][3]
                    if name != "x64" and shown == "????":
                        continue  # the processors' worlds put no IDs into their threads
                    self.assertEqual(int(shown, 16), thread["id"])
                    self.assertIn("Owning Process", answer)

    def test_its_stack_is_that_of_k(self):
        for name, world in WORLDS.items():
            threads = [t for t in world.truth["threads"] if t["capture"] in ("apc", "processor", "switched")][:4]
            for thread in threads:
                by_thread, by_k = world.run(f"!thread {thread['ethread']} e", f".thread {thread['ethread']};k")
                with self.subTest(name, thread=thread["ethread"]):
                    self.assertEqual(frames_of(by_thread), frames_of(by_k))

    def test_flags_leave_out_what_they_say(self):
        world = WORLDS["x64"]
        thread = world.truth["threads"][0]["ethread"]
        heading, without, whole, plain = world.run(f"!thread {thread} 0", f"!thread {thread} e", f"!thread {thread} 6",
                                                   f"!thread {thread}")
        self.assertEqual(heading.count("\n"), 1)
        self.assertNotIn("Args to Child", without)
        self.assertIn("Args to Child", whole)
        self.assertEqual(plain, re.sub(r"note: .*\n", "", whole))

    def test_what_is_no_thread_is_said_to_be_none(self):
        (answer,) = WORLDS["x64"].run("!thread 1234")
        self.assertRegex(answer, "no thread of this dump")


class Processes(unittest.TestCase):
    def test_the_implicit_process_has_its_threads_with_their_stacks(self):
        world = WORLDS["x64"]
        (answer,) = world.run("!process -1 1f")
        self.assertRegex(answer, r"\APROCESS [0-9a-f]{16}\n    SessionId: \S+  Cid: [0-9a-f]{4}    Peb: [0-9a-f]+  ParentCid: ")
        self.assertIn("    Image: w3wp.exe\n", answer)
        found = threads_in(answer)
        captured = [t for t in world.truth["threads"] if t["capture"] == "apc"]
        for thread in captured:
            self.assertIn(number(thread["ethread"]), found)
        self.assertGreaterEqual(answer.count("Child-SP"), len(captured))

    def test_processes_are_found_by_name_id_and_address(self):
        world = WORLDS["x64"]
        (plain,) = world.run("!process -1 0")
        address, pid = re.match(r"PROCESS ([0-9a-f]+)\n.*?  Cid: ([0-9a-f]+)", plain).groups()
        for command in (f"!process {address} 0", f"!process {pid} 0", "!process 0 0 w3wp.exe", "!process 0 0"):
            (answer,) = world.run(command)
            self.assertIn(plain, answer, command)
        (none,) = world.run("!process 0 0 nosuch.exe")
        self.assertIn("no process of this dump is called nosuch.exe", none)

    def test_running_shows_the_processors_of_the_dump(self):
        for name in ("x86 7601-keep processors", "ARM64 processors"):
            if name in WORLDS:
                answer, processors = WORLDS[name].run("!running -ti", "~")
                with self.subTest(name):
                    self.assertEqual(len(re.findall(r"(?m)^ {3}\d  ", answer)), processors.count("\n"))


class Seed1(unittest.TestCase):
    def captured(self):
        return {number(t["ethread"]) for t in WORLDS["x64"].truth["threads"] if t["capture"] == "apc"}

    def test_a_search_for_the_process_finds_its_threads(self):
        # The seed's own line: 220 is where this world's KTHREAD has Process, too.
        answer, only = WORLDS["x64"].run(
            ".foreach (t { s -[1]q ($thread & fffffe0000000000) L? 1ffffffffff $proc }) { !thread t - 220 1f }",
            "s -[1]q ($thread & fffffe0000000000) L? 1ffffffffff $proc")
        self.assertTrue(all(re.fullmatch(r"0x[0-9a-f]{8}`[0-9a-f]{8}", line) for line in only.splitlines()))
        found = set(threads_in(answer))
        self.assertLessEqual(self.captured(), found)
        self.assertEqual(len(found) + answer.count("TYPE mismatch"), only.count("\n"))

    def test_the_list_of_threads_is_walked_as_the_seed_does(self):
        (answer,) = WORLDS["x64"].run('!list -t nt!_KTHREAD.ThreadListEntry.Flink -x "!thread" -a "1f" $thread')
        self.assertGreater(len(threads_in(answer)), 0)


class Memory(unittest.TestCase):
    def test_searches_find_what_dumps_of_memory_show(self):
        world = WORLDS["x64"]
        sp = number(world.truth["threads"][0]["frames"][0]["child_sp"])
        (shown,) = world.run(f"dq {sp:x} L20")
        values = [number(v) for line in shown.splitlines() for v in line.split()[1:]]
        found, bytes_, none = world.run(f"s -[1]q {sp:x} L20 {values[4]:x}", f"s -[1]b {sp:x} L100 {values[4] & 0xff:x}",
                                        f"s -[1]q {sp:x} L20 1122334455667788")
        expected = [sp + 8 * i for i, value in enumerate(values) if value == values[4]]
        self.assertEqual([number(line) for line in found.splitlines()], expected)
        raw = b"".join(v.to_bytes(8, "little") for v in values)
        self.assertEqual([number(line) for line in bytes_.splitlines()],
                         [sp + i for i, b in enumerate(raw) if b == values[4] & 0xff])
        self.assertEqual(none, "")

    def test_repetitions_of_repetitions_end(self):
        (answer,) = WORLDS["x64"].run('!list -t nt!_KTHREAD.ThreadListEntry.Flink -x "!list -t nt!_KTHREAD.ThreadListEntry.Flink '
                                      '-x k" $thread')
        self.assertLess(len(answer), 1 << 22)

    def test_foreach_puts_words_in(self):
        given, nested, skipped = WORLDS["x64"].run('.foreach (n "1 2 3") { ? n + 10; .echo ${n}x }',
                                                   '.foreach (a "1 2") { .foreach (b "5") { ? a + b } }',
                                                   '.foreach /pS 1 /ps 1 (n "1 2 3 4 5") { .echo n }')
        self.assertEqual(re.findall(r"= [0-9a-f]+`([0-9a-f]+)|^(\dx)$", given, flags=re.M),
                         [("00000011", ""), ("", "1x"), ("00000012", ""), ("", "2x"), ("00000013", ""), ("", "3x")])
        self.assertEqual(re.findall(r"`(\d+)", nested), ["00000006", "00000007"])
        self.assertEqual(skipped, "2\n4\n")


class Modules(unittest.TestCase):
    def test_every_module_is_listed_with_its_symbols(self):
        for name, world in WORLDS.items():
            (answer,) = world.run("lm")
            rows = {number(m[1]): m for m in re.finditer(r"(?m)^([0-9a-f`]{8,17}) ([0-9a-f`]{8,17})   (\S+) +\((\w+)", answer)}
            for module in world.truth["modules"]:
                with self.subTest(name, module=module["image"]):
                    self.assertIn(number(module["base"]), rows)
            self.assertTrue(any(m[4] == "pdb" for m in rows.values()), name)

    def test_patterns_addresses_and_details(self):
        world = WORLDS["x64"]
        base = next(number(m["base"]) for m in world.truth["modules"] if m["image"] == "ntoskrnl.exe")
        by_name, by_address, names, none = world.run("lmvm nt", f"lm a {base + 0x10:x}", "lm 1m n*", "lm m nosuch*")
        self.assertIn("Image name: ntoskrnl.exe", by_name)
        self.assertEqual(by_address.splitlines()[:2], by_name.splitlines()[:2])
        self.assertIn("nt\n", names)
        self.assertEqual(none.count("\n"), 1)

    def test_ln_and_x_agree(self):
        world = WORLDS["x64"]
        (found,) = world.run("x nt!KeWaitForSingleObject")
        address = found.split()[0]
        at, behind = world.run(f"ln {address}", f"ln {address}+10")
        self.assertIn("Exact matches:\n    nt!KeWaitForSingleObject\n", at)
        self.assertIn(f"({address})   nt!KeWaitForSingleObject+0x10", behind)


class Types(unittest.TestCase):
    def test_offsets_are_those_of_the_public_layouts(self):
        # ERESOURCE and OWNER_ENTRY of x64, as public PDB types have them.
        whole, field, nested = WORLDS["x64"].run("dt nt!ERESOURCE", "dt nt!ERESOURCE ContentionCount",
                                                 "dt ERESOURCE OwnerEntry.OwnerThread")
        offsets = {m[2]: int(m[1], 16) for m in re.finditer(r"(?m)^   \+0x([0-9a-f]{3}) (\w+) +: ", whole)}
        self.assertEqual({name: offsets[name] for name in ("OwnerTable", "ActiveCount", "SharedWaiters", "ExclusiveWaiters",
                                                           "OwnerEntry", "ActiveEntries")},
                         {"OwnerTable": 0x10, "ActiveCount": 0x18, "SharedWaiters": 0x20, "ExclusiveWaiters": 0x28,
                          "OwnerEntry": 0x30, "ActiveEntries": 0x40})
        self.assertEqual(field, "nt!ERESOURCE\n   +0x044 ContentionCount  : Uint4B\n")
        self.assertRegex(nested, r"\n   \+0x030 OwnerEntry\.OwnerThread : ")

    def test_values_are_the_memory_s(self):
        world = WORLDS["x64"]
        sp = number(world.truth["threads"][0]["frames"][0]["child_sp"])
        values, memory, typo, missing = world.run(f"dt nt!ERESOURCE {sp:x} SharedWaiters ActiveEntries",
                                                  f"dq {sp + 0x20:x} L1;dd {sp + 0x40:x} L1", "dt nt!ERESOURCE Nothing",
                                                  "dt nt!NOTHING")
        pointer, entries = (line.split()[1] for line in memory.splitlines())
        shown = re.findall(r" : (?:0x)?([0-9a-f`]+|\(null\))", values)
        self.assertEqual([0 if s == "(null)" else number(s) for s in shown], [number(pointer), number(entries)])
        self.assertIn("nt!ERESOURCE has no field Nothing", typo)
        self.assertIn("nt has no structure NOTHING", missing)


class Code(unittest.TestCase):
    def test_u_goes_on_and_ub_leads_back(self):
        for name, world in WORLDS.items():
            ip = world.truth["threads"][0]["frames"][1]["ip"]
            eight, first, second, back = world.run(f"u {ip} L8", f"u {ip} L3", "u L5", f"u {ip} L1;ub L1")
            with self.subTest(name):
                rows = [line for line in eight.splitlines() if not line.endswith(":")]
                self.assertEqual(len(rows), 8)
                self.assertEqual([line for line in (first + second).splitlines() if not line.endswith(":")], rows)
                self.assertTrue(back)

    def test_ub_of_a_return_address_says_what_the_call_called(self):
        world = WORLDS["x64"]
        frames = world.truth["threads"][0]["frames"]
        names = [row[2].split("+")[0] for row in frames_of(world.run(f".thread {world.truth['threads'][0]['ethread']};kL ffff")[0])]
        told = 0
        for i in range(len(frames) - 2):
            (answer,) = world.run(f"ub {frames[i]['return_address']} L1")
            if match := re.search(r"^; called (\S+) \(", answer, re.M):
                told += match[1] == names[i]
        self.assertGreater(told, len(frames) // 2)

    def test_uf_c_shows_the_calls_of_uf(self):
        whole, calls, none = WORLDS["x64"].run("uf nt!KeWaitForSingleObject", "uf /c nt!KeWaitForSingleObject", "u fffff123`00000000")
        self.assertEqual(len(re.findall(r" call +", whole)), calls.count(" call"))
        self.assertIn("call to nt!KiCommitThreadWait (", calls)
        self.assertNotIn("call", none)


class Records(unittest.TestCase):
    def test_frames_are_those_of_kn(self):
        world = WORLDS["x64"]
        listing, third, again, beyond = world.run("kn", ".frame 2", ".frame", ".frame 1000")
        self.assertEqual(third, listing.splitlines()[3] + "\n")
        self.assertEqual(again, third)
        self.assertRegex(beyond, "the stack has [0-9]+ frames")

    def test_tss_28_is_what_the_double_fault_interrupted(self):
        world = WORLDS["x86 7601-keep double_fault"]
        crash = next(t for t in world.truth["threads"] if t["capture"] == "processor")
        answer, stack, none = world.run(".tss 28", "k", ".tss 30")
        registers = dict(re.findall(r"(\w+)=([0-9a-f]+)", answer))
        self.assertIn(registers["eip"], [f["ip"].replace("0x", "")[-8:] for f in crash["frames"]])
        self.assertTrue(frames_of(stack))
        self.assertIn("selector 30", none)


if __name__ == "__main__":
    unittest.main(verbosity=2)
