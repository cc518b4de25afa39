#!/usr/bin/env python3
"""What ntstack costs against the size of what it is given: threads, modules, dump size, PDB size, dumps in a batch, processors. Writes
docs/scale.md and docs/images/scale-*.svg.

    bench/scale.py [BUILD_FOLDER] [--small] [--runs N] [--only SERIES...] [--write FOLDER]

BUILD_FOLDER (build/bench) has ntstack and make_physical. --small stops at sizes that take a minute in all; it writes only where
--write says, as does --only. Inputs are made in a folder of BUILD_FOLDER and removed: 5 GB of disk at most, sparse files aside.
"""
import argparse
import dataclasses
import datetime
import math
import os
import pathlib
import random
import shutil
import subprocess
import tempfile

import measure
import plot_svg
import scale_inputs
from dwarf_race import code_of

ROOT = pathlib.Path(__file__).resolve().parent.parent
CRASH = ROOT / "samples" / "processors" / "processors.dmp"
LINEAR = 1.15  # an exponent up to here is linear, within what timing tells
LEAST_CPU = 0.004  # seconds above the start of the program: below, a cost tells nothing of its growth


@dataclasses.dataclass
class Series:
    name: str
    title: str
    across: str
    sizes: list
    small: list
    commands: object  # of (bench, size): name -> (arguments, file for the standard input)
    said: str = ""


class Bench:
    def __init__(self, build, runs):
        self.runs = runs
        self.world = build / "tests" / "world_physical"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="scale.", dir=build))
        self.program = shutil.copy2(build / "ntstack", self.folder)  # a build meanwhile is then none of ours
        self.start = measure.cost([self.program, "--version"], runs=21).cpu

    def machine(self, container, threads, gb=16):
        modules, dump = self.world / "modules" / "known", self.folder / "machine.dmp"
        processes = str(max(10, threads // 10))
        subprocess.run([self.world / "make_physical", modules, dump, container, processes, str(threads), str(gb)], check=True)
        return [str(dump), "-y", str(modules), "--offline"]

    def threads(self, count):
        dump = self.machine("bitmap", count)
        return {name: ([*name.split(), *dump], None) for name in ("stacks", "stacks --json", "threads", "groups", "waits")}

    def modules(self, count):
        dump = self.folder / "modules.dmp"
        scale_inputs.write_minidump(dump, count)
        return {name: ([name, str(dump), "--offline"], None) for name in ("stacks", "modules", "analyze")}

    def dump_size(self, container):
        def commands(gb):
            dump = self.machine(container, 200, gb)
            return {"stacks": (["stacks", *dump], None), "info": (["info", dump[0]], None), "analyze": (["analyze", *dump], None)}

        return commands

    def pdb(self, megabytes):
        folder = self.folder / "pdb"
        image = scale_inputs.make_pdb(folder, max(1, round(megabytes / 0.59)))
        _, rva, size = code_of(image)
        commands = {}
        for count in (1, 1000):
            choose, addresses = random.Random(1), folder / f"addresses{count}"
            addresses.write_text("".join(f"{choose.randrange(rva, rva + size):#x}\n" for _ in range(count)))
            commands[f"symbolize {count:,}"] = (["symbolize", "--inlines", str(image)], addresses)
        return commands

    def batch(self, count):
        dumps = self.folder / "dumps"
        shutil.rmtree(dumps, ignore_errors=True)
        scale_inputs.make_batch(dumps, CRASH, count)
        return {f"batch -j {jobs}": (["batch", str(dumps), "-j", str(jobs), "--offline", "--quiet"], None) for jobs in (1, 2)}


def all_series(bench):
    gigabytes, few = [1, 4, 16, 64, 128, 256, 512], [1, 16, 512]
    return [
        Series("modules", "Modules of a process", "modules", [10, 100, 1000, 4000, 10000, 16000], [10, 100, 1000], bench.modules,
               "A user minidump of 100 threads whose stacks hold return addresses all over the modules; no image is at hand, so "
               "every module is told of as missing."),
        Series("bitmap", "Size of a bitmap dump", "GB", gigabytes, few, bench.dump_size("bitmap"),
               "Sparse files; 200 threads, whose pages lie all over the machine's memory. The bitmap has a bit for every page: at "
               "512 GB it is 16 MB, and where a page lies in the file is a sum over it."),
        Series("full", "Size of a complete dump", "GB", gigabytes, few, bench.dump_size("full"), "The same machine, type 1."),
        Series("elf", "Size of a QEMU core", "GB", gigabytes, few, bench.dump_size("elf"),
               "The same machine as QEMU's core, whose header names no kernel: it is found by the processors' registers."),
        Series("pdb", "Size of a PDB", "MB", [1, 10, 100, 400, 1024], [1, 10, 100], bench.pdb,
               "Modules of 1,000 functions each, linked by lld, all kept. One address, and 1,000 all over the code, with inlined "
               "functions."),
        Series("batch", "Dumps in a batch", "dumps", [10, 100, 1000, 5000], [10, 100], bench.batch,
               "Hard links of the sample of a crash, each analysed by itself, in one process or two. Memory is that of the process "
               "that hands them out."),
        Series("threads", "Threads of a machine", "threads", [100, 400, 1600, 6400, 25000, 50000], [100, 400, 1600, 6400], bench.threads,
               "A bitmap dump of a machine with 16 GB; a process has ten threads."),
    ]


def exponent(points):
    """The slope of a line through the points' logarithms, by least squares; None of fewer than two."""
    if len(points) < 2:
        return None
    xs, ys = [math.log(x) for x, _ in points], [math.log(y) for _, y in points]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys)) / sum((x - mean_x) ** 2 for x in xs)


