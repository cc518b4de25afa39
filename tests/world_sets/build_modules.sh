#!/bin/sh
# build_modules.sh WORLD OUT: the kernel of the pair of dumps and the images of its process. nt.c is taken as it is
# but for the names of what nt_pair has anew; the system call is the physical world's.
set -eu
world=$1 out=$2
here=$(cd "$(dirname "$0")" && pwd)
renamed='KiSystemCall64|KiSystemServiceStart|KiSystemServiceCopyEnd|KiSystemServiceExit'
renamed="$renamed|KeWaitForSingleObject|KeWaitForMultipleObjects|KiCommitThreadWait|KiSwapThread|KiDeliverApc"
renamed="$renamed|DbgkpLkmdSnapThreadInContext|DbgkpLkmdSnapThreadApc|DbgkLkmdApcRoutine"
. "$here/../world_physical/kernel_sources.sh"

# image FILE PDB BASE ENTRY SUBSYSTEM OBJECTS... : also FILE.lib and FILE.map
image() {
  file=$1 pdb=$2 base=$3 entry=$4 kind=$5
  shift 5
  # shellcheck disable=SC2086
  (cd "$out" && lld-link-19 /nologo $kind /machine:x64 /nodefaultlib $entry \
    /base:"$base" /dynamicbase:no /debug /pdb:"$pdb" /pdbaltpath:%_PDB% /pdbsourcepath:d:\\world \
    /brepro /opt:noref,noicf /incremental:no /map:"$file.map" /out:"$file" /implib:"$file.lib" "$@")
}
compile "$out/nt.c" nt.obj -O2
compile "$out/nt_stubs.S" nt_stubs.obj
compile "$here/modules/nt_pair.c" nt_pair.obj -O2
compile "$here/../world_physical/modules/nt_waits_stubs.S" nt_waits_stubs.obj
image ntoskrnl.exe ntkrnlmp.pdb 0xfffff80002a00000 /entry:KiSystemStartup "/dll /subsystem:native" \
  nt.obj nt_stubs.obj nt_pair.obj nt_waits_stubs.obj

compile "$here/modules/ntdll_stubs.S" ntdll_stubs.obj -DFILL=0xc170
compile "$here/modules/ntdll.c" ntdll.obj -O2
image ntdll.dll ntdll.pdb 0x7ffe63900000 /noentry "/dll /subsystem:native" ntdll_stubs.obj ntdll.obj
printf '    .text\n    .fill 0x4520, 1, 0xcc\n' >"$out/filler.S"
compile "$out/filler.S" filler.obj
compile "$here/modules/kernelbase.c" kernelbase.obj -O2
image KERNELBASE.dll kernelbase.pdb 0x7ffe61400000 /noentry "/dll /subsystem:windows" \
  filler.obj kernelbase.obj ntdll.dll.lib
compile "$here/modules/kernel32.c" kernel32.obj -O2
image KERNEL32.DLL kernel32.pdb 0x7ffe62600000 /noentry "/dll /subsystem:windows" kernel32.obj
compile "$here/modules/consoleapp1.c" consoleapp1.obj -O1
image ConsoleApp1.exe ConsoleApp1.pdb 0x7ff7c3a10000 /entry:mainCRTStartup "/subsystem:console" \
  consoleapp1.obj KERNELBASE.dll.lib
