#!/usr/bin/env python3
"""Holds the dumps that the tests' builder writes, and what ntstack reads of them, against two readers by others:
kdmp-parser (full, bitmap and RDMP, x64) and volatility3 (full and bitmap, both widths): every page's address and bytes,
and the header's fields. The readers are installed by pip into a folder of the build; where that can't be, the test is
skipped and says so.

Usage: containers_oracle.py WRITE_CONTAINERS LIST_PAGES FOLDER
"""
import pathlib
import subprocess
import sys
import venv
import zlib

PACKAGES = ["kdmp-parser==0.7.4", "volatility3==2.28.2"]
SKIPPED = 77


def python_with_readers(folder: pathlib.Path) -> pathlib.Path | None:
    """The interpreter of a virtual environment that has the readers; None where they can't be had."""
    home = folder / "venv"
    python = home / "bin" / "python"
    imports = [str(python), "-c", "import kdmp_parser, volatility3"]
    if python.exists() and subprocess.run(imports, capture_output=True).returncode == 0:
        return python
    try:
        venv.create(home, with_pip=True)
    except (subprocess.CalledProcessError, OSError):  # Debian's python3 without python3-venv
        return None
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1",
               "--timeout", "20", *PACKAGES]
    if subprocess.run(install, capture_output=True).returncode != 0:
        return None
    return python if subprocess.run(imports, capture_output=True).returncode == 0 else None


def ours(list_pages: str, path: pathlib.Path) -> tuple[dict[str, str], dict[int, int]]:
    """What ntstack says: the header's fields, and each page's checksum by its address."""
    text = subprocess.run([list_pages, str(path)], check=True, capture_output=True, text=True).stdout
    fields: dict[str, str] = {}
    pages: dict[int, int] = {}
    for line in text.splitlines():
        name, _, rest = line.partition(" ")
        if name == "page":
            address, size, crc = rest.split()
            assert int(size, 16) == 0x1000, line
            pages[int(address, 16)] = int(crc, 16)
        else:
            fields[name] = rest
    return fields, pages


def compare_pages(name: str, path: pathlib.Path, mine: dict[int, int], theirs: dict[int, int]) -> None:
    missing = sorted(theirs.keys() - mine.keys())
    extra = sorted(mine.keys() - theirs.keys())
    differing = [address for address in mine if address in theirs and mine[address] != theirs[address]]
    assert not missing and not extra and not differing, (
        f"{path.name} against {name}: {len(missing)} missing, {len(extra)} extra, {len(differing)} differing; "
        f"first {[hex(a) for a in (missing + extra + differing)[:3]]}")


def by_kdmp_parser(path: pathlib.Path, fields: dict[str, str], pages: dict[int, int]) -> None:
    import kdmp_parser

    dump = kdmp_parser.KernelDumpParser(path)
    compare_pages("kdmp-parser", path, pages, {at: zlib.crc32(page) for at, page in dump.pages.items()})
    header = dump.header
    expected = {
        "dump_type": header.DumpType.value,
        "directory_table_base": header.DirectoryTableBase,
        "ps_loaded_module_list": header.PsLoadedModuleList,
        "ps_active_process_head": header.PsActiveProcessHead,
        "kd_debugger_data_block": header.KdDebuggerDataBlock,
        "build": header.MinorVersion,
        "processors": header.NumberProcessors,
        "bugcheck": header.BugCheckCode,
        "rip": dump.context.Rip,
    }
    for name, value in expected.items():
        assert int(fields[name], 16) == int(value), f"{path.name}: {name} is {fields[name]}, kdmp-parser has {value:x}"
    for i in range(4):
        assert int(fields[f"parameter{i}"], 16) == header.BugCheckCodeParameter[i], path.name


def by_volatility(path: pathlib.Path, fields: dict[str, str], pages: dict[int, int]) -> None:
    from volatility3.framework import contexts, interfaces
    from volatility3.framework.layers import crash, physical

    context = contexts.Context()
    context.config["base.location"] = path.resolve().as_uri()
    context.add_layer(physical.FileLayer(context, "base", "base"))
    context.config["crash.base_layer"] = "base"
    is_64_bit = "x64" in path.name
    kind = crash.WindowsCrashDump64Layer if is_64_bit else crash.WindowsCrashDump32Layer
    layer = kind(context, "crash", "crash")
    context.add_layer(layer)
    theirs: dict[int, int] = {}
    for first, length, _, _, _ in layer.mapping(0, layer.maximum_address, ignore_errors=True):
        for address in range(first, first + length, 0x1000):
            theirs[address] = zlib.crc32(layer.read(address, 0x1000))
    compare_pages("volatility3", path, pages, theirs)
    header = layer.get_header()
    assert int(fields["directory_table_base"], 16) == int(header.DirectoryTableBase), path.name
    assert int(fields["ps_loaded_module_list"], 16) == int(header.PsLoadedModuleList), path.name
    assert int(fields["processors"], 16) == int(header.NumberProcessors), path.name
    if not is_64_bit:
        assert int(fields["build"], 16) == int(header.MinorVersion), path.name


def compare(list_pages: str, dumps: list[pathlib.Path]) -> int:
    held = {"kdmp-parser": 0, "volatility3": 0}
    pages_held = 0
    for path in dumps:
        fields, pages = ours(list_pages, path)
        assert "warning" not in fields, f"{path.name}: {fields['warning']}"
        assert pages, path.name
        dump_type = int(fields["dump_type"], 16)
        if "x64" in path.name:
            by_kdmp_parser(path, fields, pages)
            held["kdmp-parser"] += 1
            pages_held += len(pages)
        if dump_type in (1, 5):
            by_volatility(path, fields, pages)
            held["volatility3"] += 1
            pages_held += len(pages)
    assert min(held.values()) >= 12, held
    print(f"{len(dumps)} dumps: {held['kdmp-parser']} by kdmp-parser, {held['volatility3']} by volatility3, "
          f"{pages_held} pages compared")
    return 0


def main() -> int:
    if sys.argv[1] == "--compare":
        return compare(sys.argv[2], [pathlib.Path(name) for name in sys.argv[3:]])
    write_containers, list_pages, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    python = python_with_readers(folder)
    if python is None:
        print(f"SKIPPED 1 test, containers_oracle: pip can't install {', '.join(PACKAGES)}")
        return SKIPPED
    dumps = folder / "dumps"
    subprocess.run([write_containers, str(dumps)], check=True)
    files = [str(path) for path in sorted(dumps.glob("*.dmp"))]
    return subprocess.run([str(python), __file__, "--compare", list_pages, *files]).returncode


if __name__ == "__main__":
    sys.exit(main())
