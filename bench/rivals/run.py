#!/usr/bin/env python3
"""Races ntstack against the programs that install.sh got: the same work on the same inputs, in turns, medians; what both said is
compared first. Writes docs/performance.md.

    bench/rivals/run.py [BUILD_FOLDER] [RIVALS] [--only RACE...] [--patience SECONDS] [--write FILE]     (default: build/bench build/rivals)

BUILD_FOLDER has ntstack, bench/unwind_steps, bench/unwind_data, list_pages and write_containers. Real dumps are those of
NTSTACK_DATA (../shared/data); races that want what is not there are left out, and the document says which.
"""
import argparse
import datetime
import json
import os
import pathlib
import random
import re
import shutil
import statistics
import subprocess
import sys

import answers
from race import Command, Result, measure, race

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "bench"))
import scale_inputs  # noqa: E402
from dwarf_race import code_of  # noqa: E402

# Why, where ntstack is not ahead: by race, then rival; "" for any.
REASONS = json.loads((pathlib.Path(__file__).parent / "reasons.json").read_text())


class Races:
    def __init__(self, build, rivals, patience):
        self.build, self.rivals, self.patience = build, rivals, patience
        self.data = pathlib.Path(os.environ.get("NTSTACK_DATA", ROOT.parent / "shared" / "data"))
        self.folder = build / "rivals"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ntstack = shutil.copy2(build / "ntstack", self.folder)  # a build meanwhile is then none of ours
        self.results, self.left_out = [], []
        self.tools = {
            "Breakpad's minidump_stackwalk": rivals / "npm/node_modules/minidump/bin/linux-x64/minidump_stackwalk",
            "sentry-cli": rivals / "npm/node_modules/@sentry/cli-linux-x64/bin/sentry-cli",
            "minidump-stackwalk": rivals / "cargo/bin/minidump-stackwalk",
            "ntoseye": rivals / "cargo/bin/ntoseye",
            "pdb-addr2line": rivals / "rust/symbolize",
            "framehop": rivals / "rust/unwind_steps",
            "kdmp-parser": rivals / "venv/bin/python",
            "volatility3": rivals / "venv/bin/python",
        }
        for name in ("llvm-symbolizer-19", "llvm-symbolizer-22", "llvm-pdbutil-19", "llvm-readobj-19", "llvm-readobj-22", "lldb-19"):
            self.tools[name] = pathlib.Path(shutil.which(name) or f"/nowhere/{name}")

    def run(self, name, ours, rival, words, **options):
        """One race; what can't be run is told of instead."""
        if not self.tools[rival].exists():
            return self.leave_out(name, rival, "it is not installed here")
        theirs = Command(rival, [self.tools[rival], *words], options.pop("accept", (0,)), options.pop("reading", []))
        mine = Command("ntstack", ours, reading=theirs.reading)
        try:
            self.results.append(race(name, mine, theirs, **options))
        except (RuntimeError, ValueError, KeyError, IndexError) as error:
            self.leave_out(name, rival, str(error))

    def leave_out(self, name, rival, why):
        why = why.replace(str(ROOT) + "/", "").replace(str(self.data), "shared/data").replace("|", "/").replace("\n", " ")
        print(f"{name} / {rival}: left out: {why}", flush=True)
        self.left_out.append((name, rival, why))

    def start(self):
        ours = [self.ntstack, "--version"]
        for rival in ("llvm-symbolizer-19", "llvm-symbolizer-22", "llvm-pdbutil-19", "llvm-readobj-19", "lldb-19", "minidump-stackwalk",
                      "sentry-cli", "ntoseye"):
            self.run("start (--version)", ours, rival, ["--version"])
        self.run("start (--version)", ours, "Breakpad's minidump_stackwalk", [], accept=(1,))
        self.run("start (--version)", ours, "volatility3", [self.rivals / "venv/bin/vol", "--help"], pairs=5)

    def minidumps(self):
        for folder, dump in (("electron", "windows.dmp"), ("lldb", "sigsegv.dmp"), ("symbolic", "windows_mini.dmp")):
            path, name = self.data / folder / dump, f"stacks of {folder}/{dump}"
            if not path.exists():
                self.leave_out(name, "all", "the dump is not at hand")
                continue
            ours = [self.ntstack, "stacks", "--json", "--offline", path, "-y", path.parent, "-i", path.parent]
            self.run(name, ours, "minidump-stackwalk", ["--json", path],
                     compare=answers.stacks_compared(answers.stacks_of_rust_minidump))
            self.run(name, ours, "Breakpad's minidump_stackwalk", ["-m", path],
                     compare=answers.stacks_compared(answers.stacks_of_breakpad))
            self.run(name, ours, "lldb-19", ["-b", "-o", f"target create -c {path}", "-o", "bt all"], pairs=7,
                     compare=answers.stacks_compared(answers.stacks_of_lldb))

    def kernel(self):
        path = self.data / "kernel" / "triage_x64_19041.dmp"
        if not path.exists():
            return self.leave_out("stack of a crashed kernel", "ntoseye", "the dump is not at hand")
        ours = [self.ntstack, "open", path, "--offline", "-c", "k"]

        def compare(mine, theirs):
            def count(text):
                return len(re.findall(r"^ *[0-9a-f`]{2,} .*\+0x[0-9a-f]+\s*$", text, re.M))

            return f"{count(mine)} frames; theirs {count(theirs)}"

        # It asks Microsoft's server first, and waits for it where there is none: without a network it goes on at once.
        if self.tools["ntoseye"].exists() and os.geteuid() == 0:
            self.tools["ntoseye, no network"] = pathlib.Path(shutil.which("unshare"))
            self.run("stack of a crashed kernel", ours, "ntoseye, no network",
                     ["-n", self.tools["ntoseye"], "--dump", path, "--batch", "--plain-repl", "-c", "k"], compare=compare)
        else:
            self.leave_out("stack of a crashed kernel", "ntoseye", "it is not installed, or can't be kept from the network here")

    def big_pdb(self):
        """100,000 functions in 100 modules, with another inlined into each."""
        image = self.folder / "pdb" / "big.exe"
        if not image.exists():
            scale_inputs.make_pdb(image.parent, 100)
        _, rva, size = code_of(image)
        for count in (1, 1000, 20000, 100000):
            choose = random.Random(1)
            (self.folder / f"addresses{count}").write_text("".join(f"{choose.randrange(rva, rva + size):#x}\n" for _ in range(count)))
        return image

    def symbols(self):
        image = self.big_pdb()
        pdb = image.with_suffix(".pdb")
        megabytes = pdb.stat().st_size / 1e6
        ours = [self.ntstack, "symbolize", "--inlines", "--json-lines", image]
        slow = {}
        for count in (1, 1000, 20000, 100000):
            for is_cold in (True, False):
                what = f"open and index a PDB of {megabytes:.0f} MB, name 1 address" if count == 1 else f"name {count:,} addresses"
                name = f"{what}, {'cold' if is_cold else 'warm'}"
                options = {"given": self.folder / f"addresses{count}", "is_cold": is_cold, "reading": [image, pdb],
                           "compare": answers.symbols_compared, "pairs": 11 if count < 100000 else 5}
                self.run(name, ours, "pdb-addr2line", [pdb], **options)
                for rival in ("llvm-symbolizer-19", "llvm-symbolizer-22"):
                    # Its time grows with the addresses: what would take minutes is not run.
                    if slow.get(rival, 0) * count > self.patience:
                        self.leave_out(name, rival, f"at {1000 * slow[rival]:.1f} ms an address it would take {slow[rival] * count:.0f} s")
                        continue
                    before = len(self.results)
                    self.run(name, ours, rival, ["--relative-address", f"--obj={image}"], **dict(options))
                    if count > 1 and len(self.results) > before:
                        slow[rival] = self.results[-1].theirs / count
        # These do less: they read the PDB's key and what streams there are, and name nothing.
        one = {"given": self.folder / "addresses1"}
        self.run("a PDB's key (ours names an address too)", ours, "llvm-pdbutil-19", ["dump", "--summary", pdb], **one)
        self.run("a PDB's key (ours names an address too)", ours, "sentry-cli", ["debug-files", "check", pdb], **one)
        self.run("all public symbols of a PDB (ours names 100,000 addresses)", ours, "llvm-pdbutil-19", ["dump", "--publics", pdb],
                 given=self.folder / "addresses100000", pairs=5)

    def unwind_data(self):
        fetched = pathlib.Path(os.environ.get("NTSTACK_FETCHED", ROOT / "build" / "fetched"))
        images = [self.data / "breakpad" / "dump_syms_regtest64.exe", self.data / "seh" / "x64" / "xcpt4.exe",
                  fetched / "node-pty-1.1.0" / "prebuilds" / "win32-x64" / "conpty.node"]
        for image in images:
            name = f".pdata of {image.name}, decoded and printed"
            if not image.exists():
                self.leave_out(name, "all", "the image is not at hand")
                continue
            for rival in ("llvm-readobj-19", "llvm-readobj-22"):
                self.run(name, [self.build / "bench" / "unwind_data", image], rival, ["--unwind", image], accept=(0, -6, -11, 1),
                         compare=answers.unwind_data_compared)

    def steps(self):
        """framehop: nanoseconds a frame as both programs measure themselves."""
        image = self.data / "systeminformer_x64" / "systeminformer.sys"
        ours, theirs = self.build / "bench" / "unwind_steps", self.tools["framehop"]
        if not image.exists() or not theirs.exists():
            return self.leave_out("one frame of x64", "framehop", "it, or the driver that is unwound, is not at hand")

        def say(program, what):
            return subprocess.run([program, image, what], capture_output=True, text=True, check=True).stdout

        mine, other = say(ours, "list").splitlines(), say(theirs, "list").splitlines()
        same = f"{sum(a == b for a, b in zip(mine, other))} of {len(mine)} frames alike"
        for what in ("cached", "uncached"):
            pairs = [(float(say(ours, what).split()[0]), float(say(theirs, what).split()[0])) for _ in range(9)]
            self.add_steps(f"one frame of x64, {what}", "framehop", pairs, same)

    def add_steps(self, name, rival, pairs, same):
        ratios = [their / our for our, their in pairs]
        nan = float("nan")
        self.results.append(Result(name, rival, statistics.median(our for our, _ in pairs) * 1e-9,
                                   statistics.median(their for _, their in pairs) * 1e-9, statistics.median(ratios), min(ratios),
                                   max(ratios), len(pairs), nan, nan, same))
        print(f"{name} / {rival}: {self.results[-1].ours * 1e9:.0f} ns, {self.results[-1].theirs * 1e9:.0f} ns", flush=True)

    def wine(self):
        name = "one frame of x64, cached"
        windows = ROOT / "build" / "windows-x64"
        if not shutil.which("wine") or not shutil.which("x86_64-w64-mingw32-g++-posix"):
            return self.leave_out(name, "Wine's RtlVirtualUnwind", "Wine or MinGW is not installed")
        pairs, cold = [], []
        for _ in range(3):
            done = subprocess.run([ROOT / "bench" / "unwind_race.sh", windows], capture_output=True, text=True, check=False)
            times = re.findall(r": +([0-9.]+) ns a frame", done.stdout)
            if len(times) != 3:
                return self.leave_out(name, "Wine's RtlVirtualUnwind", done.stderr.strip()[-200:] or "the race did not end well")
            pairs.append((float(times[1]), float(times[0])))
            cold.append((float(times[2]), float(times[0])))
        frames = re.search(r"(\d+) frames in (\d+) modules", done.stdout)
        same = f"{frames.group(1)} frames in {frames.group(2)} DLLs, only those that both unwind to the same place"
        self.add_steps(name, "Wine's RtlVirtualUnwind", pairs, same)
        self.add_steps("one frame of x64, uncached", "Wine's RtlVirtualUnwind", cold, same)

    def pages(self):
        program = self.build / "tests" / "oracle_containers" / "list_pages"
        name = "all pages of a bitmap dump, with checksums"
        if not program.exists():
            return self.leave_out(name, "all", "the tests' programs are not built")
        dump = self.folder / "dumps" / "bitmap_full_x64_1.dmp"
        writer = self.build / "tests" / "oracle_containers" / "write_containers"
        if writer.exists():
            subprocess.run([writer, self.folder / "dumps"], check=True, capture_output=True)
        if not dump.exists():
            return self.leave_out(name, "all", "no dump was made")
        script = pathlib.Path(__file__).parent / "pages.py"
        for rival in ("kdmp-parser", "volatility3"):
            self.run(name, [program, dump], rival, [script, rival, dump], compare=answers.pages_compared, pairs=7)


