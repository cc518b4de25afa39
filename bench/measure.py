"""What a command costs: wall time, CPU time, and the memory that it takes, of the whole process and of those that it waits for."""
import dataclasses
import os
import pathlib
import statistics
import subprocess
import time


@dataclasses.dataclass
class Cost:
    wall: float  # seconds
    cpu: float  # seconds, user and system
    peak: float  # MB resident, pages of mapped files with them
    own: float  # MB of these that are no file's


def memory_of(pid):
    """KB now: the most that was resident, and what is no file's."""
    try:
        lines = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
        return int(lines["VmHWM"].split()[0]), int(lines["RssAnon"].split()[0])
    except (OSError, KeyError):
        return 0, 0


def run(command, given=None, output=subprocess.DEVNULL, cwd=None):
    """Runs it, `given` a file for its standard input. Its exit code and cost; memory is not looked at."""
    with open(given or os.devnull, "rb") as text:
        began = time.perf_counter()
        process = subprocess.Popen([str(word) for word in command], stdin=text, stdout=output, stderr=subprocess.DEVNULL, cwd=cwd)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, Cost(wall, usage.ru_utime + usage.ru_stime, 0, 0)


def memory(command, given=None):
    """MB: the peak of all resident memory and of the process's own. Looked at each half millisecond: not for timing."""
    peak = own = 0
    with open(given or os.devnull, "rb") as text:
        process = subprocess.Popen([str(word) for word in command], stdin=text, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        inherited = memory_of(os.getpid())[0]
        while True:
            now = memory_of(process.pid)
            if now[0] != inherited:  # before the child is the command it is this program
                peak, own = max(peak, now[0]), max(own, now[1])
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            time.sleep(0.0005)
    process.returncode = os.waitstatus_to_exitcode(status)
    # The kernel's own figure counts what the process was before too, but misses no moment.
    return max(peak, usage.ru_maxrss if usage.ru_maxrss > inherited else 0) / 1024, own / 1024


def cost(command, given=None, runs=5, accept=(0,)):
    """Medians of some runs, after one that is not counted; exit codes other than those accepted end the program."""
    costs = []
    for i in range(runs + 1):
        code, each = run(command, given)
        if code not in accept:
            raise SystemExit(f"exit code {code}: {' '.join(str(word) for word in command)}")
        if i > 0 or runs == 1:
            costs.append(each)
    return Cost(statistics.median(each.wall for each in costs), statistics.median(each.cpu for each in costs),
                *memory(command, given))


def machine():
    """The machine in a line: processor, cores, memory, system."""
    cpu = next((line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), "unknown")
    kilobytes = int(pathlib.Path("/proc/meminfo").read_text().split()[1])
    system = dict(line.split("=", 1) for line in pathlib.Path("/etc/os-release").read_text().splitlines() if "=" in line)
    return f"{cpu}, {os.cpu_count()} cores, {kilobytes / 2**20:.0f} GB of memory, {system['PRETTY_NAME'].strip(chr(34))}"
