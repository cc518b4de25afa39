"""Every page of a dump of physical memory with its checksum, by kdmp-parser or volatility3: what list_pages prints of ntstack's
reading. Run by the interpreter that has them: pages.py kdmp-parser|volatility3 DUMP"""
import pathlib
import sys
import zlib


def by_kdmp_parser(path):
    import kdmp_parser

    for address, page in kdmp_parser.KernelDumpParser(path).pages.items():
        yield address, page


def by_volatility(path):
    from volatility3.framework import contexts
    from volatility3.framework.layers import crash, physical

    context = contexts.Context()
    context.config["base.location"] = path.resolve().as_uri()
    context.add_layer(physical.FileLayer(context, "base", "base"))
    context.config["crash.base_layer"] = "base"
    layer = crash.WindowsCrashDump64Layer(context, "crash", "crash")
    context.add_layer(layer)
    for first, length, _, _, _ in layer.mapping(0, layer.maximum_address, ignore_errors=True):
        for address in range(first, first + length, 0x1000):
            yield address, layer.read(address, 0x1000)


def main():
    pages = by_kdmp_parser if sys.argv[1] == "kdmp-parser" else by_volatility
    for address, page in pages(pathlib.Path(sys.argv[2])):
        print(f"page {address:x} 1000 {zlib.crc32(page):08x}")


main()