def versions(races):
    lines = []
    for name, tool in sorted(races.tools.items()):
        if name in ("pdb-addr2line", "framehop", "kdmp-parser", "volatility3", "ntoseye, no network") or not tool.exists():
            continue
        said = subprocess.run([tool, "--version"], capture_output=True, text=True, check=False)
        text = said.stdout + said.stderr
        found = re.search(r"(?:version )?v?(\d+\.\d+\.\d+)", text)
        lines.append(f"{name} {found.group(1) if found else ''}".strip())
    manifest = (pathlib.Path(__file__).parent / "rust" / "Cargo.toml").read_text()
    lines += [f"{name} {re.search(name + r' = .=([0-9.]+)', manifest).group(1)}" for name in ("framehop", "pdb-addr2line")
              if races.tools[name].exists()]
    if races.tools["kdmp-parser"].exists():
        text = subprocess.run([races.tools["kdmp-parser"], "-m", "pip", "freeze"], capture_output=True, text=True, check=False).stdout
        lines += [line.replace("==", " ") for line in text.splitlines() if re.match("kdmp|volatility", line)]
    if shutil.which("wine"):
        lines.append(subprocess.run(["wine", "--version"], capture_output=True, text=True, check=False).stdout.strip())
    return ", ".join(line.replace("Breakpad's minidump_stackwalk", "Breakpad's minidump_stackwalk (npm: minidump 0.26.0)") for line in lines)


