#!/usr/bin/env python3
"""Every command of ntstack, with one call of the system gone wrong after another, killed at many moments, without memory,
disk or terminal. What holds: it ends with an exit code that docs/commands.md lists, says why where it has no answer, an
answer that it gives is the whole one, what was there before is there still, and nothing half-written has a final name.

    faults.py NTSTACK SHIM SOURCE [--all] [--moments N] [--only TEXT] [--figures FILE]

Truth is ours: the undisturbed run's output, byte for byte. The faults are put in from outside (shim.c, the system's limits,
a small disk)."""
import argparse
import atexit
import concurrent.futures
import dataclasses
import errno
import http.server
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zipfile

PARSER = argparse.ArgumentParser()
PARSER.add_argument("program", type=pathlib.Path)
PARSER.add_argument("shim", type=pathlib.Path)
PARSER.add_argument("source", type=pathlib.Path)
PARSER.add_argument("--all", action="store_true", help="every call, and many moments: minutes")
PARSER.add_argument("--only", default="", help="cases and faults whose names have this text, as in report/disk_full")
PARSER.add_argument("--figures", type=pathlib.Path, help="writes counts there as JSON")
PARSER.add_argument("--moments", type=int, default=400, help="of each fault and command, at most")
PARSER.add_argument("--seconds", type=int, default=60, help="for one run")
PARSER.add_argument("--verbose", action="store_true")
OPTIONS = PARSER.parse_args()
PROGRAM, SOURCE = OPTIONS.program.resolve(), OPTIONS.source.resolve()
SAMPLES = SOURCE / "samples"
DUMP = SAMPLES / "seed1" / "w3wp.dmp"
SYMBOLS = SAMPLES / "seed1" / "symbols"
CRASH = SAMPLES / "processors" / "processors.dmp"
DWARF = SOURCE / "fuzz" / "corpus" / "dwarf" / "clang_5"
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith(("_NT_", "FAULT_"))}
OK, FAILED, USAGE, NO_MEMORY = 0, 1, 2, 3
SECONDS = OPTIONS.seconds


def loadable_shim():
    """The shim where its path has no space and no colon, which LD_PRELOAD takes for the end of a path."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="faults-shim-"))
    atexit.register(shutil.rmtree, folder)
    return pathlib.Path(shutil.copy2(OPTIONS.shim, folder))


SHIM = loadable_shim()


@dataclasses.dataclass
class Case:
    """A command. `arguments` may have {home}, the folder that the run has for itself; what the command writes is in `outputs`,
    relative to it. An old file is there before where `old` says so."""
    name: str
    arguments: list
    outputs: tuple = ()
    old: bool = False
    given: bytes = b""
    make: object = None  # fills the home
    free: tuple = ()  # what may lie about in the home besides, as regular expressions
    tolerates: tuple = ()  # faults that are told of within the answer: a dump's line says that its process failed
    times: int = 1  # so many times the moments of others in a quick run
    says: bytes = b""  # an answer with this in it names what is missing in it


def paths():
    return ["-y", SYMBOLS, "-i", SYMBOLS]


def make_zip(home):
    with zipfile.ZipFile(home / "capture.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(DUMP, "w3wp.dmp")
        archive.write(CRASH, "crash.dmp")


def make_captures(home):
    for name in ("first", "second"):
        (home / name).mkdir()
        shutil.copy2(DUMP, home / name)


def make_dumps(home):
    (home / "dumps").mkdir()
    for number in range(6):
        shutil.copy2(CRASH if number % 2 else DUMP, home / "dumps" / f"{number}.dmp")


def packed_store():
    """A store of the samples' symbols whose PDB is a compressed file, by gcab; nothing where there is none."""
    if not shutil.which("gcab"):
        print("not installed: gcab; compressed symbols are left out")
        return None
    store = pathlib.Path(tempfile.mkdtemp(prefix="faults-packed-"))
    atexit.register(shutil.rmtree, store)
    subprocess.run([PROGRAM, "symbols", "import", SYMBOLS, "--to", store, "--quiet"], check=True, capture_output=True,
                   env=ENVIRONMENT)
    shutil.rmtree(store / ".ntstack", ignore_errors=True)
    (pdb,) = store.glob("ntkrnlmp.pdb/*/ntkrnlmp.pdb")
    subprocess.run(["gcab", "-c", "-z", pdb.with_suffix(".pd_").name, pdb.name], cwd=pdb.parent, check=True, capture_output=True)
    pdb.unlink()
    return store


