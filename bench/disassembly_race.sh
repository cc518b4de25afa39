#!/bin/sh
# Lists the code of an image, with names from its PDB; llvm-objdump over the same image has its exports alone.
# usage: disassembly_race.sh BUILD_FOLDER [IMAGE]
set -eu
build=$1
fetched=${NTSTACK_FETCHED:-build/fetched}
for image in ${2:-"$fetched"/node-pty-1.1.0/prebuilds/win32-*64/conpty.node}; do
  [ -f "$image" ] || continue
  echo "$image"
  hyperfine --warmup 1 --shell none --output null \
    --command-name ours "$build/bench/disassembly_bench --list $image" \
    --command-name llvm-objdump "llvm-objdump-19 -d --x86-asm-syntax=intel $image"
done
