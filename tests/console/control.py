#!/usr/bin/env python3
"""Control commands, aliases, .printf, symbol paths, logs and the last event, as a user types them, on the emulated worlds."""
import os
import pathlib
import re
import tempfile
import unittest

from console import WORLDS, frames_of, number

WORLD = WORLDS["x64"]


class Control(unittest.TestCase):
    def check(self, line, expected):
        (answer,) = WORLD.run(line)
        self.assertEqual(answer, expected, line)

    def test_if_takes_the_first_true_branch(self):
        for value, word in ((1, "one"), (2, "two"), (3, "more")):
            self.check(f"r $t0={value}; .if (@$t0 == 1) {{ .echo one }} .elsif (@$t0 == 2) {{ .echo two }} .else {{ .echo more }}; "
                       ".echo end", f"{word}\nend\n")

    def test_loops_count_break_and_continue(self):
        self.check('.for (r $t0=0; @$t0<4; r $t0=@$t0+1) { .if (@$t0 == 1) { .continue }; .printf "%d,", @$t0 }; .echo end',
                   "0,2,3,end\n")
        self.check('r $t0=0; .while (1) { r $t0=@$t0+1; .if (@$t0 > 3) { .break }; .printf "%d,", @$t0 }; .echo', "1,2,3,\n")
        self.check(".do { .echo once } (0)", "once\n")
        self.check('.for (r $t0=0; @$t0<2; r $t0=@$t0+1) { .for (r $t1=0; @$t1<9; r $t1=@$t1+1) { .if (@$t1==2) { .break }; '
                   '.printf "%d%d ", @$t0, @$t1 } }; .echo', "00 01 10 11 \n")
        self.check('.foreach (n "1 2 3 4") { .if (n == 3) { .break }; .if (n == 1) { .continue }; .echo n }', "2\n")

    def test_j_and_z_are_there(self):
        self.check("j (1) '.echo yes' ; '.echo no'; .echo end", "yes\nend\n")
        self.check("j (0) .echo yes ; .echo no", "no\n")
        first, second = WORLD.run("r $t0=0", 'r $t0=@$t0+1; .printf "%d\\n", @$t0; z (@$t0 < 4)')
        self.assertEqual((first, second), ("", "1\n2\n3\n4\n"))

    def test_endless_loops_end_and_say_so(self):
        for line in (".while (1) { }", ".for (;;) { }", ".while (1) { .while (1) { } }", "r $t0=0; z (1)"):
            (answer,) = WORLD.run(line)
            self.assertRegex(answer, r"\Athe line's loops have run 0x100000 times, and no more are run\n", line)

    def test_what_is_mistyped_is_a_sentence(self):
        for line in (".if (1", ".if (1) {", ".if 1 { k }", ".for (a) { }", ".while () { }", ".do { }", ".break", ".block k",
                     ".if (nosuch!x) { k }", ".printf", '.printf "%q"', '.printf "%d"', '.printf "%d", 1, 2', "as", "ad nosuch",
                     "j", "z (", ".while (1/0) { }", "{ } }", ".else { k }"):
            first, after = WORLD.run(line, ".echo still")
            self.assertRegex(first, r"\A[^\n]+\n\Z", line)
            self.assertEqual(after, "still\n")

    def test_blocks_in_blocks_end(self):
        (answer,) = WORLD.run(".block { " * 60 + ".echo deep" + " }" * 60)
        self.assertRegex(answer, "commands run commands more than 40 deep")
        self.check(".block { " * 30 + ".echo deep" + " }" * 30, "deep\n")


