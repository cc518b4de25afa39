#!/usr/bin/env python3
"""ntstack open against the emulated worlds: expressions by Python's arithmetic, stacks and slots by what the emulated
processor did, docs/console.md by the table that the program has."""
import json
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

MASK = (1 << 64) - 1


class World:
    """A dump of a world, and what is true of it."""

    def __init__(self, dump, truth, *paths):
        self.dump, self.paths = dump, [str(path) for path in paths]
        self.truth = json.loads(truth.read_text())

    def run(self, *lines, expect=0):
        """What each command line answers; the program ends with `expect`."""
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as script:
            script.write("".join(f"{line}\n.echo <end>\n" for line in lines))
            script.flush()
            out = self.raw("-cf", script.name, expect=expect)
        answers = re.split(r"^.*?> \.echo <end>\n<end>\n", out, flags=re.M)
        return [answer.split("\n", 1)[1] for answer in answers[:-1]]

    def raw(self, *arguments, stdin="", expect=0):
        done = subprocess.run([PROGRAM, "open", str(self.dump), *self.paths, "--offline", *arguments], input=stdin.encode(),
                              capture_output=True, timeout=300)
        if done.returncode != expect:
            raise AssertionError(f"{arguments}: {done.stderr.decode()}")
        return done.stdout.decode()


def worlds():
    yield "x64", World(SOURCE / "samples/seed1/w3wp.dmp", SOURCE / "samples/seed1/truth.json", "-y",
                       SOURCE / "samples/seed1/symbols")
    for kind in ("19041-keep", "19041-omit", "7601-keep"):
        folder = BUILD / "tests/world_x86/samples" / kind
        for story in ("processors", "double_fault"):
            yield f"x86 {kind} {story}", World(folder / story / f"{story}.dmp", folder / story / "truth.json", "-y",
                                               folder / "symbols", "-i", folder / "images")
    folder = BUILD / "tests/world_arm64/samples"
    for story in ("processors", "seed1"):
        dumps = sorted((folder / story).glob("*.dmp"))
        if dumps:
            yield f"ARM64 {story}", World(dumps[0], folder / story / "truth.json", "-y", folder / "seed1/symbols")


WORLDS = dict(worlds())


def number(text):
    return int(text.replace("`", "").replace("0x", ""), 16)


def frames_of(text):
    """Frames of a plain `k`: stack pointer and return address of those that are no inlined functions."""
    found = []
    for line in text.splitlines():
        if match := re.match(r"([0-9a-f`]{8,17}) ([0-9a-f`]{8,17}) (\S+)", line):
            found.append((number(match[1]), number(match[2]), match[3]))
    return found


def slots_of(text):
    """dps: address, value, and what stands behind the semicolon."""
    found = []
    for line in text.splitlines():
        if match := re.match(r"([0-9a-f`]{8,17})  ([0-9a-f`]{8,17})( [^;]\S*)?(?:.*?  ; (.*))?$", line):
            found.append((number(match[1]), number(match[2]), match[3], match[4] or ""))
    return found


