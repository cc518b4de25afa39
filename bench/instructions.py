#!/usr/bin/env python3
"""How many instructions a fixed set of commands takes, by valgrind's callgrind: the figure that is the same on every run, however
busy the machine is. Each is held against bench/instructions.json; growth over 5 % is a warning, not a failure.

    bench/instructions.py [BUILD_FOLDER] [--update] [--runs N] [--only NAME...]     (default: build/release)

--update writes the counts to bench/instructions.json. --runs N counts everything N times and tells how far counts differ.
Inputs are the repository's samples, a PDB that clang makes here, and a dump of a built machine where the tests are built.
"""
import argparse
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

from dwarf_race import code_of

HERE = pathlib.Path(__file__).resolve().parent
KEPT = HERE / "instructions.json"
GROWTH = 0.05
SEED1 = HERE.parent / "samples" / "seed1"
PROCESSORS = HERE.parent / "samples" / "processors" / "processors.dmp"


class Inputs:
    """What the commands read, made in a folder of their own. Names there are always the same: a path's length is work too."""

    def __init__(self, build, folder):
        self.folder = folder
        self.pdb = build / "bench" / "instructions_pdb"
        if not (self.pdb / "big.pdb").exists():
            subprocess.run([sys.executable, HERE / "make_big_pdb.py", self.pdb, "4", "1000"], check=True)
        self.image = self.pdb / "big.exe"
        _, rva, size = code_of(self.image)
        self.addresses = {}
        for count in (1, 1000, 20000):
            choose = random.Random(1)
            self.addresses[count] = "".join(f"{choose.randrange(rva, rva + size):#x}\n" for _ in range(count)).encode()
        (folder / "batch").mkdir()
        for i in range(10):
            shutil.copy(PROCESSORS, folder / "batch" / f"{i}.dmp")
        self.machine = None
        world = build / "tests" / "world_physical"
        if (world / "make_physical").exists():
            self.modules = world / "modules" / "known"
            self.machine = folder / "machine.dmp"
            subprocess.run([world / "make_physical", self.modules, self.machine, "bitmap", "20", "200"], check=True)


def commands(inputs):
    """Name, arguments, standard input."""
    sample = [str(SEED1 / "w3wp.dmp"), "-y", str(SEED1 / "symbols"), "--offline"]
    crash = [str(PROCESSORS), "--offline"]
    image = str(inputs.image)
    yield "start: --version", ["--version"], b""
    yield "info, sample", ["info", sample[0]], b""
    yield "modules, sample", ["modules", sample[0]], b""
    yield "stacks, sample", ["stacks", *sample], b""
    yield "stacks --json, sample", ["stacks", "--json", *sample], b""
    yield "stacks, crash, no images", ["stacks", *crash], b""
    yield "stack-starts, sample", ["stack-starts", *sample, "--thread", "0x2228"], b""
    yield "groups, sample", ["groups", *sample], b""
    yield "waits, sample", ["waits", *sample], b""
    yield "analyze, crash", ["analyze", *crash], b""
    yield "report, sample", ["report", *sample, "-o", str(inputs.folder / "page.html")], b""
    yield "open: first stack", ["open", *sample, "-c", "k"], b""
    yield "disassemble a function", ["disassemble", *sample[:3], "nt!KeWaitForSingleObject", "--function"], b""
    # A batch ends its workers by a signal, so they are counted apart.
    yield "batch of 10, without worker", ["batch", str(inputs.folder / "batch"), "-o", str(inputs.folder / "lines.jsonl"), "-j", "1",
                                          "--offline", "--quiet"], b""
    paths = "".join(json.dumps(str(dump)) + "\n" for dump in sorted((inputs.folder / "batch").iterdir())).encode()
    yield "batch's worker, 10 dumps", ["batch", "--worker", "--memory-limit", "0", "--offline", "--quiet"], paths
    for count in (1, 1000, 20000):
        yield f"symbolize {count:,}", ["symbolize", "--inlines", image], inputs.addresses[count]
    if inputs.machine:
        yield "stacks, machine of 200 threads", ["stacks", str(inputs.machine), "-y", str(inputs.modules), "--offline"], b""


def environment(folder):
    """Nothing of the caller's; the C library's routines for the oldest processor, so that another processor counts alike."""
    return {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8", "NO_COLOR": "1",
            "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-AVX512F,-AVX512VL,-AVX512BW,-ERMS,-FSRM"}


def count(program, arguments, given, folder):
    """Instructions of the process, not of those that it starts."""
    (folder / "lines.jsonl").unlink(missing_ok=True)
    # On one processor: how many threads a command has is work too.
    processor = str(min(os.sched_getaffinity(0)))
    command = ["taskset", "-c", processor, "setarch", "-R", "valgrind", "--tool=callgrind", f"--log-file={folder}/counts",
               "--callgrind-out-file=/dev/null", str(program), *arguments]
    run = subprocess.run(command, input=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(folder), cwd=folder,
                         check=False)
    if run.returncode != 0 or not run.stdout and "-o" not in arguments:
        raise SystemExit(f"{' '.join(arguments)}: exit code {run.returncode}\n{run.stderr.decode(errors='replace')}")
    return int(re.search(r"Collected : (\d+)", (folder / "counts").read_text()).group(1))


def made_by():
    def first_line(command):
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]

    return {"compiler": first_line(["g++", "--version"]), "valgrind": first_line(["valgrind", "--version"])}


def compare(counts, kept):
    warnings = []
    for name, now in counts.items():
        before = kept.get("instructions", {}).get(name)
        change = f"{100 * (now / before - 1):+7.2f} %" if before else "      new"
        print(f"  {name:32} {now:14,} {change}")
        if before and now > before * (1 + GROWTH):
            warnings.append(f"WARNING: {name} takes {100 * (now / before - 1):.1f} % more instructions than bench/instructions.json has")
    return warnings


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", nargs="?", default="build/release", type=pathlib.Path)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--only", nargs="+")
    options = parser.parse_args()
    build = options.build.resolve()
    with tempfile.TemporaryDirectory(prefix="count.") as folder:
        folder = pathlib.Path(folder)
        inputs = Inputs(build, folder)
        runs = []
        for _ in range(options.runs):
            runs.append({name: count(build / "ntstack", arguments, given, folder) for name, arguments, given in commands(inputs)
                         if not options.only or name in options.only})
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    print(f"instructions of {len(runs[0])} commands, against bench/instructions.json:")
    warnings = compare(runs[0], kept)
    if not inputs.machine:
        print(f"  the machine of 200 threads was not counted: {build}/tests/world_physical is not built")
    if options.runs > 1:
        spread = max((max(run[name] for run in runs) / min(run[name] for run in runs) - 1, name) for name in runs[0])
        print(f"{options.runs} runs differ by {100 * spread[0]:.3f} % at most ({spread[1]})")
    if kept and any(kept["made_by"][part] != value for part, value in made_by().items()):
        print(f"those were counted with {kept['made_by']}, these with {made_by()}")
    print("\n".join(warnings) if warnings else "none grew by over 5 %")
    if options.update:
        document = {"made_by": made_by(), "instructions": {**(kept.get("instructions", {}) if options.only else {}), **runs[0]}}
        KEPT.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
