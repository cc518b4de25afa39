#!/bin/sh
# build_modules_arm64.sh WORLD OUT TYPES.c: WORLD's modules (the folder of the ARM64 world's), with the kernel's
# structures in the PDB of its nt.
set -eu
world=$1 out=$2 types=$3
mkdir -p "$out"
out=$(cd "$out" && pwd)
for driver in fltmgr mup rdbss mrxsmb mrxsmb20; do
  cp "$world/$driver.sys" "$world/$driver.sys.map" "$world"/"$driver"*.pdb "$out" 2>/dev/null || true
done
cp "$world/fltMgr.pdb" "$world/nt.obj" "$world/nt_stubs.obj" "$out"
clang-19 --target=aarch64-pc-windows-msvc -c "$types" -o "$out/types.obj" -std=gnu17 -ffreestanding -O0 -g -gcodeview \
  -gno-codeview-command-line -fdebug-prefix-map="$(dirname "$types")=d:/world" -ffile-compilation-dir=d:/world \
  -Xclang -object-file-name=d:/world/types.obj -mno-incremental-linker-compatible
cd "$out"
lld-link-19 /nologo /dll /machine:arm64 /nodefaultlib /subsystem:native /entry:KiSystemStartup \
  /base:0xfffff80002a00000 /debug /pdb:ntkrnlmp.pdb /pdbaltpath:%_PDB% /pdbsourcepath:d:\\world /brepro \
  /opt:noref,noicf /incremental:no /map:ntoskrnl.exe.map /out:ntoskrnl.exe /implib:ntoskrnl.exe.lib nt.obj nt_stubs.obj \
  types.obj