class RandomExpression:
    """Text for the evaluator and its value by Python; None where it divides by zero."""

    BINARY = [("*", 7), ("/", 7), ("%", 7), (" mod ", 7), ("+", 6), ("-", 6), ("<<", 5), (">>", 5), (">>>", 5), ("=", 4),
              ("==", 4), ("!=", 4), ("<", 4), (">", 4), ("<=", 4), (">=", 4), ("&", 3), (" and ", 3), ("^", 2), (" xor ", 2),
              ("|", 1), (" or ", 1)]

    def __init__(self, rng):
        self.rng = rng

    def literal(self):
        value = self.rng.choice([self.rng.randrange(16), self.rng.randrange(0x7fffffff), self.rng.randrange(1 << 64)])
        form = self.rng.randrange(6)
        text = [f"{value:x}", f"0x{value:X}", f"0n{value}", f"0t{value:o}", f"0y{value:b}", f"{value:x}h"][form]
        if form == 0 and value > 0xffffffff and self.rng.random() < 0.5:
            text = f"{value >> 32:x}`{value & 0xffffffff:08x}"
        if value >> 31 == 1 and "`" not in text:
            value |= 0xffffffff00000000
        return text, value, 9

    def unary(self, depth):
        operator = self.rng.choice(["-", "+", "~", "not ", "hi ", "low "])
        text, value, strength = self.make(depth - 1)
        if strength < 9:
            text = f"({text})"
        if value is not None:
            value = {"-": -value, "+": value, "~": ~value, "not ": int(value == 0), "hi ": value >> 16 & 0xffff,
                     "low ": value & 0xffff}[operator] & MASK
        return operator + text, value, 8

    def make(self, depth):
        pick = self.rng.random()
        if depth == 0 or pick < 0.2:
            return self.literal()
        if pick < 0.35:
            return self.unary(depth)
        operator, strength = self.rng.choice(self.BINARY)
        left, a, left_strength = self.make(depth - 1)
        right, b, right_strength = self.make(depth - 1)
        # As few parentheses as the precedence of Microsoft's table needs: operators of one row go from left to right.
        if left_strength < strength:
            left = f"({left})"
        if right_strength <= strength:
            right = f"({right})"
        blank = self.rng.choice(["", " "])
        return f"{left}{blank}{operator}{blank}{right}", self.value(operator.strip(), a, b), strength

    @staticmethod
    def value(operator, a, b):
        if a is None or b is None or (operator in ("/", "%", "mod") and b == 0):
            return None
        signed = a - (1 << 64) if a >> 63 else a
        return {"*": lambda: a * b, "/": lambda: a // b, "%": lambda: a % b, "mod": lambda: a % b, "+": lambda: a + b,
                "-": lambda: a - b, "<<": lambda: a << b if b < 64 else 0, ">>": lambda: a >> b if b < 64 else 0,
                ">>>": lambda: signed >> min(b, 63), "=": lambda: int(a == b), "==": lambda: int(a == b),
                "!=": lambda: int(a != b), "<": lambda: int(a < b), ">": lambda: int(a > b), "<=": lambda: int(a <= b),
                ">=": lambda: int(a >= b), "&": lambda: a & b, "and": lambda: a & b, "^": lambda: a ^ b,
                "xor": lambda: a ^ b, "|": lambda: a | b, "or": lambda: a | b}[operator]() & MASK


class Expressions(unittest.TestCase):
    def test_thousands_of_random_expressions_have_the_values_that_python_computes(self):
        rng = random.Random(7)
        cases = [RandomExpression(rng).make(4) for _ in range(4000)]
        answers = WORLDS["x64"].run(*[f"? {text}" for text, _, _ in cases])
        for (text, value, _), answer in zip(cases, answers, strict=True):
            if value is None:
                self.assertIn("Operand error", answer, text)
                continue
            signed = value - (1 << 64) if value >> 63 else value
            self.assertEqual(answer, f"Evaluate expression: {signed} = {value >> 32:08x}`{value & 0xffffffff:08x}\n", text)

    def test_seed_threes_lines_answer_as_the_seed_shows(self):
        terms = ("0x8+0x80+0x84+0x10+0x28+0x84+0x10+0x28+0x8+0x80+0x84+0x10+0x28+0x84+0x10+0x8+0x80+0x84+0x10+0x28+0x28+0x7c+"
                 "0x94+0x10+0x28+0x50+0x54+0x164+0x40+0x2c4+0x24+0x34+0x8+0x60+0x28+0x8c+0x10+0x28+0x9c+0x58+0x50+0x28+"
                 "0x38+0x124+0x44")
        answers = WORLDS["x86 7601-keep double_fault"].run(f"3: kd> ? {terms}", "3: kd> ? 4176/1024", "3: kd> .kframes 200",
                                                           ".formats 0x0FFFFFD70", ".formats 2c4")
        self.assertEqual(answers[:3], ["Evaluate expression: 4176 = 00001050\n", "Evaluate expression: 4 = 00000004\n",
                                       "Default stack trace depth is 0n512 frames\n"])
        self.assertIn("  Hex:     fffffd70\n  Decimal: -656\n", answers[3])
        self.assertIn("  Hex:     000002c4\n  Decimal: 708\n", answers[4])

    def test_registers_and_symbols_are_those_of_the_stack(self):
        for name, world in WORLDS.items():
            with self.subTest(name):
                stack, ip, nt = world.run("k 2", "? @$ip", "? nt")
                base = next(number(m["base"]) for m in world.truth["modules"] if m["image"] == "ntoskrnl.exe")
                self.assertEqual(number(nt.split(" = ")[1]), base)
                if "no registers" not in ip:
                    self.assertIn(" = ", ip)
                self.assertTrue(stack)


