#!/usr/bin/env python3
"""What `ntstack stacks DUMP` costs as a whole process: CPU time (median of many runs) and private memory (RssAnon;
pages of mapped files are not counted). Usage: stacks_cost.py PROGRAM DUMP..."""
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time


def cpu_milliseconds(command, runs=60):
    times = []
    for _ in range(runs):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime))
    return statistics.median(times)


def private_megabytes(command):
    """Nobody reads the output, so the program stands still with all of its answer in memory."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    most = 0
    for _ in range(200):
        time.sleep(0.005)
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        lines = [line for line in status.splitlines() if line.startswith("RssAnon:")]
        if not lines:
            break
        most = max(most, int(lines[0].split()[1]))
    process.stdout.read()
    process.wait()
    return most / 1024


def main():
    program, *dumps = sys.argv[1:]
    for dump in dumps:
        if not os.path.exists(dump):
            print(f"not at hand: {dump}")
            continue
        text = [program, "stacks", dump]
        size = os.path.getsize(dump) / 1e6
        print(f"{os.path.basename(dump)} ({size:.1f} MB): {cpu_milliseconds(text):.1f} ms CPU, "
              f"{private_megabytes(text + ['--json']):.1f} MB private (as JSON)")


if __name__ == "__main__":
    main()
