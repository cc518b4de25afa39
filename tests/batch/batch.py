#!/usr/bin/env python3
"""`ntstack batch`. Truth: what analyze says of each dump alone, Python's sqlite3, the schema by a validator that is not ours,
and files that this test damages itself."""
import http.server
import json
import os
import pathlib
import random
import select
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import jsonschema

PROGRAM = sys.argv.pop(1)
SOURCE = pathlib.Path(sys.argv.pop(1)).resolve()
DATA = pathlib.Path(os.environ.get("NTSTACK_DATA", SOURCE.parent / "shared" / "data"))
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("_NT_")}
SCHEMA = json.loads((SOURCE / "docs" / "schema" / "ntstack.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def run(*arguments, given=None, expect=0):
    done = subprocess.run([PROGRAM, "batch", *map(str, arguments)], input=given, capture_output=True, env=ENVIRONMENT,
                          timeout=300)
    if expect is not None and done.returncode != expect:
        raise AssertionError(f"{arguments}: exit {done.returncode}: {done.stderr.decode()}")
    return done


def lines_of(text):
    return [json.loads(line) for line in text.splitlines()]


class Folder(unittest.TestCase):
    """A folder of the samples, copies of one of them, damaged ones and files that are no dumps."""

    def setUp(self):
        self.home = tempfile.TemporaryDirectory()
        self.addCleanup(self.home.cleanup)
        self.folder = pathlib.Path(self.home.name)
        self.dumps = self.folder / "dumps"
        (self.dumps / "deep" / "er").mkdir(parents=True)
        self.crash = SOURCE / "samples" / "processors" / "processors.dmp"
        for i in range(5):
            shutil.copy(self.crash, self.dumps / "deep" / f"crash{i}.dmp")
        shutil.copy(SOURCE / "samples" / "seed1" / "w3wp.dmp", self.dumps / "deep" / "er" / "ünïcode w3wp.dmp")
        whole = self.crash.read_bytes()
        (self.dumps / "cut.dmp").write_bytes(whole[:3000])
        (self.dumps / "empty.dmp").write_bytes(b"")
        (self.dumps / "noise.dmp").write_bytes(random.Random(1).randbytes(100000))
        (self.dumps / "renamed.bin").write_bytes(whole)  # its first bytes tell
        (self.dumps / "readme.txt").write_text("no dump")
        (self.dumps / "loop").symlink_to(self.dumps)
        self.output = self.folder / "lines.jsonl"
        self.good = {f"crash{i}.dmp" for i in range(5)} | {"ünïcode w3wp.dmp", "renamed.bin"}
        self.bad = {"empty.dmp", "noise.dmp", "cut.dmp"}

    def test_every_dump_has_its_line_and_it_says_what_analyze_says(self):
        done = run(self.dumps)
        lines = lines_of(done.stdout)
        for line in lines:
            VALIDATOR.validate(line)
        summary = lines.pop()
        self.assertEqual(summary["type"], "summary")
        by_name = {pathlib.Path(line["path"]).name: line for line in lines}
        self.assertEqual(set(by_name), self.good | self.bad)
        self.assertEqual(len(lines), len(by_name))
        for name in self.good:
            line = by_name[name]
            alone = json.loads(subprocess.run([PROGRAM, "analyze", line["path"], "--json"], capture_output=True, check=True,
                                              env=ENVIRONMENT).stdout)
            self.assertIsNone(line["error"])
            self.assertEqual(line["happened"], alone["happened"])
            self.assertEqual(line["bugcheck"], alone["bugcheck"]["name"])
            if alone["signature"]:
                self.assertEqual(line["signature"], alone["signature"]["hash"])
                self.assertEqual(line["frames"], alone["signature"]["lines"][1:])
                self.assertEqual(line["module"], alone["blame"]["module"])
            self.assertEqual(line["size"], os.path.getsize(line["path"]))
            self.assertEqual([f["sentence"] for f in line["findings"]], [f["sentence"] for f in alone["findings"]])
        for name in {"empty.dmp", "noise.dmp"}:
            self.assertEqual(by_name[name]["error"]["kind"], "not_opened")
        self.assertIn(b"1 files that are no dumps were passed over", done.stderr)
        # The groups: Python counts.
        counts = {}
        for line in lines:
            if line["signature"]:
                counts[line["signature"]] = counts.get(line["signature"], 0) + 1
        self.assertEqual({g["signature"]: g["dumps"] for g in summary["groups"] if g["signature"]}, counts)
        self.assertEqual(summary["failed"], sum(1 for line in lines if line["error"]))
        self.assertGreaterEqual(max(counts.values()), 6)

    def test_paths_come_from_standard_input_as_bytes_wrote_them(self):
        paths = sorted(self.dumps.rglob("*.dmp"))
        done = run("-", "-j", 3, given="\n".join(map(str, paths)).encode() + b"\r\n\n")
        found = {line["path"] for line in lines_of(done.stdout) if line["type"] == "dump"}
        self.assertEqual(found, set(map(str, paths)))

    def test_what_was_done_is_not_done_again(self):
        run(self.dumps, "-o", self.output)
        first = self.output.read_bytes()
        again = run(self.dumps, "-o", self.output)
        self.assertEqual(self.output.read_bytes(), first)
        self.assertIn(b"10 dumps were looked at before", again.stderr)
        # A line that was cut, as by kill -9, is written anew; the others stay.
        self.output.write_bytes(first[:-20])
        run(self.dumps, "-o", self.output)
        second = lines_of(self.output.read_bytes())
        self.assertEqual(len(second), 10)
        self.assertEqual({line["path"] for line in second}, {line["path"] for line in lines_of(first)})
        # A file that changed is looked at again, and its last line counts.
        (self.dumps / "noise.dmp").write_bytes(self.crash.read_bytes())
        changed = run(self.dumps, "-o", self.output)
        self.assertEqual(len(lines_of(self.output.read_bytes())), 11)
        self.assertIn(b"10 dumps", changed.stdout)
        # What had no answer is tried again where one asks for it.
        failed = sum(1 for name in ("empty.dmp", "cut.dmp") for line in second
                     if line["path"].endswith(name) and line["error"])
        run(self.dumps, "-o", self.output, "--retry")
        self.assertEqual(len(lines_of(self.output.read_bytes())), 11 + failed)

    def test_a_file_that_has_something_else_is_not_written_to(self):
        dump = self.dumps / "deep" / "crash1.dmp"
        whole = dump.read_bytes()
        database = self.folder / "fleet.db"
        for output, more in ((dump, ()), (self.dumps / "readme.txt", ()), (database, ("--sqlite", database))):
            done = run(self.crash, "-o", output, *more, expect=1)
            self.assertIn(b"it is left as it is", done.stderr)
        self.assertEqual(dump.read_bytes(), whole)
        self.assertEqual((self.dumps / "readme.txt").read_text(), "no dump")
        with sqlite3.connect(database) as db:
            self.assertEqual(db.execute("SELECT count(*) FROM dumps").fetchone(), (0,))
        # One that was cut in its very first line is a batch's.
        run(self.crash, "-o", self.output)
        first = self.output.read_bytes()
        for left in (0, 5, 40):
            self.output.write_bytes(first[:left])
            run(self.crash, "-o", self.output)
            self.assertEqual(len(lines_of(self.output.read_bytes())), 1)

    def test_a_batch_that_was_killed_goes_on(self):
        for i in range(300):
            shutil.copy(self.crash, self.dumps / f"more{i}.dmp")
        with subprocess.Popen([PROGRAM, "batch", self.dumps, "-o", self.output], env=ENVIRONMENT,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as batch:
            while not self.output.exists() or self.output.stat().st_size < 20000:
                time.sleep(0.01)
            batch.send_signal(signal.SIGKILL)
        run(self.dumps, "-o", self.output)
        lines = lines_of(self.output.read_bytes())
        self.assertEqual(len(lines), 310)
        self.assertEqual(len({line["path"] for line in lines}), 310)

    def test_ctrl_c_leaves_no_line_that_is_none(self):
        for i in range(300):
            shutil.copy(self.crash, self.dumps / f"more{i}.dmp")
        with subprocess.Popen([PROGRAM, "batch", self.dumps, "-o", self.output], env=ENVIRONMENT, start_new_session=True,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as batch:
            while not self.output.exists() or self.output.stat().st_size < 20000:
                time.sleep(0.01)
            os.killpg(batch.pid, signal.SIGINT)  # as a terminal sends it: to the workers too
        lines = lines_of(self.output.read_bytes())
        self.assertLess(len(lines), 310)
        self.assertEqual([line["error"] for line in lines if "crash" in line["path"] or "more" in line["path"]],
                         [None] * sum(1 for line in lines if "crash" in line["path"] or "more" in line["path"]))

    def test_results_of_several_runs_make_one_database(self):
        parts = []
        for number, part in enumerate((self.dumps / "deep", self.dumps)):
            parts.append(self.folder / f"part{number}.jsonl")
            run(part, "-o", parts[-1])
        database = self.folder / "fleet.db"
        done = run("--results", *parts, "--sqlite", database)
        lines = [line for part in parts for line in lines_of(part.read_bytes())]
        last = {line["path"]: line for line in lines}
        with sqlite3.connect(database) as db:
            self.assertEqual(db.execute("SELECT value FROM meta WHERE name='schema_version'").fetchone(), ("1",))
            for path, line in last.items():
                row = db.execute("SELECT size, happened, bugcheck, module, signature, error_kind, milliseconds FROM dumps "
                                 "WHERE path=?", (path,)).fetchone()
                error = line["error"]["kind"] if line["error"] else None
                self.assertEqual(row[:6], (line["size"], line["happened"], line["bugcheck"], line["module"],
                                           line["signature"], error))
                frames = [name for name, in db.execute("SELECT name FROM frames WHERE path=? ORDER BY number", (path,))]
                self.assertEqual(frames, line["frames"] or [])
                findings = [name for name, in db.execute("SELECT sentence FROM findings WHERE path=? ORDER BY number", (path,))]
                self.assertEqual(findings, [f["sentence"] for f in line["findings"] or []])
            self.assertEqual(db.execute("SELECT count(*) FROM dumps").fetchone(), (len(last),))
            counts = dict(db.execute("SELECT signature, dumps FROM signatures").fetchall())
        expected = {}
        for line in last.values():
            if line["signature"]:
                expected[line["signature"]] = expected.get(line["signature"], 0) + 1
        self.assertEqual(counts, expected)
        # The database while a batch runs has the same.
        live = self.folder / "live.db"
        run(self.dumps, "--sqlite", live)
        with sqlite3.connect(live) as db:
            self.assertEqual(dict(db.execute("SELECT signature, dumps FROM signatures").fetchall()), expected)

    def test_a_path_in_several_results_counts_once(self):
        parts = [self.folder / "a.jsonl", self.folder / "b.jsonl"]
        for part in parts:
            run(self.crash, "-o", part)
        self.assertIn(b"1 dump, 0 without", run("--results", *parts).stdout)
        self.assertIn(b"can't be read", run("--results", self.dumps, expect=1).stderr)

    def test_lines_go_out_while_the_list_is_open(self):
        with subprocess.Popen([PROGRAM, "batch", "-", "-j", "2", "-q"], env=ENVIRONMENT, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as batch:
            batch.stdin.write(f"{self.crash}\n".encode())
            batch.stdin.flush()
            self.assertEqual(json.loads(batch.stdout.readline())["path"], str(self.crash))  # the list is not at its end
            batch.stdin.close()

    def test_nothing_to_do_is_told(self):
        empty = self.folder / "nothing"
        empty.mkdir()
        self.assertIn(b"no dump was found", run(empty, expect=1).stderr)
        self.assertEqual(run(expect=2).returncode, 2)
        self.assertIn(b"can't be written", run(self.crash, "-o", empty, expect=1).stderr)

    def test_a_dump_that_is_not_there_has_a_line(self):
        lines = lines_of(run(self.dumps / "gone.dmp", self.crash).stdout)
        self.assertEqual([bool(line["error"]) for line in lines if line["type"] == "dump"].count(True), 1)


class SilentServer(http.server.ThreadingHTTPServer):
    """A symbol server that lets its first client wait until that one goes away, and answers 404 from then on."""
    daemon_threads = True

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            server = self.server
            server.asked.set()
            while not server.released.is_set():
                ready, _, _ = select.select([self.connection], [], [], 0.05)
                if ready and not self.connection.recv(4096):
                    server.released.set()
                    return
            self.send_error(404)

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        self.asked, self.released = threading.Event(), threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Limits(unittest.TestCase):
    def setUp(self):
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        self.good = SOURCE / "samples" / "processors" / "processors.dmp"
        self.server = SilentServer()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.path = f"srv*{home.name}*http://127.0.0.1:{self.server.server_port}"

    def test_a_dump_that_takes_too_long_is_stopped_and_the_rest_go_on(self):
        lines = lines_of(run(self.good, self.good, "--time-limit", 4, "-j", 1, "-y", self.path).stdout)
        errors = [line["error"] for line in lines if line["type"] == "dump"]
        self.assertEqual(errors[0]["kind"], "time_limit")
        self.assertIsNone(errors[1])
        for line in lines:
            VALIDATOR.validate(line)

    def worker_of(self, batch):
        self.assertTrue(self.server.asked.wait(60))  # the worker waits for an answer
        workers = []
        for thread in pathlib.Path(f"/proc/{batch.pid}/task").iterdir():
            workers += (thread / "children").read_text().split()
        self.assertEqual(len(workers), 1)
        return int(workers[0])

    def test_a_batch_that_is_killed_leaves_no_worker(self):
        with subprocess.Popen([PROGRAM, "batch", self.good, "-j", "1", "-y", self.path, "--time-limit", "3600"], env=ENVIRONMENT,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as batch:
            worker = self.worker_of(batch)
            batch.kill()
        for _ in range(100):
            if not self.is_running(worker):
                return
            time.sleep(0.1)
        os.kill(worker, signal.SIGKILL)
        self.fail("the worker goes on")

    @staticmethod
    def is_running(process):
        try:
            return pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    def run_limited(self, command):
        """Its end. The sanitizer looks at memory through a pipe for each call of a virtual function that it has not seen yet: where
        none is left, any object is a wrong one to it, now in this thread and now in that."""
        done = subprocess.run(["bash", "-c", command], capture_output=True, env=ENVIRONMENT, timeout=60)
        if b"UndefinedBehaviorSanitizer" in done.stderr and b"does not point to an object of type" in done.stderr:
            self.skipTest("the sanitizer looks at memory through a pipe, of which there is none left here")
        return done

    def test_where_no_process_can_be_started_no_dump_is_blamed(self):
        limit = f"ulimit -n 5; exec {shlex.quote(str(PROGRAM))} batch {shlex.quote(str(self.good))} -j 1"
        done = self.run_limited(limit)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(done.stdout, b"")
        self.assertIn(b"a pipe could not be made", done.stderr)
        # What may be raised is.
        done = self.run_limited(limit.replace("-n 5", "-S -n 5"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIsNone(lines_of(done.stdout)[0]["error"])

    def test_a_dump_that_wants_too_much_memory_is_told_of_and_the_rest_go_on(self):
        # The limit is of the process, so all fail here, and all are told of.
        lines = lines_of(run(self.good, self.good, "--memory-limit", 1, "-j", 1).stdout)
        errors = [line["error"] for line in lines if line["type"] == "dump"]
        if errors == [None, None]:
            self.skipTest("this build bounds no memory (sanitizers)")
        self.assertEqual(len(errors), 2)
        for error in errors:
            self.assertEqual(error["kind"], "memory_limit")

    def test_a_worker_that_crashes_is_told_of_and_the_rest_go_on(self):
        with subprocess.Popen([PROGRAM, "batch", self.good, self.good, "-j", "1", "-y", self.path], env=ENVIRONMENT,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as batch:
            os.kill(self.worker_of(batch), signal.SIGKILL)  # sanitizers catch others
            lines = lines_of(batch.stdout.read())
        errors = [line["error"] for line in lines if line["type"] == "dump"]
        self.assertEqual(errors[0]["kind"], "crashed")
        self.assertIn("signal 9", errors[0]["sentence"])
        self.assertIsNone(errors[1])


if __name__ == "__main__":
    unittest.main(verbosity=2)