class Stacks(unittest.TestCase):
    def threads(self, world):
        return [t for t in world.truth["threads"] if t.get("frames") and t["capture"] in ("apc", "processor", "switched")]

    def test_a_threads_stack_is_that_of_the_emulated_processor(self):
        for name, world in WORLDS.items():
            threads = self.threads(world)
            answers = world.run(*[f".thread {t['ethread']};k ffff" for t in threads])
            walked = 0
            for thread, answer in zip(threads, answers, strict=True):
                with self.subTest(name, thread=thread["ethread"]):
                    returns = [r for _, r, _ in frames_of(answer)]
                    true = [number(f["return_address"]) for f in thread["frames"]]
                    walked += returns[:len(true)] == true
            self.assertGreaterEqual(walked, (len(threads) + 1) // 2, name)

    def test_from_any_frames_registers_the_rest_of_the_stack_follows(self):
        tried = whole = 0
        for name, world in WORLDS.items():
            if "omit" in name:
                continue
            threads = self.threads(world)[:4]
            for thread in threads:
                (plain,) = world.run(f".thread {thread['ethread']};kL ffff")
                listed = frames_of(plain)
                frames = thread["frames"]
                places = [i for i in range(1, len(frames) - 1, 3)]
                lines = []
                for i in places:
                    sp, ip = number(frames[i]["child_sp"]), number(frames[i]["ip"])
                    ebp = next((s for s, r, _ in listed if r == number(frames[i]["return_address"])), sp)
                    lines.append(f"kL= {ebp:x} {sp:x} {ip:x} ffff" if "x86" in name else f"kL = {sp:x} {ip:x} ffff")
                for i, answer in zip(places, world.run(*lines), strict=True):
                    with self.subTest(name, thread=thread["ethread"], frame=i):
                        self.assertIn("begun at the registers given", answer)
                        true = [number(f["return_address"]) for f in frames[i:]]
                        mine = [r for _, r, _ in frames_of(answer)]
                        if mine[:len(true)] == true:
                            whole += 1
                        else:  # what two or three registers do not tell is not made up
                            self.assertRegex(answer, "WARNING|not whole")
                        tried += 1
        self.assertGreater(tried, 60)
        self.assertGreater(whole, tried * 0.9)

    def test_kf_has_the_distance_between_frames_and_none_for_the_first(self):
        for name, world in WORLDS.items():
            thread = self.threads(world)[0]
            (answer,) = world.run(f".thread {thread['ethread']};kfL ffff")
            rows = [line for line in answer.splitlines() if re.match(r"[ 0-9a-f]{9} [0-9a-f`]{8,17} ", line)]
            self.assertTrue(rows, answer)
            before = None
            for row in rows:
                bytes_text, pointer = row[:9].strip(), number(row[10:].split()[0])
                if before is None:
                    self.assertEqual(bytes_text, "", name)
                elif bytes_text:
                    self.assertEqual(int(bytes_text, 16), pointer - before, name)
                before = pointer

    def test_a_trap_frames_registers_begin_the_stack_that_it_interrupted(self):
        tried = 0
        for name, world in WORLDS.items():
            for thread in self.threads(world)[:3]:
                (whole,) = world.run(f".thread {thread['ethread']};kvL ffff")
                lines = whole.splitlines()
                traps = [(i, m[1]) for i, line in enumerate(lines) if (m := re.search(r"TrapFrame @ ([0-9a-f`]+)", line))]
                for i, trap in traps:
                    rest = [r for _, r, _ in frames_of("\n".join(lines[i + 1:]).replace(":", ""))]
                    (answer,) = world.run(f".trap {trap};kL ffff")
                    if not rest or rest[0] == 0 or "WARNING" in answer + whole:
                        continue  # user code, which this dump does not have
                    with self.subTest(name, trap=trap):
                        mine = [r for _, r, _ in frames_of(answer)]
                        self.assertEqual(mine[:len(rest)], rest)
                        tried += 1
        self.assertGreater(tried, 0)

    def test_counts_numbers_and_the_default_depth_are_taken(self):
        world = WORLDS["x64"]
        three, numbered, cut = world.run("k 3", "kn 3", ".kframes 2;k")
        self.assertEqual(len(frames_of(three)), 3)
        self.assertEqual([line.split()[0] for line in numbered.splitlines()[1:4]], ["00", "01", "02"])
        self.assertEqual(len(frames_of(cut)), 2)


class Slots(unittest.TestCase):
    def test_every_true_return_address_is_seen_to_be_one(self):
        for name, world in WORLDS.items():
            word = 4 if "x86" in name else 8
            seen = 0
            for thread in [t for t in world.truth["threads"] if t.get("frames")][:3]:
                frames = thread["frames"]
                slots = [(number(b["child_sp"]) - word, number(a["return_address"]))
                         for a, b in zip(frames, frames[1:]) if number(b["child_sp"]) > number(a["child_sp"])]
                answers = world.run(*[f"dps {slot:x} L1" for slot, _ in slots])
                for (slot, value), answer in zip(slots, answers, strict=True):
                    found = slots_of(answer)
                    if not found or found[0][1] != value:
                        continue  # a trap or a switch of stacks: no call put it there
                    with self.subTest(name, slot=hex(slot)):
                        self.assertEqual(found[0][0], slot)
                        self.assertRegex(found[0][3], "^(return address|trap frame)")
                        seen += found[0][3].startswith("return address")
            self.assertGreater(seen, 5, name)

    def test_a_trap_frames_slots_are_named(self):
        seen = []
        for name, world in WORLDS.items():
            field, offset = {"x64": ("Rip", 0x168), "ARM": ("Pc", 0x148)}.get(name[:3], ("Eip", 0x68))
            for thread in [t for t in world.truth["threads"] if t.get("frames")][:4]:
                (stack,) = world.run(f".thread {thread['ethread']};kvL ffff")
                for trap in re.findall(r"TrapFrame @ ([0-9a-f`]+)", stack):
                    answer, taken = world.run(f"dps {trap}+{offset:x} L1", f".trap {trap}")
                    if "does not look like" in taken:
                        continue  # made by hand for a change of stacks
                    if name.startswith("ARM64") and ";" not in answer:
                        continue  # on a stack that the dump does not tell of: too little speaks for one
                    self.assertRegex(answer, rf"; trap frame {trap}: {field}\n", name)
                    seen.append(name[:3])
        self.assertEqual(set(seen), {"x64", "x86", "ARM"})

    def test_dps_goes_on_where_it_ended_and_can_leave_out_what_has_no_symbol(self):
        world = WORLDS["x64"]
        sp = world.truth["threads"][0]["frames"][0]["child_sp"]
        whole, first, second, only, quiet = world.run(f"dps {sp} L20", f"dps {sp}", "dps", f"dps -n {sp} L20",
                                                      f"dps -q {sp} L20")
        self.assertEqual(first + second, whole)
        self.assertEqual([s[:3] for s in slots_of(only)], [s[:3] for s in slots_of(whole) if s[2]])
        self.assertEqual(quiet, re.sub(r"  ; .*", "", whole))

    def test_ranges_are_those_of_windbg(self):
        world = WORLDS["x64"]
        sp = number(world.truth["threads"][0]["frames"][0]["child_sp"])
        by_end, by_count, before, bytes_, wrong = world.run(f"dq {sp:x} {sp + 0x1f:x}", f"dq {sp:x} L4", f"dq {sp + 0x20:x} L-4",
                                                            f"db {sp:x} L10", f"dq {sp:x} {sp - 8:x}")
        self.assertEqual(by_end, by_count)
        self.assertEqual(by_end, before)
        self.assertIn("Range error", wrong)
        values = [number(v) for line in by_count.splitlines() for v in line.split()[1:]]
        self.assertEqual(len(values), 4)
        hexes = re.split("[ -]", bytes_.split("  ")[1])
        self.assertEqual(bytes(int(h, 16) for h in hexes), b"".join(v.to_bytes(8, "little") for v in values[:2]))

    def test_memory_that_is_not_there_has_question_marks(self):
        answer, wide = WORLDS["x64"].run("dps fffff123`00000000 L1", "dd fffff123`00000000 L2")
        self.assertEqual(answer, "fffff123`00000000  ????????`????????\n")
        (last,) = WORLDS["x64"].run("db -2")  # up to the last address, and not around it
        self.assertEqual(last.split()[:2], ["ffffffff`fffffffe", "??"])
        self.assertEqual(last.count("\n"), 1)
        self.assertEqual(wide, "fffff123`00000000  ???????? ????????\n")


class Session(unittest.TestCase):
    def test_a_script_gives_the_same_bytes_twice_from_a_file_and_from_a_pipe(self):
        world = WORLDS["x86 7601-keep double_fault"]
        lines = "k\nkv\nkf\ndps @esp L40\nr\n~\n? nt\n.formats @esp\nhelp\nnonsense\n"
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as script:
            script.write(lines)
            script.flush()
            first, second = world.raw("-cf", script.name), world.raw("-cf", script.name)
        self.assertEqual(first, second)
        self.assertTrue(world.raw(stdin=lines).endswith(first))

    def test_errors_end_nothing_and_unknown_commands_suggest(self):
        answers = WORLDS["x64"].run("kdp", ".kfrmes 10", "? 1/0", "? nosuch!symbol", ".trap 10", "k = ", ".echo still; ? 1")
        self.assertIn("No command is called", answers[0])
        self.assertIn("did you mean .kframes?", answers[1])
        self.assertIn("Operand error", answers[2])
        self.assertIn("Couldn't resolve error at 'nosuch!symbol'", answers[3])
        self.assertIn("no trap frame is at", answers[4])
        self.assertEqual(answers[6], "still\nEvaluate expression: 1 = 00000000`00000001\n")

    def test_c_runs_commands_and_leaves(self):
        world = WORLDS["x64"]
        self.assertEqual(world.raw("-c", ".echo one; .echo \"two; three\"; q; .echo never"), "one\ntwo; three\n")

    def test_help_tells_of_every_command(self):
        world = WORLDS["x64"]
        overview = world.raw("-c", "help")
        page = (SOURCE / "docs/console.md").read_text()
        names = re.findall(r"^### `([^,`\[]+)", page, flags=re.M)
        self.assertGreater(len(names), 20)
        for name in names:
            self.assertRegex(overview, rf"(?m)^  {re.escape(name)}[,\[ ]")
            self.assertIn(name, world.raw("-c", f"help {name}"))

    def test_the_page_is_what_the_table_says(self):
        made = subprocess.run([PROGRAM, "open", "--help-markdown"], capture_output=True, check=True).stdout.decode()
        self.assertEqual((SOURCE / "docs/console.md").read_text(), made,
                         "docs/console.md is made by: ntstack open --help-markdown >docs/console.md")


if __name__ == "__main__":
    unittest.main(verbosity=2)