def make_packed(home):
    shutil.copy2(DUMP, home)
    shutil.copytree(PACKED, home / "packed")
    shutil.copy2(next(PACKED.rglob("*.pd_")), home)


def mcp_calls():
    calls = [{"jsonrpc": "2.0", "id": 1, "method": "initialize",
              "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}},
             {"jsonrpc": "2.0", "method": "notifications/initialized"},
             {"jsonrpc": "2.0", "id": 2, "method": "tools/call",
              "params": {"name": "info", "arguments": {"dump": str(DUMP)}}}]
    return "".join(json.dumps(call) + "\n" for call in calls).encode()


def cases():
    log = "{home}/session.log"
    return [
        Case("stacks", ["stacks", DUMP, *paths()]),
        Case("stacks_lines", ["stacks", DUMP, *paths(), "--json-lines"]),
        Case("stacks_zip", ["stacks", "{home}/capture.zip", *paths()], make=make_zip),
        Case("info", ["info", CRASH]),
        Case("modules", ["modules", DUMP, "--json"]),
        Case("analyze", ["analyze", CRASH]),
        Case("waits", ["waits", DUMP, *paths()]),
        Case("report", ["report", DUMP, *paths(), "-o", "{home}/page.html", "--json", "{home}/page.json"],
             ("page.html", "page.json"), old=True),
        Case("groups", ["groups", DUMP, *paths()]),
        Case("batch", ["batch", "{home}/dumps", "-j", "2"], make=make_dumps, tolerates=("stdout_gone", "short_read")),
        Case("batch_file", ["batch", "{home}/dumps", "-j", "2", "-o", "{home}/lines.jsonl"], ("lines.jsonl",),
             make=make_dumps, tolerates=("stdout_gone",)),
        Case("batch_sqlite", ["batch", "{home}/dumps", "-j", "2", "--sqlite", "{home}/fleet.db"], ("fleet.db",),
             make=make_dumps, tolerates=("stdout_gone",), free=(r"fleet\.db-journal",)),
        Case("mcp", ["mcp"], given=mcp_calls()),
        Case("diff", ["diff", "{home}/first", "{home}/second", *paths()], make=make_captures),
        Case("stack_use", ["stack-use", DUMP, *paths()]),
        Case("stack_starts", ["stack-starts", DUMP, *paths()]),
        Case("open", ["open", DUMP, *paths(), "-c", f".logopen {log}; k; lm; uf .; .logclose"], ("session.log",)),
        Case("open_script", ["open", DUMP, *paths()], given=b"k\n~*k\nq\n"),
        Case("disassemble", ["disassemble", DUMP, "nt!KeWaitForSingleObject", *paths()]),
        Case("processes", ["processes", DUMP]),
        Case("threads", ["threads", DUMP]),
        Case("symbols_check", ["symbols", "check", DUMP, *paths()]),
        Case("symbols_list", ["symbols", "list", DUMP, "-y", "srv*{home}/empty*https://127.0.0.1:9/"]),
        Case("symbols_import", ["symbols", "import", SYMBOLS, "--to", "{home}/store"], ("store",)),
        *packed_cases(),
        Case("symbols_fetch", ["symbols", "fetch", DUMP, "-y", "srv*{home}/store*{server}"], ("store",),
             free=(r"store/\.ntstack(/.*)?",), says=b"ntkrnlmp.pd_, but expanding it: "),
        Case("symbolize", ["symbolize", SYMBOLS / "ntoskrnl.exe", "1000", "1100", "2345", "--pdb", SYMBOLS / "ntkrnlmp.pdb"]),
        # LLVM's library has a way of its own to end without memory, seldom taken.
        Case("symbolize_dwarf", ["symbolize", DWARF, "1000", "1010", "1100", "1180"], times=20),
        Case("doctor", ["doctor"]),
        Case("help", ["--help"]),
    ]


def packed_cases():
    if not PACKED:
        return []
    return [
        Case("stacks_packed", ["stacks", DUMP, "-y", "cache*{home}/store;srv*{home}/packed"], make=make_packed,
             free=(r"store/\.ntstack(/.*)?",)),
        Case("symbols_import_packed", ["symbols", "import", "{home}/ntkrnlmp.pd_", "--to", "{home}/store"], ("store",),
             make=make_packed),
    ]


def serve_store():
    """A symbol server over the samples."""
    home = tempfile.TemporaryDirectory()
    subprocess.run([PROGRAM, "symbols", "import", SYMBOLS, "--to", home.name, "--quiet"], check=True, capture_output=True,
                   env=ENVIRONMENT)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=home.name)

        def log_message(self, *arguments):
            pass

        def handle(self):
            try:
                super().handle()
            except ConnectionError:
                pass  # the program was ended

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.home = home
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


