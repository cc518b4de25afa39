#!/usr/bin/env python3
"""The page of a machine of 2,000 threads: its size and the time to write it, and in headless Chromium how long until it can be
used and until a search is answered (medians). The goals are 1 s and 100 ms.
Usage: report_page.py PROGRAM MAKE_PHYSICAL MODULES FOLDER (tests/world_physical; what drives the browser is fetched there)."""
import pathlib
import subprocess
import sys
import time


def main():
    program, make_physical, modules, folder = sys.argv[1:]
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    dump, page = folder / "2000.dmp", folder / "page.html"
    subprocess.run([make_physical, modules, dump, "bitmap", "200", "2000"], check=True)
    began = time.monotonic()
    subprocess.run([program, "report", "-y", modules, dump, "-o", page], check=True)
    print(f"written in {time.monotonic() - began:.2f} s: {page.stat().st_size / 1e6:.2f} MB", flush=True)
    tests = pathlib.Path(__file__).resolve().parent.parent / "tests" / "report"
    subprocess.run([tests / "run.sh", folder / "client", "measure.mjs", page], check=False)


main()
