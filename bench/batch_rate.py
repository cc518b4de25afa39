#!/usr/bin/env python3
"""How many triage dumps a second `ntstack batch` gets through, with 1, 2 and 4 processes: copies of shared dumps in a
temporary folder. The wall time of the whole run (the best of five) and the CPU time of all its processes.
Usage: batch_rate.py PROGRAM DUMP... [--copies N]"""
import argparse
import json
import os
import pathlib
import resource
import shutil
import subprocess
import tempfile
import time

JOBS = (1, 2, 4)


def cpu_of_children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(program, folder, output, jobs):
    """Wall and CPU seconds of a batch of the folder; its lines, so that a batch that did nothing is not taken for a fast one."""
    output.unlink(missing_ok=True)
    began, cpu = time.monotonic(), cpu_of_children()
    subprocess.run([program, "batch", folder, "-o", output, "-j", str(jobs), "--offline", "--quiet"], check=True,
                   capture_output=True)
    wall, cpu = time.monotonic() - began, cpu_of_children() - cpu
    return wall, cpu, [json.loads(line) for line in output.read_text().splitlines()]


def measure(program, dump, copies):
    with tempfile.TemporaryDirectory() as home:
        dumps = pathlib.Path(home) / "dumps"
        dumps.mkdir()
        for i in range(copies):
            shutil.copy(dump, dumps / f"{i}.dmp")
        output = pathlib.Path(home) / "lines.jsonl"
        run(program, dumps, output, os.cpu_count())  # the files are in memory from here on
        print(f"{copies} copies of {dump.name} ({dump.stat().st_size / 1e6:.2f} MB), {os.cpu_count()} processors")
        results = {jobs: [] for jobs in JOBS}
        for _ in range(5):  # in turns: what else the machine does is then alike for all
            for jobs in JOBS:
                wall, cpu, lines = run(program, dumps, output, jobs)
                if len(lines) != copies or any(line["error"] for line in lines):
                    raise SystemExit(f"{dump}: not every copy had an answer")
                results[jobs].append((wall, cpu))
        alone = min(results[1])[0]
        for jobs in JOBS:
            wall, cpu = min(results[jobs])
            cores = min(jobs, os.cpu_count())
            print(f"  -j {jobs}: {copies / wall:6.0f} dumps/s, {copies / wall / cores:6.0f} a core, "
                  f"{cpu / copies * 1000:5.2f} ms CPU a dump, {alone / wall:.2f} times -j 1")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("dumps", nargs="+", type=pathlib.Path)
    parser.add_argument("--copies", type=int, default=2000)
    options = parser.parse_args()
    for dump in options.dumps:
        measure(options.program, dump, options.copies)


main()
