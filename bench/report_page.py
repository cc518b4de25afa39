#!/usr/bin/env python3
"""The page of a machine of 2,000 threads: its size and the time to write it, and in headless Chromium how long until it can be
used and until a search is answered (medians). The goals are 1 s and 100 ms.
Usage: report_page.py PROGRAM MAKE_PHYSICAL MODULES FOLDER (tests/world_physical; what drives the browser is fetched there)."""
import json
import pathlib
import random
import subprocess
import sys
import time


BEGIN, END = '<script type="application/json" id="data">', "</script>"


def varied(page, to):
    """The page with its document's stacks made anew. No name in it has a character that would need an escape."""
    text = page.read_text()
    begin = text.index(BEGIN) + len(BEGIN)
    end = text.index(END, begin)
    document = json.loads(text[begin:end])
    random.seed(1)
    modules = [f"module{i:03}" for i in range(250)]
    document["modules"] = [{"name": name + ".sys", "path": "C:/drivers/" + name + ".sys", "base": hex(0xFFFFF80000000000 + i * 0x100000),
                            "size": 0x80000, "timestamp": i} for i, name in enumerate(modules)]
    document["symbol_files"] = []
    functions = [f"{random.choice(modules)}!Function{i}WithALongName" for i in range(20000)]
    document["sites"] = [{"name": name + "+0x12", "function": name, "source": "d:/a/file.c @ 12", "inline": False, "user": False}
                         for name in functions]
    for stack in document["stacks"]:
        stack["frames"] = [[random.randrange(len(functions)), 2, 64] for _ in range(60)]
    document["groups"] = [{"stacks": [i], "count": 1, "processes": 1, "dumps": 1, "waits": None, "guesses": False, "variants": []}
                          for i in range(len(document["stacks"]))]
    to.write_text(text[:begin] + json.dumps(document).replace("<", "\\u003c") + text[end:])


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
    unlike = folder / "varied.html"
    varied(page, unlike)
    for each in (page, unlike):
        print(f"{each.name}: {each.stat().st_size / 1e6:.2f} MB", flush=True)
        subprocess.run([tests / "run.sh", folder / "client", "measure.mjs", each], check=False)


main()
