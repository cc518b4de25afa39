#!/usr/bin/env python3
"""What `ntstack waits` costs against `ntstack stacks` on the same dump: CPU time of the whole process, and the ratio, the median
of pairs that run one after the other. Symbols lie beside the dump. Usage: waits_cost.py PROGRAM DUMP..."""
import pathlib
import resource
import statistics
import subprocess
import sys


def cpu_milliseconds(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main():
    program, *dumps = sys.argv[1:]
    for dump in dumps:
        symbols = pathlib.Path(dump).parent / "symbols"
        paths = ["--offline", *(["-y", str(symbols)] if symbols.is_dir() else [])]
        stacks, waits = [], []
        for _ in range(40):
            stacks.append(cpu_milliseconds([program, "stacks", dump, *paths]))
            waits.append(cpu_milliseconds([program, "waits", dump, *paths]))
        ratio = statistics.median(w / max(s, 0.1) for s, w in zip(stacks, waits))
        print(f"{pathlib.Path(dump).name}: stacks {statistics.median(stacks):.1f} ms, waits {statistics.median(waits):.1f} ms CPU, "
              f"ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
