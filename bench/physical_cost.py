#!/usr/bin/env python3
"""What all stacks of a big machine cost: 2,000 threads, and 4,000, in a sparse bitmap dump of 16 GB. CPU time of the
whole process (median) and its private memory; the goals are 0.3 s, 64 MB, and 2.2 times for twice the threads.
Usage: physical_cost.py PROGRAM MAKE_PHYSICAL MODULES (tests/world_physical)."""
import pathlib
import subprocess
import sys
import tempfile

from stacks_cost import cpu_milliseconds, private_megabytes


def main():
    program, make_physical, modules = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        times = []
        for processes, threads in ((200, 2000), (400, 4000)):
            dump = str(pathlib.Path(folder) / f"{threads}.dmp")
            subprocess.run([make_physical, modules, dump, "bitmap", str(processes), str(threads)], check=True)
            command = [program, "stacks", "-y", modules, dump]
            times.append(cpu_milliseconds(command, runs=15))
            json = command + ["--json"]
            print(f"{threads} threads: {times[-1]:.0f} ms CPU, {private_megabytes(command):.0f} MB private; as JSON "
                  f"{cpu_milliseconds(json, runs=5):.0f} ms, {private_megabytes(json):.0f} MB")
        print(f"twice the threads: {times[1] / times[0]:.2f} times")


main()
