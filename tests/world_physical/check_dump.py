#!/usr/bin/env python3
"""Asks another reader of dumps what it finds in one, and compares it with what ntstack found there.

check_dump.py READER TABLES DUMP PAGES CONTENTS ADDRESSES: READER is kdmp-parser or volatility3, TABLES the kind of the
page tables: x64, x86 or pae. PAGES has the number of a physical page on each line, CONTENTS the pages themselves in
that order; each line of ADDRESSES is a root of page tables, a virtual address, and what it leads to: a physical
address, "transition" and one, or "none". Prints the differences, and at last how much was compared."""
import pathlib
import sys

PAGE = 0x1000


class Kdmp:
    knows_transition = False

    def __init__(self, path, tables):
        import kdmp_parser
        self.dump = kdmp_parser.KernelDumpParser(path)

    def page(self, number):
        return self.dump.read_physical_page(number * PAGE)

    def translate(self, root, address):
        return self.dump.translate_virtual(address, root)


class Volatility:
    """Its layers alone: what is above them needs Microsoft's symbols."""
    knows_transition = True

    def __init__(self, path, tables):
        from volatility3.framework import contexts, exceptions
        from volatility3.framework.layers import crash, intel, physical
        self.context, self.invalid = contexts.Context(), exceptions.InvalidAddressException
        self.context.config["file.location"] = path.absolute().as_uri()
        self.context.add_layer(physical.FileLayer(self.context, "file", "file"))
        self.context.config["crash.base_layer"] = "file"
        layer = crash.WindowsCrashDump64Layer if tables == "x64" else crash.WindowsCrashDump32Layer
        self.memory = layer(self.context, "crash", "crash")
        self.context.add_layer(self.memory)
        self.tables = {}
        kinds = {"x64": intel.WindowsIntel32e, "x86": intel.WindowsIntel, "pae": intel.WindowsIntelPAE}
        self.translation = kinds[tables]

    def page(self, number):
        try:
            return self.memory.read(number * PAGE, PAGE)
        except self.invalid:
            return None

    def translate(self, root, address):
        if root not in self.tables:
            name = f"tables{root:x}"
            self.context.config[f"{name}.memory_layer"] = "crash"
            self.context.config[f"{name}.page_map_offset"] = root
            self.tables[root] = self.translation(self.context, name, name)
        try:
            return self.tables[root].translate(address)[0]
        except self.invalid:
            return None


def differing_pages(reader, numbers, contents):
    present = set(numbers)
    for at, number in enumerate(numbers):
        page = reader.page(number)
        if page is None or bytes(page) != contents[at * PAGE:(at + 1) * PAGE]:
            yield f"page {number:x} differs"
    for number in range(max(numbers) + 2):
        gap = number not in present and (number < 0x10000 or number + 1 in present or number - 1 in present)
        if gap and reader.page(number) is not None:
            yield f"page {number:x} is there, and ntstack has it not"


def differing_addresses(reader, lines):
    for line in lines:
        root, address, *ours = line.split()
        if ours[0] == "transition" and not reader.knows_transition:
            continue
        right = None if ours[0] == "none" else int(ours[-1], 16)
        found = reader.translate(int(root, 16), int(address, 16))
        if (found or None) != right:
            yield f"{address} leads to {found}, and ntstack says {ours}"


def main():
    name, tables = sys.argv[1:3]
    dump, pages, contents, addresses = map(pathlib.Path, sys.argv[3:])
    reader = {"kdmp-parser": Kdmp, "volatility3": Volatility}[name](dump, tables)
    numbers = [int(line, 16) for line in pages.read_text().split()]
    lines = addresses.read_text().splitlines()
    differences = [*differing_pages(reader, numbers, contents.read_bytes()), *differing_addresses(reader, lines)]
    print("\n".join(differences[:20]))
    print(f"{len(numbers)} pages, {len(lines)} addresses, {len(differences)} differences")
    return 1 if differences else 0


sys.exit(main())
