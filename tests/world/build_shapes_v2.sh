#!/bin/sh
# build_shapes_v2.sh CLANG: makes prebuilt/shapes_v2.sys anew: the shapes with unwind data of version 2
# wherever CLANG (22 or later; earlier ones have none) can describe the epilogues, version 1 elsewhere.
# Kept in the tree, since the clang that the other modules are made with can't make it.
set -eu
clang=$1
here=$(cd "$(dirname "$0")" && pwd)
out=$(mktemp -d)
cd "$here/modules"
for variant in O0 O1 O2 Os; do
  "$clang" --target=x86_64-pc-windows-msvc -c shapes.c -o "$out/shapes_$variant.obj" -std=gnu17 \
    -ffreestanding -fno-builtin -fasynchronous-unwind-tables -mno-incremental-linker-compatible \
    "-$variant" -DVARIANT="$variant" -fwinx64-eh-unwindv2=best-effort
done
"$clang" --target=x86_64-pc-windows-msvc -c shapes_asm.S -o "$out/shapes_asm.obj" -mno-incremental-linker-compatible
cd "$out"
lld-link-19 /nologo /dll /machine:x64 /nodefaultlib /subsystem:native /entry:DriverEntry /base:0xfffff88004400000 \
  /dynamicbase:no /brepro /opt:noref,noicf /incremental:no /map:shapes_v2.sys.map /out:shapes_v2.sys shapes_O0.obj \
  shapes_O1.obj shapes_O2.obj shapes_Os.obj shapes_asm.obj
mkdir -p "$here/prebuilt"
cp shapes_v2.sys shapes_v2.sys.map "$here/prebuilt"
chmod 644 "$here"/prebuilt/*
rm -r "$out"
