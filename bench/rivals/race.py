"""A race: two commands that do the same work, in turns, and what both said."""
import dataclasses
import os
import pathlib
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import measure  # noqa: E402

SLOW = 8.0  # seconds: of a command that takes longer one pair is enough


@dataclasses.dataclass
class Command:
    name: str
    words: list
    accept: tuple = (0,)
    reading: list = dataclasses.field(default_factory=list)  # files that a cold run finds out of memory


@dataclasses.dataclass
class Result:
    race: str
    rival: str
    ours: float  # seconds, medians
    theirs: float
    ratio: float  # median of the pairs' ratios: how many times as long theirs takes
    least: float
    most: float
    pairs: int
    our_memory: float  # MB resident at the peak
    their_memory: float
    same: str  # what a comparison of both outputs says


def output_of(command, given=None):
    with open(given or os.devnull, "rb") as text:
        done = subprocess.run([str(word) for word in command.words], stdin=text, capture_output=True, check=False)
    if done.returncode not in command.accept:
        raise RuntimeError(f"{command.name} ended with {done.returncode}: {done.stderr.decode(errors='replace')[-200:].strip()}")
    return done.stdout.decode(errors="replace")


def forget(files):
    """Takes files' pages out of memory, as far as no one else has them mapped."""
    for path in files:
        descriptor = os.open(path, os.O_RDONLY)
        os.fdatasync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def once(command, given, is_cold):
    if is_cold:
        forget(command.reading)
    code, cost = measure.run(command.words, given)
    if code not in command.accept:
        raise RuntimeError(f"{command.name} ended with {code}")
    return cost.wall


def race(name, ours, theirs, given=None, pairs=15, compare=None, is_cold=False):
    same = compare(output_of(ours, given), output_of(theirs, given)) if compare else ""
    our_times, their_times = [], []
    while len(our_times) < pairs:
        our_times.append(once(ours, given, is_cold))
        their_times.append(once(theirs, given, is_cold))
        if max(our_times[-1], their_times[-1]) > SLOW:
            break
    ratios = [their / our for our, their in zip(our_times, their_times)]
    result = Result(name, theirs.name, statistics.median(our_times), statistics.median(their_times), statistics.median(ratios),
                    min(ratios), max(ratios), len(ratios), measure.memory(ours.words, given)[0],
                    measure.memory(theirs.words, given)[0] if statistics.median(their_times) < SLOW else float("nan"), same)
    print(f"{name} / {theirs.name}: {1000 * result.ours:.1f} ms, theirs {1000 * result.theirs:.1f} ms: {result.ratio:.2f} "
          f"({result.pairs} pairs); {same}", flush=True)
    return result
