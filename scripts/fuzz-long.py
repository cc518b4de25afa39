#!/usr/bin/env python3
"""Fuzzes for a long time on one core: fuzz-long.py BINARIES WORK SECONDS [ROUND] (seconds of the processor's time)

BINARIES has NAME_fuzz files (build/debug/fuzz, or copies of it, that builds don't disturb; new ones are seen at the next
round). Each round runs one target for ROUND (30) seconds on WORK/NAME and the seeds of fuzz/corpus/NAME. First every target
has a round, then always the one whose corpus grew most in its last round, for that is the least explored; none gets more than a
seventh of the time. WORK/figures.json has executions, seconds, findings of every target, and goes on where it was; what
makes a target fail is WORK/findings/NAME-*.
"""
import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def run(binary, name, work, seconds):
    """One round; its last coverage and features, executions, and whether it ended in a finding."""
    own, findings = work / name, work / "findings"
    own.mkdir(parents=True, exist_ok=True)
    findings.mkdir(exist_ok=True)
    command = [str(binary), f"-max_total_time={10 * seconds}", "-rss_limit_mb=2048", "-timeout=10", "-print_final_stats=1",
               f"-artifact_prefix={findings}/{name}-", str(own)]
    seeds = ROOT / "fuzz/corpus" / name
    if seeds.is_dir():
        command.append(str(seeds))
    words = ROOT / "fuzz/dictionaries" / f"{name}.dict"
    if words.is_file():
        command.append(f"-dict={words}")
    log = work / f"{name}.log"
    with open(log, "w") as out:
        ended = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        end_after(ended, seconds)
    text = log.read_text(errors="replace")
    lines = re.findall(r"cov: (\d+) ft: (\d+)", text)
    first = re.search(r"INITED cov: \d+ ft: (\d+)", text)
    executed = re.search(r"number_of_executed_units: (\d+)", text)
    if ended.returncode != 0:
        (findings / f"{name}-{int(time.time())}.log").write_text(text[-20000:])
    return {"cov": int(lines[-1][0]) if lines else 0, "ft": int(lines[-1][1]) if lines else 0,
            "first": int(first.group(1)) if first else 0,
            "executions": int(executed.group(1)) if executed else 0, "failed": ended.returncode != 0}


def end_after(process, seconds):
    """Ends a fuzzer, whose way of a clean end SIGUSR1 is, after so many seconds of the processor's time."""
    ticks = os.sysconf("SC_CLK_TCK")
    told = False
    while process.poll() is None:
        time.sleep(0.5)
        try:
            fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if not told and (int(fields[11]) + int(fields[12])) / ticks > seconds:
            process.send_signal(signal.SIGUSR1)
            told = True


def processor_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def next_target(binaries, figures, total):
    names = sorted(path.name.removesuffix("_fuzz") for path in binaries.glob("*_fuzz") if os.access(path, os.X_OK))
    stamp = {name: (binaries / f"{name}_fuzz").stat().st_mtime for name in names}

    def rank(name):
        known = figures.get(name)
        if known is None or known["stamp"] != stamp[name]:
            return (2, -list(names).index(name))
        return (1, known["growth"])

    def may(name):
        known = figures.get(name)
        if known is None or known["stamp"] != stamp[name]:
            return True
        return known["failed"] < 3 and known["processor"] < total / 7

    allowed = [name for name in names if may(name)]
    return (max(allowed, key=rank), stamp) if allowed else (None, stamp)


def main():
    binaries, work, total = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), float(sys.argv[3])
    length = int(sys.argv[4]) if len(sys.argv) > 4 else 30
    kept = work / "figures.json"
    figures = json.loads(kept.read_text()) if kept.is_file() else {}
    while sum(each["processor"] for each in figures.values()) < total:
        name, stamp = next_target(binaries, figures, total)
        if name is None:
            break
        began, busy = time.monotonic(), processor_seconds()
        got = run(binaries / f"{name}_fuzz", name, work, length)
        took = time.monotonic() - began
        known = figures.setdefault(name, {"executions": 0, "seconds": 0, "processor": 0, "findings": 0, "failed": 0, "stamp": 0})
        if known["stamp"] != stamp[name]:
            known["failed"] = 0
        known["stamp"] = stamp[name]
        known["executions"] += got["executions"]
        known["seconds"] += took
        busy = processor_seconds() - busy
        known["processor"] += busy
        known["failed"] = known["failed"] + 1 if got["failed"] else 0
        known["findings"] += got["failed"]
        known["growth"] = (got["ft"] - got["first"]) / max(got["ft"], 1) / max(busy, 1) * 60
        known["cov"], known["ft"] = got["cov"], got["ft"]
        kept.write_text(json.dumps(figures, indent=1) + "\n")
        print(f"{time.strftime('%H:%M:%S')} {name}: {got['executions']} runs in {busy:.0f} of {took:.0f} s, cov {got['cov']}, ft {got['ft']}, "
              f"growth {known['growth']:.4f}{', A FINDING' if got['failed'] else ''}", flush=True)


main()
