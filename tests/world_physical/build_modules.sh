#!/bin/sh
# build_modules.sh WORLD OUT [TYPES.c]: the physical world's kernel, and the drivers of WORLD (the folder of
# the world's modules) beside it. nt.c and its stubs are taken as they are but for the names of what nt_waits
# has anew. TYPES.c, if given, puts the kernel's structures into the PDB. With debug_format=dwarf in the
# environment, nt and rdbss have DWARF instead of PDBs; rdbss is compiled by MinGW's GCC where it is there.
set -eu
world=$1 out=$2 types=${3:-}
here=$(cd "$(dirname "$0")" && pwd)
renamed='KiSystemCall64|KiSystemServiceStart|KiSystemServiceCopyEnd|KiSystemServiceExit'
renamed="$renamed|KeWaitForSingleObject|KeWaitForMultipleObjects|KiCommitThreadWait|KiSwapThread"
. "$here/kernel_sources.sh"

compile "$out/nt.c" nt.obj -O2
compile "$out/nt_stubs.S" nt_stubs.obj
compile "$here/modules/nt_waits.c" nt_waits.obj -O2
compile "$here/modules/nt_waits_stubs.S" nt_waits_stubs.obj
objects="nt.obj nt_stubs.obj nt_waits.obj nt_waits_stubs.obj"
if [ -n "$types" ]; then
  compile "$types" types.obj -O0
  objects="$objects types.obj"
fi
cd "$out"
case $debug_format in
  dwarf) debug_link="/debug:dwarf" ;;
  *) debug_link="/debug /pdb:ntkrnlmp.pdb /pdbaltpath:%_PDB% /pdbsourcepath:d:\\world" ;;
esac
# shellcheck disable=SC2086
lld-link-19 /nologo /dll /machine:x64 /nodefaultlib /subsystem:native /entry:KiSystemStartup \
  /base:0xfffff80002a00000 /dynamicbase:no $debug_link \
  /brepro /opt:noref,noicf /incremental:no /map:ntoskrnl.exe.map /out:ntoskrnl.exe /implib:ntoskrnl.exe.lib $objects

if [ "$debug_format" = dwarf ]; then
  rm -f rdbss.sys rdbss*.pdb
  if command -v x86_64-w64-mingw32-gcc >/dev/null; then
    x86_64-w64-mingw32-gcc -c "$sources/rdbss.c" -o rdbss.obj -I "$sources" -std=gnu17 -O2 -g -ffreestanding \
      -fno-builtin -fasynchronous-unwind-tables -fno-stack-protector -fdebug-prefix-map="$sources=d:/world"
  else
    compile "$sources/rdbss.c" rdbss.obj -O2
  fi
  lld-link-19 /nologo /dll /machine:x64 /nodefaultlib /subsystem:native /entry:DriverEntry \
    /base:0xfffff88003c00000 /dynamicbase:no /debug:dwarf /brepro /opt:noref,noicf /incremental:no \
    /map:rdbss.sys.map /out:rdbss.sys /implib:rdbss.sys.lib rdbss.obj ntoskrnl.exe.lib
fi