SERVER = serve_store()
PACKED = packed_store()


@dataclasses.dataclass
class Ended:
    code: int  # negative: the signal
    out: bytes
    err: str
    files: dict  # relative path: bytes
    temporary: list  # what lies in TMPDIR
    calls: int


class Run:
    """A folder for one run, with what the case wants in it."""

    def __init__(self, case):
        self.case = case
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="faults-"))
        self.home = self.root / "home"
        self.temporary = self.root / "tmp"
        self.home.mkdir()
        self.temporary.mkdir()
        if case.make:
            case.make(self.home)
        if case.old:
            for name in case.outputs:
                (self.home / name).write_bytes(b"old\n")
        self.made = set(self.files())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.root, ignore_errors=True)

    def files(self):
        return {str(path.relative_to(self.home)): path for path in self.home.rglob("*") if not path.is_dir()}

    def arguments(self):
        server = f"http://127.0.0.1:{SERVER.server_address[1]}/"
        return [str(one).replace("{home}", str(self.home)).replace("{server}", server) for one in self.case.arguments]

    def environment(self, fault):
        environment = dict(ENVIRONMENT, TMPDIR=str(self.temporary), HOME=str(self.root), XDG_CACHE_HOME=str(self.root / "cache"))
        self.count = self.root / "count"
        if fault:
            self.count.write_bytes(bytes(4096))
            environment.update(fault, LD_PRELOAD=str(SHIM), FAULT_COUNT=str(self.count))
            for name in ("FAULT_DO", "FAULT_PATH"):
                if name in environment:
                    environment[name] = environment[name].replace("{home}", str(self.home))
        return environment

    def start(self, fault=None, **more):
        more = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | more
        return subprocess.Popen([PROGRAM, *self.arguments()], env=self.environment(fault), start_new_session=True, **more)

    def end(self, process):
        try:
            out, err = process.communicate(self.case.given if process.stdin else None, timeout=SECONDS)
            code = process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            code = -1000
        calls = struct.unpack("Q", self.count.read_bytes()[:8])[0] if self.count.exists() else 0
        files = {name: self.content(path) for name, path in self.files().items() if name not in self.made or self.case.old}
        left = sorted(str(path.relative_to(self.temporary)) for path in self.temporary.rglob("*"))
        return Ended(code, (out or b"").replace(str(self.home).encode(), b"HOME"), (err or b"").decode(errors="replace"),
                     files, left, calls)

    def content(self, path):
        content = path.read_bytes()
        return content.replace(str(self.home).encode(), b"HOME") if path.suffix in (".jsonl", ".log") else content

    def run(self, fault=None, **more):
        return self.end(self.start(fault, **more))


def lines_whole(content):
    """Lines of a batch: each is JSON, and ends."""
    return (not content or content.endswith(b"\n")) and all(is_json(line) for line in content.splitlines())


def is_json(line):
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def store_whole(files, plain):
    """Files at their places in a store are the right ones."""
    return [f"{name} is not whole" for name, content in files.items()
            if name.startswith("store/") and not name.startswith("store/.ntstack/") and plain.files.get(name) != content]


TIMES = re.compile(rb'"milliseconds":\d+')


def same_lines(content):
    """Dumps' lines, whose order and times are not always the same."""
    return sorted(TIMES.sub(b"", line) for line in content.splitlines() if b'"type":"summary"' not in line)


def complaints(case, plain, ended, tolerant, signals=(), removes_nothing=False):
    """What is wrong with how a run ended. `tolerant`: an answer with parts missing is one too."""
    wrong = []
    if ended.code == -1000:
        return ["it did not end"]
    if ended.code < 0 and -ended.code not in signals:
        wrong.append(f"it died of {signal.Signals(-ended.code).name}")
    elif ended.code == 127 and "cannot allocate memory for thread-local data" in ended.err:
        pass  # the C library's own end, for a library that is loaded late
    elif ended.code > 3 and ended.code - 128 not in signals:
        wrong.append(f"exit code {ended.code}")
    if "terminate called" in ended.err or "internal error" in ended.err or "LLVM ERROR" in ended.err:
        wrong.append("it ended by accident: " + ended.err[-200:])
    if ended.code in (FAILED, NO_MEMORY) and not ended.err.strip():
        wrong.append(f"exit code {ended.code} without a word")
    if ended.code == OK and not tolerant and not same_answer(case, plain, ended):
        wrong.append("exit code 0, and the answer is not the whole one")
    wrong += files_wrong(case, plain, ended, tolerant, removes_nothing)
    wrong += [f"it left {name} in the folder for temporary files" for name in ended.temporary]
    return wrong


