#!/usr/bin/env python3
"""Holds ntstack's reading of ELF cores and raw memory against QEMU itself: a guest of one sector runs in QEMU, which
then writes cores (dump-guest-memory, with paging and without), the physical memory (pmemsave), virtual memory (memsave)
and its registers (info registers). Skipped where QEMU or the assembler is not at hand.

Usage: oracle_qemu.py LIST_PAGES FOLDER
"""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import time
import zlib

SKIPPED = 77
MEMORY = 8 << 20
SOURCE = pathlib.Path(__file__).with_name("guest.S")


class Machine:
    """A running QEMU, by its QMP."""

    def __init__(self, sector: pathlib.Path):
        command = ["qemu-system-x86_64", "-nodefaults", "-display", "none", "-m", str(MEMORY >> 20), "-accel", "tcg",
                   "-drive", f"file={sector},format=raw,if=floppy", "-qmp", "stdio"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        json.loads(self.process.stdout.readline())
        self.ask("qmp_capabilities")

    def ask(self, command: str, **arguments):
        self.process.stdin.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.process.stdin.flush()
        while True:
            answer = json.loads(self.process.stdout.readline())
            assert "error" not in answer, (command, answer)
            if "return" in answer:
                return answer["return"]

    def monitor(self, line: str) -> str:
        return self.ask("human-monitor-command", **{"command-line": line})

    def wait_for_guest(self) -> None:
        deadline = time.monotonic() + 120
        while "0x600d600d" not in self.monitor("xp /1wx 0x500"):
            assert time.monotonic() < deadline, "the guest did not come to its end"
            time.sleep(0.1)
        self.ask("stop")

    def close(self) -> None:
        self.process.stdin.write(json.dumps({"execute": "quit"}) + "\n")
        self.process.stdin.close()
        self.process.wait(30)


def assemble(folder: pathlib.Path, wide: bool) -> pathlib.Path:
    name = "wide" if wide else "narrow"
    unit, sector = folder / f"{name}.o", folder / f"{name}.bin"
    flags = ["-DWIDE"] if wide else []
    target = "x86_64-unknown-none" if wide else "i386-unknown-none"
    subprocess.run(["clang-19", f"--target={target}", *flags, "-c", str(SOURCE), "-o", str(unit)], check=True)
    subprocess.run(["ld.lld-19", "-Ttext=0x7c00", "--oformat=binary", "-o", str(sector), str(unit)], check=True)
    sector.write_bytes(sector.read_bytes()[:512].ljust(1440 << 10, b"\0"))
    return sector


def listing(list_pages: str, path: pathlib.Path):
    """What ntstack says: fields, processors, physical and mapped pages as {address: (size, checksum)}."""
    text = subprocess.run([list_pages, str(path)], check=True, capture_output=True, text=True).stdout
    fields, processors = {}, []
    pages: dict[str, dict[int, tuple[int, int]]] = {"page": {}, "mapped": {}}
    for line in text.splitlines():
        name, _, rest = line.partition(" ")
        if name in pages:
            address, size, crc = rest.split()
            pages[name][int(address, 16)] = (int(size, 16), int(crc, 16))
        elif name == "processor":
            words = rest.split()
            processors.append(dict(zip(words[1::2], words[2::2])))
        else:
            fields[name] = rest
    return fields, processors, pages["page"], pages["mapped"]


def registers_of(machine: Machine) -> dict[str, int]:
    """QEMU's own account: general registers, control registers, and the bases of GS, GDT and IDT."""
    text = machine.monitor("info registers")
    found = {name.upper(): int(value, 16) for name, value in re.findall(r"\b(\w+) *=\s*([0-9a-f]{8,16})\b", text)}
    found["GS"] = int(re.search(r"^GS =[0-9a-f]+ ([0-9a-f]+)", text, re.M)[1], 16)
    return found


def check_registers(processor: dict[str, str], truth: dict[str, int], wide: bool) -> int:
    context = bytes.fromhex(processor["context"])
    if wide:
        names = ["RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI", *[f"R{i}" for i in range(8, 16)], "RIP"]
        places = {name: (0x78 + i * 8, 8) for i, name in enumerate(names)}
        places["RFL"] = (0x44, 4)
    else:
        names = ["EDI", "ESI", "EBX", "EDX", "ECX", "EAX", "EBP", "EIP"]
        places = {name: (0x9C + i * 4, 4) for i, name in enumerate(names)}
        places |= {"ESP": (0xC4, 4), "EFL": (0xC0, 4)}
    for name, (at, size) in places.items():
        value = int.from_bytes(context[at:at + size], "little")
        assert value == truth[name], f"{name} is {value:x}, QEMU has {truth[name]:x}"
    for name in ["CR0", "CR3", "CR4", "GS", "GDT", "IDT"]:
        value = int(processor[name.lower()], 16)
        assert value == truth[name], f"{name} is {value:x}, QEMU has {truth[name]:x}"
    return len(places) + 6


def check_physical(pages: dict[int, tuple[int, int]], raw: bytes) -> int:
    """Every page that is read lies in QEMU's memory as it is, and all of the guest's RAM is read."""
    held = 0
    for address, (size, crc) in pages.items():
        if address < len(raw):
            assert zlib.crc32(raw[address:address + size]) == crc, f"the page at {address:x} differs"
            held += 1
    # The display's window and what lies up to 1 MB are devices and firmware.
    ram = [at for at in range(0, MEMORY, 0x1000) if not 0xA0000 <= at < 0x100000]
    lacking = [hex(at) for at in ram if at not in pages]
    assert not lacking, f"{len(lacking)} pages of RAM are not read: {lacking[:3]}"
    return held


def check_mapped(machine: Machine, mapped: dict[int, tuple[int, int]], folder: pathlib.Path) -> int:
    assert mapped, "a core with paging gives virtual addresses"
    held = 0
    for address, (size, crc) in mapped.items():
        if held == 3000:
            break
        there = folder / "virtual.bin"
        signed = address - (1 << 64) if address >> 63 else address  # as QMP takes it
        machine.ask("memsave", val=signed, size=size, filename=str(there))
        assert zlib.crc32(there.read_bytes()) == crc, f"the virtual page at {address:x} differs"
        held += 1
    return held


def run(list_pages: str, folder: pathlib.Path, wide: bool) -> None:
    machine = Machine(assemble(folder, wide))
    try:
        machine.wait_for_guest()
        truth = registers_of(machine)
        raw = folder / "memory.raw"
        machine.ask("pmemsave", val=0, size=MEMORY, filename=str(raw))
        architecture = "x64" if wide else "x86"
        for paging in (False, True):
            core = folder / "core.elf"
            machine.ask("dump-guest-memory", paging=paging, protocol=f"file:{core}")
            fields, processors, pages, mapped = listing(list_pages, core)
            assert fields["kind"] == "elf" and fields["architecture"] == architecture, fields
            assert "warning" not in fields, fields["warning"]
            assert len(processors) == 1, processors
            registers = check_registers(processors[0], truth, wide)
            if paging:
                held = check_mapped(machine, mapped, folder)
                # The pages that are mapped, and no others.
                for address, (size, crc) in pages.items():
                    if address < MEMORY:
                        assert zlib.crc32(raw.read_bytes()[address:address + size]) == crc, hex(address)
                print(f"{architecture} with -p: {held} virtual pages, {len(pages)} physical, {registers} registers")
            else:
                held = check_physical(pages, raw.read_bytes())
                assert not mapped
                print(f"{architecture}: {held} physical pages, {registers} registers")
        if wide:
            fields, _, pages, _ = listing(list_pages, raw)
            assert fields["kind"] == "raw" and fields["architecture"] == "x64", fields
            assert int(fields["directory_table_base"], 16) == truth["CR3"], fields
            assert len(pages) == MEMORY // 0x1000
            print("the raw memory's page tables were found where CR3 points")
    finally:
        machine.close()


def main() -> int:
    list_pages, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    absent = [tool for tool in ("qemu-system-x86_64", "clang-19", "ld.lld-19") if shutil.which(tool) is None]
    if absent:
        print(f"SKIPPED 1 test, oracle_qemu: not at hand: {', '.join(absent)}")
        return SKIPPED
    folder.mkdir(parents=True, exist_ok=True)
    for wide in (True, False):
        run(list_pages, folder, wide)
    return 0


if __name__ == "__main__":
    sys.exit(main())