class Aliases(unittest.TestCase):
    def test_a_block_sees_what_was_set_before_it(self):
        outer, later, gone = WORLD.run("aS word text; .echo word; .block { .echo word ${word}s }", ".echo word",
                                       "ad word; al; .echo ${/d:word}")
        self.assertEqual(outer, "word\ntext texts\n")
        self.assertEqual(later, "text\n")
        self.assertEqual(gone, "No aliases\n1\n")  # the line was read before ad ran

    def test_values_come_from_expressions_memory_commands_and_the_environment(self):
        os.environ["NTSTACK_TEST_WORD"] = "from outside"
        name = number(WORLD.run('s -[1]a $proc L1000 "w3wp.exe"')[0].split()[0])
        answers = WORLD.run("aS /x sum 2+3; .block { .echo ${sum} }", "as /e env NTSTACK_TEST_WORD", ".echo ${env}",
                            "as /c said .echo hello", ".echo <${said}>", f"as /ma name {name:x}", ".echo ${name}",
                            "r $.u3=.echo fixed; .echo two", "$u3")
        self.assertEqual(answers[0], "0x5\n")
        self.assertEqual(answers[2], "from outside\n")
        self.assertEqual(answers[4], "<hello>\n".replace("hello", "hello?"))  # with its line end
        self.assertEqual(answers[6], "w3wp.exe\n")
        self.assertEqual(answers[8], "fixed\ntwo\n")

    def test_al_lists_and_ad_deletes(self):
        listed, all_gone = WORLD.run("aS a 1; aS b two words; al", "ad *; al")
        self.assertRegex(listed, r"(?m)^ a +1 $\n^ b +two words $")
        self.assertEqual(all_gone, "No aliases\n")


class Formats(unittest.TestCase):
    def test_values_symbols_and_text(self):
        base = next(number(m["base"]) for m in WORLD.truth["modules"] if m["image"] == "ntoskrnl.exe")
        (found,) = WORLD.run("x nt!KeWaitForSingleObject")
        address = found.split()[0]
        name = number(WORLD.run('s -[1]a $proc L1000 "w3wp.exe"')[0].split()[0])
        pointer, symbol, text, wide = WORLD.run(f'.printf "%p|%d|%08x\\n", {base:x}, 0n10, ab', f'.printf "%y\\n", {address}',
                                                f'.printf "<%6.4ma>\\n", {name:x}', '.printf "%I64x %x\\n", 123456789a, 123456789a')
        self.assertEqual(pointer, f"{base:016x}|10|000000ab\n")
        self.assertEqual(symbol, f"nt!KeWaitForSingleObject ({address})\n")
        self.assertEqual(text, "<  w3wp>\n")
        self.assertEqual(wide, "123456789a 3456789a\n")


class SymbolPaths(unittest.TestCase):
    def test_symbols_go_and_come_with_the_path_and_the_context_stays(self):
        thread = WORLD.truth["threads"][1]["ethread"]
        (path,) = WORLD.run(".sympath")
        folder = path.split(": ", 1)[1].strip()
        answers = WORLD.run(f".thread {thread}; r $t5=77; aS kept yes", "kL", ".sympath /nonexistent", ".reload", "kL", ".reload nt",
                            f".sympath+ {folder}", ".reload /f nt", "kL", ".echo ${kept}; ? @$t5", ".thread @$thread")
        self.assertEqual(answers[1], answers[8])
        self.assertNotIn("nt!", answers[4])
        self.assertIn("nt+0x", answers[4])
        self.assertEqual(answers[2], "Symbol search path is: /nonexistent\nnote: .reload looks for symbols by it\n")
        self.assertEqual(answers[3], "Loading Kernel Symbols\n")
        self.assertRegex(answers[5], r"(?s)No symbols of its own for nt\n.*put ")
        self.assertRegex(answers[7], r"\Ant: ")
        self.assertEqual(answers[9], "yes\nEvaluate expression: 119 = 00000000`00000077\n")
        self.assertEqual(number(answers[10].split()[-1]), number(thread))

    def test_symfix_names_the_server_and_asks_nobody_offline(self):
        fixed, with_cache, reload_, nosuch = WORLD.run(".symfix", ".symfix+ /tmp/cache", ".reload", ".reload nosuch")
        self.assertIn("srv*https://msdl.microsoft.com/download/symbols\n", fixed)
        self.assertIn(";srv*/tmp/cache*https://msdl.microsoft.com/download/symbols\n", with_cache)
        self.assertEqual(reload_, "Loading Kernel Symbols\n")
        self.assertEqual(nosuch, '"nosuch" was not found in the image list\n')

    def test_reload_user_of_a_triage_dump_says_what_lacks(self):
        (answer,) = WORLD.run(".reload /user")
        self.assertRegex(answer, r"\ALoading User Symbols\nthis dump has no memory of processes")