def same_answer(case, plain, ended):
    if case.name.startswith("batch"):
        return same_lines(ended.out) == same_lines(plain.out)
    return ended.out == plain.out or bool(case.says) and case.says in ended.out


def files_wrong(case, plain, ended, tolerant, removes_nothing=False):
    wrong = store_whole(ended.files, plain)
    for name, content in ended.files.items():
        if name in case.outputs or name.startswith("store/"):
            continue
        if name.endswith(".partial.lock") and removes_nothing:
            continue
        if not any(re.fullmatch(pattern, name) for pattern in case.free):
            wrong.append(f"it left {name}")
    for name in case.outputs:
        content = ended.files.get(name)
        if name == "store" or content is None and not case.old:
            continue
        if name.endswith(".jsonl"):
            if not lines_whole(content):
                wrong.append(f"{name} has half a line")
            elif ended.code == OK and same_lines(content) != same_lines(plain.files[name]) and not tolerant:
                wrong.append(f"{name} is not whole")
        elif name.endswith(".db"):
            wrong += database_wrong(name, ended, tolerant)
        elif name.endswith(".log"):
            if ended.code == OK and content != plain.files[name] and not tolerant:
                wrong.append(f"{name} is not whole")
        elif content is None:
            wrong.append(f"the old {name} is gone")
        elif content == b"old\n":
            if ended.code == OK:
                wrong.append(f"exit code 0, and {name} is the old one")
        elif content != plain.files[name] and not (tolerant and content.rstrip().endswith((b"</html>", b"}"))):
            wrong.append(f"{name} is half-written")
    return wrong


def database_wrong(name, ended, tolerant):
    """As the next program finds it: with the journal, by which SQLite takes back what was cut."""
    with tempfile.TemporaryDirectory() as folder:
        for file in (name, name + "-journal"):
            if file in ended.files:
                (pathlib.Path(folder) / file).write_bytes(ended.files[file])
        try:
            with sqlite3.connect(pathlib.Path(folder) / name) as database:
                if database.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                    return ["the database is damaged"]
                if ended.code == OK and not tolerant and database.execute("SELECT count(*) FROM dumps").fetchone() != (6,):
                    return ["the database has not all rows"]
        except sqlite3.DatabaseError as error:
            return [f"the database is damaged: {error}"] if ended.code == OK else []
    return []


@dataclasses.dataclass
class Fault:
    """What goes wrong. `kind` is the shim's; `forever` and `do` too."""
    name: str
    kind: str
    do: str
    forever: bool = False
    path: str = ""
    tolerant: bool = False
    signals: tuple = ()
    most: int = 3  # moments that a quick run tries
    most_all: int = 400
    cases: tuple = ()  # of these alone, by their names' beginnings


def faults():
    number = {name: str(getattr(errno, name)) for name in ("EIO", "ENOSPC", "EDQUOT", "EROFS", "ENOMEM", "EINTR", "EAGAIN", "EMFILE")}
    mine = "{home}"
    return [
        Fault("disk_full", "write", number["ENOSPC"], forever=True, path=mine),
        Fault("disk_full_for_a_moment", "write", number["ENOSPC"], path=mine),
        Fault("quota_at_sync", "sync", number["EDQUOT"]),
        Fault("error_at_close", "close", number["EIO"], path=mine),
        Fault("short_write", "write", "short", path=mine),
        Fault("stdout_gone", "write", number["EIO"], path="pipe:"),
        Fault("interrupted_write", "write", number["EINTR"], path="pipe:", most=4),
        Fault("cannot_open", "open", number["EIO"], tolerant=True),
        Fault("too_many_files", "open", number["EMFILE"], forever=True, tolerant=True),
        Fault("cannot_map", "map", number["ENOMEM"], tolerant=True),
        Fault("cannot_read", "read", number["EIO"], tolerant=True),
        Fault("short_read", "read", "short"),
        Fault("rename_fails", "rename", number["EIO"], tolerant=True),
        Fault("no_folder", "mkdir", number["EROFS"], forever=True, tolerant=True),
        Fault("cannot_remove", "remove", number["EROFS"], tolerant=True, cases=("symbols", "report", "batch")),
        Fault("cannot_cut", "truncate", number["EIO"], tolerant=True),
        Fault("no_memory_once", "memory", number["ENOMEM"], tolerant=True, most=2, most_all=40),
        Fault("no_memory", "memory", number["ENOMEM"], forever=True, tolerant=True, most=2, most_all=40),
        Fault("no_thread", "thread", number["EAGAIN"], forever=True, tolerant=True),
        Fault("no_process", "start", number["EAGAIN"], forever=True, tolerant=True),
        *(Fault(f"{name}_at_{kind}", kind, f"signal {int(getattr(signal, name))}", tolerant=True,
                signals=(int(getattr(signal, name)),), most=1 if kind != "memory" else 2, most_all=30)
          for name in ("SIGTERM", "SIGHUP", "SIGINT") for kind in ("write", "open", "memory")),
    ]