def time_text(seconds):
    if seconds < 1e-5:
        return f"{seconds * 1e9:,.0f} ns"
    return f"{seconds * 1000:,.1f} ms" if seconds < 10 else f"{seconds:,.1f} s"


SEEN = 0.020  # seconds; the memory of what ends before is looked at too seldom to be told


def memory_text(megabytes, seconds):
    return "" if seconds < SEEN or megabytes != megabytes or megabytes == 0 else f"{megabytes:,.0f} MB"


def table(results):
    lines = ["| race | against | ntstack | theirs | theirs / ours | memory | theirs | what both said |", "|---|---|---:|---:|---:|---:|---:|---|"]
    for each in results:
        spread = f" ({each.least:.2f} to {each.most:.2f})" if each.pairs > 1 else " (one pair)"
        ratio = f"{each.ratio:.2f}" if each.ratio >= 1 else f"**{each.ratio:.2f}**"
        lines.append(f"| {each.race} | {each.rival} | {time_text(each.ours)} | {time_text(each.theirs)} | {ratio}{spread} | "
                     f"{memory_text(each.our_memory, each.ours)} | {memory_text(each.their_memory, each.theirs)} | {each.same} |")
    return "\n".join(lines)


def not_ahead(results):
    lines = []
    for each in results:
        words = []
        if each.ratio < 1:
            words.append(f"takes {1 / each.ratio:.1f} times as long ({time_text(each.ours)} to {time_text(each.theirs)})")
        if min(each.ours, each.theirs) >= SEEN and 0 < each.their_memory < each.our_memory / 1.1:
            words.append(f"takes {each.our_memory / each.their_memory:.1f} times the memory")
        if words:
            reasons = next((REASONS[key] for key in REASONS if each.race.startswith(key)), {})
            lines.append(f"- {each.race}, against {each.rival}: ntstack {' and '.join(words)}. {reasons.get(each.rival, reasons.get('', ''))}".rstrip())
    return "\n".join(lines) or "In every race ntstack is ahead."


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", nargs="?", default="build/bench", type=pathlib.Path)
    parser.add_argument("rivals", nargs="?", default="build/rivals", type=pathlib.Path)
    parser.add_argument("--only", nargs="+")
    parser.add_argument("--patience", type=float, default=180, help="seconds that a rival may take for one answer, or is left out")
    parser.add_argument("--write", type=pathlib.Path)
    options = parser.parse_args()
    rivals = options.rivals.resolve()
    races = Races(options.build.resolve(), rivals, options.patience)
    for name in ("start", "minidumps", "kernel", "symbols", "unwind_data", "steps", "wine", "pages"):
        if not options.only or name in options.only:
            getattr(races, name)()
    for line in (rivals / "missing.txt").read_text().splitlines() if (rivals / "missing.txt").exists() else []:
        races.left_out.append(("all", *line.split(": ", 1)))
    counts = json.loads((ROOT / "bench" / "instructions.json").read_text())
    instructions = "\n".join(f"| {name} | {count:,} |" for name, count in counts["instructions"].items())
    text = (pathlib.Path(__file__).parent / "words.md").read_text().format(
        date=datetime.date.today().isoformat(), machine=measure.machine(), versions=versions(races), races=table(races.results),
        not_ahead=not_ahead(races.results), instructions=instructions, made_by=", ".join(counts["made_by"].values()),
        left_out="\n".join(f"- {race}, {rival}: {why}" for race, rival, why in races.left_out) or "Nothing.")
    print(text)
    to = options.write or (None if options.only else ROOT / "docs" / "performance.md")
    if to:
        to.write_text(text)


if __name__ == "__main__":
    main()
