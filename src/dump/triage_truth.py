#!/usr/bin/env python3
"""What 64-bit triage dumps hold, read from their bytes without the library: the numbers that
triage_test.cc expects of the real ones. Usage: triage_truth.py DUMP..."""

import struct
import sys
import zlib


def show(path):
    with open(path, "rb") as file:
        data = file.read()

    def u32(at):
        return struct.unpack_from("<I", data, at)[0]

    def u64(at):
        return struct.unpack_from("<Q", data, at)[0]

    drivers = ""
    for i in range(u32(0x2034)):
        entry = u32(0x2030) + i * 0x90
        name = u32(entry)
        text = data[name + 4 : name + 4 + 2 * u32(name)].decode("utf-16le")
        drivers += "%s|%x|%x|%x|%x\n" % (
            text, u64(entry + 0x38), u32(entry + 0x48), u32(entry + 0x80), u32(entry + 0x88))
    blocks = ""
    for i in range(u32(0x207C)):
        address, place, size = struct.unpack_from("<QII", data, u32(0x2078) + i * 16)
        piece = data[place : place + size]
        blocks += "%x|%x|%x\n" % (address, len(piece), zlib.crc32(piece))
    print(path)
    print("  build %d, %d processors, bugcheck %#x" % (u32(0xC), u32(0x34), u32(0x38)))
    print("  %d drivers, CRC %#x" % (u32(0x2034), zlib.crc32(drivers.encode())))
    print("  %d data blocks, CRC %#x" % (u32(0x207C), zlib.crc32(blocks.encode())))
    print("  rip %#x rsp %#x" % (u64(0x348 + 0xF8), u64(0x348 + 0x98)))
    print("  PRCB: number %d, current thread %#x" % (u32(u32(0x201C) + 0x24), u64(u32(0x201C) + 8)))
    print("  call stack %#x + %#x" % (u64(0x2048), u32(0x202C)))


for name in sys.argv[1:]:
    show(name)