def moments(count, most):
    """The first, the last, and between them evenly."""
    if most == 1 and count:
        return [(count + 1) // 2]
    if count <= most:
        return list(range(1, count + 1))
    return sorted({1 + round(i * (count - 1) / (most - 1)) for i in range(most)})


FIGURES = {}
PROBLEMS = []
LOCK = threading.Lock()


def note(case, fault, moment, ended, wrong):
    with LOCK:
        row = FIGURES.setdefault(case, {"runs": 0, "wrong": 0, "died": 0})
        row["runs"] += 1
        row["wrong"] += bool(wrong)
        row["died"] += any("died" in one or "accident" in one or "did not end" in one for one in wrong)
        if wrong:
            PROBLEMS.append(f"{case}/{fault} at {moment}: {'; '.join(wrong)}" +
                            (f" [{ended.code}: {ended.err.strip()[-160:]}]" if ended else ""))
            if OPTIONS.verbose:
                print(PROBLEMS[-1], flush=True)


def settings(fault, at):
    values = {"FAULT_CALL": fault.kind, "FAULT_AT": str(at), "FAULT_DO": fault.do, "FAULT_PATH": fault.path}
    if fault.forever:
        values["FAULT_FOREVER"] = "1"
    return values


def try_one(case, plain, fault, at):
    with Run(case) as run:
        ended = run.run(settings(fault, at))
        note(case.name, fault.name, at, ended, complaints(
            case, plain, ended, fault.tolerant or fault.name in case.tolerates, fault.signals, fault.kind == "remove"))


def sweep(pool):
    tasks = []
    for case in cases():
        wanted = [fault for fault in faults() if OPTIONS.only in f"{case.name}/{fault.name}" and
                  (not fault.cases or case.name.startswith(fault.cases))]
        if not wanted:
            continue
        with Run(case) as run:
            plain = run.run()
        counts = {}
        for fault in wanted:
            key = (fault.kind, fault.path)
            if key not in counts:
                with Run(case) as run:
                    counts[key] = run.run({"FAULT_CALL": fault.kind, "FAULT_PATH": fault.path, "FAULT_AT": "0"}).calls
            for at in moments(counts[key], min(fault.most_all, OPTIONS.moments) if OPTIONS.all
                              else case.times * fault.most):
                tasks.append(pool.submit(try_one, case, plain, fault, at))
    for task in tasks:
        task.result()


def check(name, ended, wrong):
    if OPTIONS.only in name:
        note(name.split("/")[0], name.split("/")[1], "-", ended, wrong)


def case_named(name, **changes):
    return dataclasses.replace(next(case for case in cases() if case.name == name), **changes)


def in_home(argument):
    """The samples' files, as they lie in a run's own folder."""
    return {DUMP: "{home}/w3wp.dmp", DWARF: "{home}/clang_5", CRASH: "{home}/processors.dmp", SYMBOLS: "{home}/symbols",
            SYMBOLS / "ntoskrnl.exe": "{home}/symbols/ntoskrnl.exe",
            SYMBOLS / "ntkrnlmp.pdb": "{home}/symbols/ntkrnlmp.pdb"}.get(argument, argument)


def make_all(home):
    shutil.copy2(DUMP, home)
    shutil.copy2(CRASH, home)
    shutil.copy2(DWARF, home)
    shutil.copytree(SYMBOLS, home / "symbols")
    if PACKED:
        make_packed(home)
    make_zip(home)
    make_dumps(home)


# Which file is cut while which command reads it.
CUT = {"stacks": ("w3wp.dmp", "symbols/ntkrnlmp.pdb", "symbols/ntoskrnl.exe"), "stacks_lines": ("w3wp.dmp",),
       "stacks_zip": ("capture.zip",), "info": ("processors.dmp",), "modules": ("w3wp.dmp",), "analyze": ("processors.dmp",),
       "waits": ("w3wp.dmp",), "report": ("w3wp.dmp", "symbols/ntkrnlmp.pdb"), "groups": ("w3wp.dmp",), "batch": ("dumps/1.dmp",),
       "stack_use": ("w3wp.dmp",), "open_script": ("w3wp.dmp",), "disassemble": ("w3wp.dmp", "symbols/ntoskrnl.exe"),
       "threads": ("w3wp.dmp",), "symbolize": ("symbols/ntkrnlmp.pdb", "symbols/ntoskrnl.exe"),
       "symbolize_dwarf": ("clang_5",), "symbols_import": ("symbols/ntkrnlmp.pdb",), "symbols_import_packed": ("ntkrnlmp.pd_",),
       "stacks_packed": [f"packed/{path.relative_to(PACKED)}" for path in PACKED.rglob("*.pd_")] if PACKED else []}


def try_cut(case, victim, size, plains, at):
    with Run(case) as run:
        fault = {"FAULT_CALL": "memory", "FAULT_AT": str(at), "FAULT_DO": f"shrink {size} {{home}}/{victim}"}
        if case.name == "batch":
            fault["FAULT_CHILDREN"] = "1"
        ended = run.run(fault)
        ended.files = {name: content for name, content in ended.files.items() if name in case.outputs or name.startswith("store/")}
        wrong = complaints(case, plains[0], ended, tolerant=True)
        wrong = [one for one in wrong if "is not whole" not in one or ended.code == OK]
        said = "could not be read any more" in ended.err
        if ended.code == OK and case.name == "batch":
            if len(ended.out.splitlines()) != len(plains[0].out.splitlines()):
                wrong.append("a dump has no line")
        elif ended.code == OK and not case.outputs and not any(same_answer(case, plain, ended) for plain in plains):
            wrong.append("an answer that neither the whole nor the cut file has")
        elif said and victim.split("/")[-1] not in ended.err and case.name != "stacks_zip":
            wrong.append("the file is not named")
        note(case.name, f"cut {victim}", at, ended, wrong)
        return said


def cut_files(pool):
    """A file becomes shorter while it is mapped, at moments that are counted in calls for memory."""
    tasks = []
    for case in cases():
        for victim in CUT.get(case.name, ()):
            if OPTIONS.only not in f"{case.name}/cut_{victim}":
                continue
            made = dataclasses.replace(case, arguments=[in_home(one) for one in case.arguments], make=make_all, old=False)
            for size in (0, 5000):
                def make(home, victim=victim, size=size):
                    make_all(home)
                    os.truncate(home / victim, size)
                with Run(made) as run:
                    whole = run.run()
                with Run(dataclasses.replace(made, make=make)) as run:
                    plains = [whole, run.run()]
                with Run(made) as run:
                    count = run.run({"FAULT_CALL": "memory", "FAULT_AT": "0"}).calls
                for at in moments(count, min(60, OPTIONS.moments) if OPTIONS.all else 4):
                    tasks.append(pool.submit(try_cut, made, victim, size, plains, at))
    said = sum(bool(task.result()) for task in tasks)
    if tasks and not OPTIONS.only and said == 0:
        check("cut/none", None, ["no cut was noticed: the test does nothing"])


def streams():
    """Standard streams that are closed, full, or have no reader; terminals that are none."""
    for case in cases():
        if case.name in ("batch_sqlite", "symbols_fetch"):
            continue
        for name, closed in (("no_stdin", 0), ("no_stdout", 1), ("no_stderr", 2)):
            if OPTIONS.only not in f"{case.name}/{name}":
                continue
            with Run(case) as run:
                plain = run.run()
            with Run(case) as run:
                ended = run.run(preexec_fn=lambda closed=closed: os.close(closed), **({"stdin": None} if closed == 0 else {}))
                wrong = complaints(case, plain, ended, tolerant=True)
                if closed == 1 and plain.out and ended.code == OK:
                    wrong.append("exit code 0, and the answer went nowhere")
                if closed == 0 and not case.given and ended.out != plain.out and not case.name.startswith("batch"):
                    wrong.append("another answer without an input")
                note(case.name, name, "-", ended, wrong)
        if OPTIONS.only in f"{case.name}/full_stdout":
            with Run(case) as run, open("/dev/full", "wb") as full:
                ended = run.run(stdout=full)
                wrong = complaints(case, plain, ended, tolerant=True)
                if plain.out and (ended.code != FAILED or "No space left" not in ended.err) and case.name != "mcp":
                    wrong.append("a full disk behind standard output is not told")
                note(case.name, "full_stdout", "-", ended, wrong)
        if OPTIONS.only in f"{case.name}/full_stderr":
            with Run(case) as run, open("/dev/full", "wb") as full:
                ended = run.run(stderr=full)
                note(case.name, "full_stderr", "-", ended,
                     # batch's summary goes there
                     [f"exit code {ended.code} and not {plain.code}"] if ended.code not in (plain.code, 1) or
                     ended.code == 1 and not case.name.startswith("batch") else [])
        for ignored in (False, True):
            name = "no_reader" + ("_ignored" if ignored else "")
            if OPTIONS.only not in f"{case.name}/{name}":
                continue
            read, write = os.pipe()
            os.close(read)
            with Run(case) as run:
                ended = run.run(stdout=write, preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN) if ignored
                                else signal.signal(signal.SIGPIPE, signal.SIG_DFL))
                os.close(write)
                wrong = [f"it left {one}" for one in ended.temporary]
                if plain.out and ended.code not in (-signal.SIGPIPE, 128 + signal.SIGPIPE) and case.name != "mcp":
                    wrong.append(f"exit code {ended.code}")
                if "could not be written" in ended.err:
                    wrong.append("it is not quiet")
                note(case.name, name, "-", ended, wrong)
        for name, settings in (("no_terminal", {"TERM": ""}), ("dumb_terminal", {"TERM": "dumb", "COLUMNS": "0"}),
                               ("odd_columns", {"COLUMNS": "-7", "LINES": "x", "NO_COLOR": "1", "LANG": "xx_YY"})):
            if OPTIONS.only in f"{case.name}/{name}" and not case.name.startswith("batch"):
                with Run(case) as run:
                    ended = run.run(dict(settings, FAULT_AT="0"))
                    note(case.name, name, "-", ended, complaints(case, plain, ended, tolerant=False))
        if OPTIONS.only in f"{case.name}/clock":
            with Run(case) as run:
                ended = run.run({"FAULT_CLOCK": "1", "FAULT_AT": "0", "FAULT_CHILDREN": "1"})
                note(case.name, "clock", "-", ended, complaints(case, plain, ended, tolerant=False))