def measured(bench, series, sizes):
    """name of a command -> [(size, Cost)]."""
    results = {}
    for size in sizes:
        for name, (arguments, given) in series.commands(size).items():
            cost = measure.cost([bench.program, *arguments], given, bench.runs)
            results.setdefault(name, []).append((size, cost))
            print(f"{series.name} {size} {name}: {1000 * cost.wall:.1f} ms, {1000 * cost.cpu:.1f} ms CPU, {cost.peak:.1f} MB, "
                  f"{cost.own:.1f} MB own", flush=True)
    return results


def verdict(bench, costs):
    """How CPU time and memory of the process's own grow, in words; and whether that is linear or better."""
    times = [(size, cost.cpu - bench.start) for size, cost in costs if cost.cpu - bench.start > LEAST_CPU]
    slope = exponent(times)
    first, last = costs[0], costs[-1]
    if slope is None:
        time = "constant" if len(times) == 0 else "hardly any"
        return f"time: {time} (at most {1000 * max(cost.cpu for _, cost in costs):.0f} ms)", True
    base = costs[0][1].own
    memory = exponent([(size, cost.own - base) for size, cost in costs if cost.own - base > 1])
    most = f"{last[1].own:.0f} MB at {last[0]:,}"
    memory = f"memory: {'constant' if memory is None else f'n^{memory:.2f}'}, {most}"
    return f"time: n^{slope:.2f}, {memory}", slope <= LINEAR


def table(bench, results, unit):
    lines = [f"| {unit} | command | wall | CPU | memory of its own | resident, files too |", "|---:|---|---:|---:|---:|---:|"]
    for name, costs in results.items():
        lines += [f"| {size:,} | `{name}` | {1000 * cost.wall:,.1f} ms | {1000 * cost.cpu:,.1f} ms | {cost.own:,.1f} MB | "
                  f"{cost.peak:,.0f} MB |" for size, cost in costs]
    lines.append("")
    for name, costs in results.items():
        words, is_linear = verdict(bench, costs)
        lines.append(f"- `{name}`: {words}: {'linear or better' if is_linear else '**worse than linear**'}")
    return "\n".join(lines) + "\n"


def processors(bench):
    """Wall time on one processor and on all: pairs in turns, the median of their ratios."""
    lines = ["| command | one processor | all | times as fast |", "|---|---:|---:|---:|"]
    image, given = bench.folder / "pdb" / "big.exe", bench.folder / "many"
    scale_inputs.make_pdb(bench.folder / "pdb", 40)
    _, rva, size = code_of(image)
    choose = random.Random(1)
    given.write_text("".join(f"{choose.randrange(rva, rva + size):#x}\n" for _ in range(200000)))
    dumps = bench.folder / "dumps"
    shutil.rmtree(dumps, ignore_errors=True)
    scale_inputs.make_batch(dumps, CRASH, 1000)
    for name, arguments, text in (("symbolize 200,000", ["symbolize", "--inlines", str(image)], given),
                                  ("batch of 1,000", ["batch", str(dumps), "--offline", "--quiet"], None)):
        one, all_of_them = [], []
        for _ in range(7):
            one.append(measure.run(["taskset", "-c", "0", bench.program, *arguments], text)[1].wall)
            all_of_them.append(measure.run([bench.program, *arguments], text)[1].wall)
        ratios = sorted(a / b for a, b in zip(one, all_of_them))
        lines.append(f"| `{name}` | {1000 * sorted(one)[3]:,.0f} ms | {1000 * sorted(all_of_them)[3]:,.0f} ms | {ratios[3]:.2f} "
                     f"({ratios[0]:.2f} to {ratios[-1]:.2f}) |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", nargs="?", default="build/bench", type=pathlib.Path)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", nargs="+")
    parser.add_argument("--write", type=pathlib.Path)
    options = parser.parse_args()
    to = options.write or (None if options.small or options.only else ROOT / "docs")
    bench = Bench(options.build.resolve(), options.runs)
    parts, worse = [], []
    for series in all_series(bench):
        if options.only and series.name not in options.only:
            continue
        results = measured(bench, series, series.small if options.small else series.sizes)
        parts.append(f"## {series.title}\n\n{series.said}\n\n![{series.title}](images/scale-{series.name}.svg)\n\n"
                     f"{table(bench, results, series.across)}")
        worse += [f"{series.title.lower()}, `{name}`" for name, costs in results.items() if not verdict(bench, costs)[1]]
        if to:
            (to / "images").mkdir(parents=True, exist_ok=True)
            lines = {name: [(size, 1000 * cost.cpu) for size, cost in costs] for name, costs in results.items()}
            (to / "images" / f"scale-{series.name}.svg").write_text(
                plot_svg.loglog(f"{series.title}: CPU time", series.across, "ms", lines))
            write(to, bench, parts, worse, "")  # a run that is stopped has told what it knew
    cores = processors(bench) if not options.only or "processors" in options.only else ""
    shutil.rmtree(bench.folder)
    print(document(bench, parts, worse, cores))
    if to:
        write(to, bench, parts, worse, cores)


def document(bench, parts, worse, cores):
    return (ROOT / "bench" / "scale_words.md").read_text().format(
        machine=measure.machine(), date=datetime.date.today().isoformat(), start=f"{1000 * bench.start:.1f}", runs=bench.runs,
        linear=LINEAR, worse="**Worse than linear: " + "; ".join(worse) + ".**" if worse else "Everything below is linear or better.",
        series="\n".join(parts), processors=cores)


def write(to, bench, parts, worse, cores):
    (to / "scale.md").write_text(document(bench, parts, worse, cores))


if __name__ == "__main__":
    main()
