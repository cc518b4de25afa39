"""Reads a minidump of x64 by the public layouts of minidumpapiset.h alone, with struct: threads
with rip, rsp and the bytes of their stacks, modules, process ID. Prints JSON."""

import json
import struct
import sys

with open(sys.argv[1], "rb") as file:
    data = file.read()


def u16(at):
    return struct.unpack_from("<H", data, at)[0]


def u32(at):
    return struct.unpack_from("<I", data, at)[0]


def u64(at):
    return struct.unpack_from("<Q", data, at)[0]


def string(at):
    return data[at + 4 : at + 4 + u32(at)].decode("utf-16-le")


assert data[:4] == b"MDMP" and u16(4) == 0xA793
streams = {}
for i in range(u32(8)):
    kind, size, rva = struct.unpack_from("<III", data, u32(12) + 12 * i)
    assert rva + size <= len(data)
    streams[kind] = (rva, size)

system, size = streams[7]
assert size == 56 and u16(system) == 9  # PROCESSOR_ARCHITECTURE_AMD64
misc, _ = streams[15]
assert u32(misc + 4) & 1

memory = {}
at, size = streams[5]
assert size == 4 + 16 * u32(at)
for i in range(u32(at)):
    entry = at + 4 + 16 * i
    memory[u64(entry)] = data[u32(entry + 12) : u32(entry + 12) + u32(entry + 8)]

threads = []
at, size = streams[3]
assert size == 4 + 48 * u32(at)
for i in range(u32(at)):
    entry = at + 4 + 48 * i
    context = u32(entry + 44)
    assert u32(entry + 40) == 0x4D0 and u32(context + 0x30) == 0x100003
    rsp = u64(context + 0x98)
    assert u64(entry + 24) == rsp
    threads.append({"id": u32(entry), "rip": u64(context + 0xF8), "rsp": rsp, "stack": memory[rsp].hex()})

modules = []
at, size = streams[4]
assert size == 4 + 108 * u32(at)
for i in range(u32(at)):
    entry = at + 4 + 108 * i
    record = u32(entry + 80)
    assert data[record : record + 4] == b"RSDS"
    modules.append({"name": string(u32(entry + 20)), "base": u64(entry), "size": u32(entry + 8)})

print(json.dumps({"process_id": u32(misc + 8), "threads": threads, "modules": modules}))