def least_to_start():
    """Bytes of address space with which the program comes to its own code: what the loader does without is the loader's."""
    good, limit = 0, 8 << 20
    while good < 8:
        limit += 256 << 10
        ended = subprocess.run([PROGRAM, "--version"], capture_output=True, preexec_fn=address_space(limit), env=ENVIRONMENT)
        good = good + 1 if ended.returncode == 0 else 0
    return limit - (8 * 256 << 10)


def address_space(limit):
    return lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def limited_memory():
    """An address space that is too small for the answer, by ever less."""
    least = least_to_start()
    for case in cases():
        if OPTIONS.only not in f"{case.name}/limited_memory":
            continue
        with Run(case) as run:
            plain = run.run()
        steps = range(1, 65) if OPTIONS.all else range(2, 18, 2)  # of 256 KB
        for step in steps:
            with Run(case) as run:
                ended = run.run(preexec_fn=address_space(least + (step * 256 << 10)))
                # As with a file that can't be mapped: the rest is an answer too.
                note(case.name, "limited_memory", step, ended, complaints(case, plain, ended, tolerant=True))


def small_disk():
    """A real disk that is full, and one that nothing can be written to."""
    for case in cases():
        if not case.outputs:
            continue
        for name, size in (("small_disk", "64k"), ("smaller_disk", "8k"), ("read_only_disk", None)):
            if OPTIONS.only not in f"{case.name}/{name}":
                continue
            with Run(case) as run:
                plain = run.run()
            with Run(case) as run:
                there = run.root / "there"
                there.mkdir()
                mount = ["mount", "-t", "tmpfs", "-o", f"size={size or '64k'}", "tmpfs", there]
                if subprocess.run(mount, capture_output=True).returncode != 0:
                    return print("no disks can be mounted here: left out")
                try:
                    case_there = [str(one).replace("{home}", str(there)) if "{home}/dumps" not in str(one) else one
                                  for one in case.arguments]
                    run.case = dataclasses.replace(case, arguments=case_there)
                    for output in case.outputs if case.old else ():
                        (there / output).write_bytes(b"old\n")
                    if size is None:
                        subprocess.run(["mount", "-o", "remount,ro", there], check=True)
                    ended = run.run()
                    ended.files = {str(path.relative_to(there)): path.read_bytes() for path in there.rglob("*") if path.is_file()}
                    ended.files = {name: content.replace(str(there).encode(), b"HOME").replace(str(run.home).encode(), b"HOME") if name.endswith(("jsonl", "log")) else content
                                   for name, content in ended.files.items()}
                    ended.out = ended.out.replace(str(there).encode(), b"HOME")
                    wrong = complaints(case, plain, ended, tolerant=False)
                    if ended.code == OK and size is None and case.name not in ("open",):
                        wrong.append("exit code 0 on a disk that nothing can be written to")
                    note(case.name, name, "-", ended, wrong)
                finally:
                    subprocess.run(["umount", "-l", there], check=True)


