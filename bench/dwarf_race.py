#!/usr/bin/env python3
"""Names 1,000 and 20,000 addresses of an image with DWARF, 10 units of 500 functions each: ntstack symbolize
against llvm-symbolizer (of the library that ntstack reads DWARF with) and binutils' addr2line, whole processes.

    bench/dwarf_race.py [BUILD_FOLDER]     (default: build)

Needs clang-19, ld.lld-19, llvm-symbolizer-19 and MinGW's binutils.
"""
import pathlib
import random
import struct
import subprocess
import sys
import time

from make_big_pdb import source

RUNS = 3


def make_image(folder):
    image = folder / "big.exe"
    if image.exists():
        return image
    objects = []
    for module in range(10):
        path = folder / f"module{module}.c"
        text = source(module, 500)
        if module == 0:
            text += "int start(void) { return module0_function_0(1, 2); }\n"
        path.write_text(text)
        objects.append(str(path.with_suffix(".o")))
        subprocess.run(["clang-19", "--target=x86_64-w64-mingw32", "-g", "-O1", "-ffreestanding", "-c", str(path),
                        "-o", objects[-1]], check=True)
    subprocess.run(["ld.lld-19", "-m", "i386pep", "-e", "start", "-o", str(image), *objects], check=True)
    return image


def code_of(image):
    """The image's base, and the RVA and size of its code."""
    file = image.read_bytes()
    headers = struct.unpack_from("<I", file, 0x3C)[0]
    base = struct.unpack_from("<Q", file, headers + 24 + 24)[0]
    sections = headers + 24 + struct.unpack_from("<H", file, headers + 20)[0]
    name, size, rva = struct.unpack_from("<8sII", file, sections)
    assert name.rstrip(b"\0") == b".text"
    return base, rva, size


def seconds(command, addresses):
    best = None
    for _ in range(RUNS):
        begin = time.perf_counter()
        subprocess.run(command, input=addresses, stdout=subprocess.DEVNULL, check=True)
        took = time.perf_counter() - begin
        best = took if best is None else min(best, took)
    return best


def main():
    here = pathlib.Path(__file__).resolve().parent
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else here.parent / "build").resolve()
    folder = build / "bench" / "big_dwarf"
    folder.mkdir(parents=True, exist_ok=True)
    image = make_image(folder)
    base, rva, size = code_of(image)
    for count in (1, 1000, 20000):
        choose = random.Random(1)
        addresses = "".join(f"{base + choose.randrange(rva, rva + size):#x}\n" for _ in range(count)).encode()
        ours = seconds([str(build / "ntstack"), "symbolize", "--inlines", "--base", f"{base:#x}", str(image)], addresses)
        theirs = {
            "llvm-symbolizer": ["llvm-symbolizer-19", f"--obj={image}"],
            "addr2line": ["x86_64-w64-mingw32-addr2line", "-f", "-i", "-e", str(image)],
        }
        print(f"{count} addresses: ntstack {ours:.3f} s", end="")
        for name, command in theirs.items():
            took = seconds(command, addresses)
            print(f", {name} {took:.3f} s ({took / ours:.1f} times that)", end="")
        print()


if __name__ == "__main__":
    main()
