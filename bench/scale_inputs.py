"""What bench/scale.py feeds to ntstack: user minidumps with many modules, PDBs of a chosen size, folders of dumps."""
import os
import pathlib
import random
import struct
import subprocess

from make_big_pdb import TARGET, source

CONTEXT_SIZE, CONTEXT_RSP, CONTEXT_RIP = 1232, 0x98, 0xF8  # CONTEXT of x64
STACK, STACK_SIZE, FIRST_MODULE, MODULE_SIZE = 0x10000000, 0x2000, 0x7FF600000000, 0x100000


def write_minidump(path, modules, threads=100):
    """Threads whose stacks hold return addresses all over the modules; Microsoft's documentation of MINIDUMP_*."""
    choose = random.Random(1)
    out = bytearray(32 + 4 * 12)

    def add(data):
        at = len(out)
        out.extend(data)
        return at, len(data)

    names = []
    for i in range(modules):
        name = f"C:\\many\\module{i:06}.dll".encode("utf-16-le")
        names.append(add(struct.pack("<I", len(name)) + name + b"\0\0")[0])
    rows = b"".join(struct.pack("<QIIII", FIRST_MODULE + i * MODULE_SIZE, MODULE_SIZE, 0, 0x5F000000 + i, names[i]) + bytes(84)
                    for i in range(modules))
    module_list = add(struct.pack("<I", modules) + rows)
    thread_rows = b""
    for i in range(threads):
        base = STACK + i * 0x10000
        words = [FIRST_MODULE + choose.randrange(modules) * MODULE_SIZE + choose.randrange(0x1000, MODULE_SIZE) if k % 8 == 0 else k
                 for k in range(STACK_SIZE // 8)]
        stack = add(struct.pack(f"<{len(words)}Q", *words))
        context = bytearray(CONTEXT_SIZE)
        struct.pack_into("<I", context, 0x30, 0x10000B)  # ContextFlags: AMD64, control, integer, floating point
        struct.pack_into("<Q", context, CONTEXT_RSP, base)
        struct.pack_into("<Q", context, CONTEXT_RIP, words[0])
        registers = add(context)
        thread_rows += struct.pack("<IIIIQQIIII", 0x1000 + 4 * i, 0, 0, 0, 0, base, stack[1], stack[0], registers[1], registers[0])
    thread_list = add(struct.pack("<I", threads) + thread_rows)
    system = add(struct.pack("<HHHBBIIIIIHH", 9, 6, 0, 4, 1, 10, 0, 19041, 2, 0, 0, 0) + bytes(24))
    process = add(struct.pack("<IIIIII", 24, 1, 0x1234, 0x5F000000, 0, 0))
    struct.pack_into("<4sIIIIIQ", out, 0, b"MDMP", 0xA793, 4, 32, 0, 0x5F000000, 0)
    for i, (kind, (at, size)) in enumerate(((7, system), (4, module_list), (3, thread_list), (15, process))):
        struct.pack_into("<III", out, 32 + 12 * i, kind, size, at)
    path.write_bytes(out)


def make_pdb(folder, modules):
    """big.exe and big.pdb of so many modules of 1,000 functions each, some 0.58 MB of PDB a module. One is compiled; the others are it
    with another number in its names, which are all of one length."""
    folder.mkdir(parents=True, exist_ok=True)
    first = folder / "part.c"
    text = source(990000, 1000).replace("extern volatile int sink;", "static volatile int sink;")
    first.write_text(text + "int start990000(void) { return module990000_function_0(1, 2); }\n")
    subprocess.run([*TARGET, "-c", str(first), "-o", str(folder / "part.obj")], check=True)
    compiled = (folder / "part.obj").read_bytes()
    objects = []
    for i in range(modules):
        path = folder / f"part{i}.obj"
        path.write_bytes(compiled.replace(b"990000", f"{100000 + i}".encode()))
        objects.append(str(path))
    (folder / "objects.txt").write_text("\n".join(objects))
    subprocess.run(["lld-link-19", "/nologo", "/debug", "/nodefaultlib", "/entry:start100000", "/opt:noref", "/opt:noicf",
                    "/subsystem:console", f"/out:{folder / 'big.exe'}", f"@{folder / 'objects.txt'}"], check=True)
    for path in objects:
        os.unlink(path)
    return folder / "big.exe"


def make_batch(folder, dump, count):
    """Hard links of a copy, so that many dumps take no room."""
    folder.mkdir()
    copy = pathlib.Path(folder) / "0.dmp"
    copy.write_bytes(pathlib.Path(dump).read_bytes())
    for i in range(1, count):
        os.link(copy, folder / f"{i}.dmp")