def killed():
    """kill -9: what is left goes with the next run."""
    for name in ("stacks_zip", "report"):
        if OPTIONS.only not in f"{name}/killed":
            continue
        case = case_named(name)
        kind, path = ("open", "ntoskrnl") if name == "stacks_zip" else ("sync", "")
        with Run(case) as run:
            ended = run.run({"FAULT_CALL": kind, "FAULT_PATH": path, "FAULT_AT": "1", "FAULT_DO": "signal 9"})
            wrong = [] if ended.code == -9 else [f"exit code {ended.code}"]
            if name == "stacks_zip" and not ended.temporary:
                wrong.append("nothing was left: the test does nothing")
            ended = run.run()
            wrong += complaints(case, ended, ended, tolerant=False)
            note(name, "killed", "-", ended, wrong)
    if OPTIONS.only in "batch_file/killed":
        batch_goes_on()


def batch_goes_on():
    """Ended by one signal after another, a batch loses no line and has none twice."""
    case = case_named("batch_file")
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL):
        with Run(case) as run:
            ended = None
            for at in (1, 3, 5):
                ended = run.run({"FAULT_CALL": "write", "FAULT_PATH": "lines.jsonl", "FAULT_AT": str(at),
                                 "FAULT_DO": f"signal {int(number)}"})
                wrong = [] if ended.code in (OK, -number, 128 + number) else [f"exit code {ended.code}"]
                time.sleep(0.05)
            ended = run.run()
            lines = [json.loads(line) for line in ended.files["lines.jsonl"].splitlines()]
            if sorted(line["path"] for line in lines) != sorted({line["path"] for line in lines}) or len(lines) != 6:
                wrong.append(f"{len(lines)} lines")
            note(case.name, f"goes on after {number.name}", "-", ended, wrong)


