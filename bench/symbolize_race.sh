#!/bin/sh
# Names 20,000 addresses of a PDB of 20 modules with 5,000 functions each: ntstack symbolize against
# llvm-symbolizer, time and peak memory of whole processes. llvm-symbolizer runs once: it takes minutes.
#
#   bench/symbolize_race.sh [BUILD_FOLDER]     (default: build)
#
# Needs hyperfine, python3, clang-19, lld-link-19 and llvm-symbolizer-19.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${1:-$here/../build}" && pwd)
folder=$build/bench/big_pdb
mkdir -p "$build/bench"
[ -e "$folder/big.pdb" ] || "$here/make_big_pdb.py" "$folder"

ours="$build/ntstack symbolize --inlines $folder/big.exe"
theirs="llvm-symbolizer-19 --relative-address --obj=$folder/big.exe"
input=$folder/addresses.txt

# The same addresses each time, from all over the code.
python3 - "$folder" <<'END'
import pathlib
import random
import struct
import sys

folder = pathlib.Path(sys.argv[1])
image = (folder / "big.exe").read_bytes()
headers = struct.unpack_from("<I", image, 0x3C)[0]
sections = headers + 24 + struct.unpack_from("<H", image, headers + 20)[0]
name, size, rva = struct.unpack_from("<8sII", image, sections)
assert name.rstrip(b"\0") == b".text"
choose = random.Random(1)
lines = (f"{choose.randrange(rva, rva + size):#x}\n" for _ in range(20000))
(folder / "addresses.txt").write_text("".join(lines))
END

hyperfine --warmup 3 --runs 20 --export-json "$folder/ours.json" "$ours < $input > $folder/ours.txt"
hyperfine --runs 1 --export-json "$folder/theirs.json" "$theirs < $input > $folder/theirs.txt"

python3 - "$folder" "$ours" "$theirs" <<'END'
import json
import os
import pathlib
import shlex
import subprocess
import sys
import time

folder = pathlib.Path(sys.argv[1])


def seconds(name):
    return json.loads((folder / f"{name}.json").read_text())["results"][0]["mean"]


def field(pid, name):
    try:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def memory(command):
    """Peak of all resident memory, files' pages with it, and of the process's own; both in MB."""
    with open(folder / "addresses.txt") as text, open(os.devnull, "w") as nowhere:
        process = subprocess.Popen(shlex.split(command), stdin=text, stdout=nowhere)
        own = 0
        while True:
            own = max(own, field(process.pid, "RssAnon"))
            pid, _, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                return usage.ru_maxrss / 1024, own / 1024
            time.sleep(0.0005)


print(f"\ntime: ntstack {seconds('ours'):.3f} s, llvm-symbolizer {seconds('theirs'):.1f} s: "
      f"{seconds('theirs') / seconds('ours'):.0f} times as fast")
(ours, ours_own), (theirs, theirs_own) = memory(sys.argv[2]), memory(sys.argv[3])
print(f"peak memory: ntstack {ours:.0f} MB ({ours_own:.0f} MB its own, the rest mapped files), "
      f"llvm-symbolizer {theirs:.0f} MB ({theirs_own:.0f} MB its own): {ours / theirs:.2f} of it")
END
