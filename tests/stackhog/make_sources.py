#!/usr/bin/env python3
"""make_sources.py ARCHITECTURE OUT: the modules of seed 3's machine as assembly, one file each, every call at the listing's own
return address with a frame of the listing's own bytes (64-bit ones: twice as many). The rest of nt is nt_*.S."""
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import arm64  # noqa: E402
import sites  # noqa: E402
import x64  # noqa: E402
import x86  # noqa: E402

ARCHITECTURES = {"x86": x86, "x64": x64, "arm64": arm64}


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ARCHITECTURES:
        sys.exit("usage: make_sources.py x86|x64|arm64 OUT")
    backend, out = ARCHITECTURES[sys.argv[1]], pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    story = sites.story()
    for module in sites.BASES:
        (out / f"{module}.S").write_text(backend.source_of(module, story))


if __name__ == "__main__":
    main()