def store_without_room():
    """A symbol store that can't be written to: symbols come all the same, for this run."""
    def make(home):
        (home / "file").write_bytes(b"no folder")

    for name, store, fault in (("stacks", "{home}/file/store", None),
                               ("stacks", "{home}/ro", {"FAULT_CALL": "mkdir", "FAULT_AT": "1", "FAULT_FOREVER": "1",
                                                        "FAULT_DO": str(errno.EROFS), "FAULT_PATH": "/ro"}),
                               ("symbols_fetch", "{home}/file/store", None)):
        if OPTIONS.only not in f"{name}/store_without_room":
            continue
        command = ["stacks", DUMP] if name == "stacks" else ["symbols", "fetch", DUMP]
        with Run(Case(name, [*command, "-y", "srv*{home}/store*{server}"])) as run:
            plain = run.run()
        case = Case(name, [*command, "-y", f"srv*{store}*{{server}}"], make=make)
        with Run(case) as run:
            ended = run.run(fault)
            wrong = complaints(case, plain, ended, tolerant=name != "stacks")
            if ended.code != (OK if name == "stacks" else FAILED):
                wrong.append(f"exit code {ended.code}")
            if ended.err.count("can't be written to") != 1:
                wrong.append("it is not said once")
            note(name, "store_without_room", "-", ended, wrong)


def device_stays():
    """A device as an output stays one."""
    if OPTIONS.only in "report/device":
        case = case_named("report", arguments=["report", DUMP, *paths(), "-o", "/dev/stdout"], outputs=(), old=False)
        with Run(case) as run:
            ended = run.run()
            note("report", "device", "-", ended, [] if ended.code == OK and ended.out.rstrip().endswith(b"</html>") else ["no page"])


def main():
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        sweep(pool)
        cut_files(pool)
    streams()
    limited_memory()
    small_disk()
    killed()
    store_without_room()
    device_stays()
    for problem in PROBLEMS:
        print(problem)
    runs = sum(row["runs"] for row in FIGURES.values())
    print(f"{runs} faults, {len(PROBLEMS)} ended wrongly, {time.monotonic() - began:.0f} s")
    if OPTIONS.figures:
        OPTIONS.figures.write_text(json.dumps(FIGURES, indent=1) + "\n")
    return 1 if PROBLEMS else 0


if __name__ == "__main__":
    sys.exit(main())