class Logs(unittest.TestCase):
    def test_a_log_has_the_commands_and_what_they_answer(self):
        with tempfile.TemporaryDirectory() as folder:
            log = pathlib.Path(folder) / "l\u00f6g.txt"
            WORLD.run(f".logopen {log}", "? 1+1", ".foreach (x { .echo hidden }) { .echo ${x}ly }", ".logclose", ".echo not in it")
            text = log.read_text(encoding="utf-8")
            self.assertIn("kd> ? 1+1\nEvaluate expression: 2 = 00000000`00000002\n", text)
            self.assertIn("hiddenly\n", text)
            self.assertEqual(text.count("hidden\n"), 0)
            self.assertNotIn("not in it", text)
            WORLD.run(f".logappend {log}", ".echo appended", ".logclose")
            self.assertTrue(log.read_text(encoding="utf-8").startswith(text))
            self.assertIn("appended\n", log.read_text(encoding="utf-8")[len(text):])
            (refused,) = WORLD.run(f".logopen {folder}/nosuch/log.txt", expect=1)  # a script's log is lost
            self.assertIn("can't be written", refused)


class LastEvent(unittest.TestCase):
    ROW = r"[0-9a-f`]{8,17} [0-9a-f]+ +\S+[^\n]*\n\Z"

    def test_r_and_lastevent_end_with_the_instruction(self):
        for name, world in WORLDS.items():
            registers, event, code = world.run("r", ".lastevent", "u @$ip L1")
            with self.subTest(name):
                self.assertRegex(registers, rf"(?m)^\S+:\n{self.ROW}")
                bytes_ = code.splitlines()[-1].split()[1]
                self.assertEqual(registers.splitlines()[-1].split()[1], bytes_)
                self.assertRegex(event, r"\ALast event: ")


class Names(unittest.TestCase):
    def test_x_finds_by_patterns_what_it_finds_by_name(self):
        (found, exact, sorted_, none, everywhere) = WORLD.run("x nt!KeWait*Object*", "x nt!KeWaitForSingleObject", "x /n nt!K*",
                                                               "x nt!zz*", "x *!RxCommon*")
        self.assertIn(exact.split()[0], found)
        self.assertRegex(found, r"nt!KeWaitForMultipleObjects\n")
        names = [line.split()[-1] for line in sorted_.splitlines()]
        self.assertEqual(names, sorted(names))
        self.assertIn("no symbol matches", none)
        self.assertIn("rdbss!RxCommonCreate\n", everywhere)

    def test_sizes_are_the_procedures(self):
        (found,) = WORLD.run("x /v /Z nt!Ke*")
        # Assembly has public names alone, without sizes.
        rows = [line.split() for line in found.splitlines()]
        sizes = [0 if row[1] == "?" else int(row[1], 16) for row in rows]
        self.assertEqual(sizes, sorted(sizes, reverse=True))
        self.assertGreater(sizes[0], 0)
        self.assertEqual(len({row[2] for row in rows}), len(rows))

    def test_every_name_of_x_leads_back(self):
        (found,) = WORLD.run("x nt!Ob*")
        rows = [line.split() for line in found.splitlines()]
        self.assertGreater(len(rows), 1)
        for address, name in rows:
            (near,) = WORLD.run(f"ln {address}")
            self.assertIn(name, near)


class Parameters(unittest.TestCase):
    def test_kp_shows_the_parameters_of_private_symbols(self):
        plain, with_parameters = WORLD.run("kL", "kpL")
        self.assertEqual([row[:2] for row in frames_of(plain)], [row[:2] for row in frames_of(with_parameters)])
        self.assertRegex(with_parameters, r"nt!\w+\([^()]*\w+ = (0x|0n|<)[^()]*\)\+0x")
        self.assertRegex(with_parameters, "note: parameters are those that private symbols have in memory")


if __name__ == "__main__":
    unittest.main(verbosity=2)
