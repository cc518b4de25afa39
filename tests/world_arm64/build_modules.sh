#!/bin/sh
# build_modules.sh OUT: as the world's build_modules.sh, the same modules as ARM64 images. All but mrxsmb20.sys
# keep the chain of frame records, as the platform's rules want it; the kernel, rdbss.sys and mrxsmb.sys sign
# their return addresses, as Windows' own code has done since Windows 11.
set -eu
out=$1
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$here/../world/modules"

# compile SOURCE OBJECT [OPTIONS]
compile() {
  source=$1 object=$2
  shift 2
  clang-19 --target=aarch64-pc-windows-msvc -c "$source" -o "$out/$object" \
    -std=gnu17 -ffreestanding -fno-builtin -fasynchronous-unwind-tables -fno-stack-protector -Wall -Wextra -Werror \
    -g -gcodeview -gno-codeview-command-line -fdebug-prefix-map="$PWD=d:/world" \
    -ffile-compilation-dir=d:/world -Xclang -object-file-name="d:/world/$object" -mno-incremental-linker-compatible "$@"
}

# image FILE PDB BASE ENTRY OBJECTS... : also FILE.lib and FILE.map
image() {
  file=$1 pdb=$2 base=$3 entry=$4
  shift 4
  (cd "$out" && lld-link-19 /nologo /dll /machine:arm64 /nodefaultlib /subsystem:native /entry:"$entry" \
    /base:"$base" /debug /pdb:"$pdb" /pdbaltpath:%_PDB% /pdbsourcepath:d:\\world \
    /brepro /opt:noref,noicf /incremental:no /map:"$file.map" /out:"$file" /implib:"$file.lib" "$@")
}

signed=-mbranch-protection=pac-ret+b-key
chained=-fno-omit-frame-pointer
compile nt.c nt.obj -O2 $chained $signed
compile nt_stubs_arm64.S nt_stubs.obj
image ntoskrnl.exe ntkrnlmp.pdb 0xfffff80002a00000 KiSystemStartup nt.obj nt_stubs.obj
compile fltmgr.c fltmgr.obj -O2 $chained
image fltmgr.sys fltMgr.pdb 0xfffff88001200000 DriverEntry fltmgr.obj ntoskrnl.exe.lib
compile mup.c mup.obj -O1 $chained
image mup.sys mup.pdb 0xfffff88001640000 DriverEntry mup.obj ntoskrnl.exe.lib
compile rdbss.c rdbss.obj -O2 $chained $signed
image rdbss.sys rdbss.pdb 0xfffff88003c00000 DriverEntry rdbss.obj ntoskrnl.exe.lib
compile mrxsmb.c mrxsmb.obj -O1 $chained $signed
image mrxsmb.sys mrxsmb.pdb 0xfffff88003e00000 DriverEntry mrxsmb.obj rdbss.sys.lib ntoskrnl.exe.lib
compile mrxsmb20.c mrxsmb20.obj -O2
image mrxsmb20.sys mrxsmb20.pdb 0xfffff88003f40000 DriverEntry mrxsmb20.obj mrxsmb.sys.lib ntoskrnl.exe.lib

# The same shapes as several compilations make them.
for variant in O0 O1 O2 Os; do
  compile shapes.c shapes_$variant.obj -$variant -DVARIANT=$variant
done
compile shapes.c shapes_fp.obj -O2 -fno-omit-frame-pointer -DVARIANT=fp
compile shapes.c shapes_pac.obj -O2 -mbranch-protection=pac-ret+leaf+b-key -DVARIANT=pac
compile shapes_asm_arm64.S shapes_asm.obj
image shapes.sys shapes.pdb 0xfffff88004200000 DriverEntry shapes_O0.obj shapes_O1.obj shapes_O2.obj \
  shapes_Os.obj shapes_fp.obj shapes_pac.obj shapes_asm.obj
