#!/bin/sh
# build_modules.sh OUT [TYPES.c]: compiles the test world's modules into PE images with their PDBs, the same
# bytes on every machine with the same clang and lld. TYPES.c, if given, puts structures into nt's PDB. The linker's name, as it was called, gets into
# the PDBs, so it is called without its path.
set -eu
out=$1 types=${2:-}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$here/modules"

# compile SOURCE OBJECT [OPTIONS]
compile() {
  source=$1 object=$2
  shift 2
  clang-19 --target=x86_64-pc-windows-msvc -c "$source" -o "$out/$object" \
    -std=gnu17 -ffreestanding -fno-builtin -fasynchronous-unwind-tables -fno-stack-protector -Wall -Wextra -Werror \
    -g -gcodeview -gno-codeview-command-line -fdebug-prefix-map="$here/modules=d:/world" \
    -ffile-compilation-dir=d:/world -Xclang -object-file-name="d:/world/$object" -mno-incremental-linker-compatible "$@"
}

# image FILE PDB BASE ENTRY OBJECTS... : also FILE.lib and FILE.map
image() {
  file=$1 pdb=$2 base=$3 entry=$4
  shift 4
  (cd "$out" && lld-link-19 /nologo /dll /machine:x64 /nodefaultlib /subsystem:native /entry:"$entry" \
    /base:"$base" /dynamicbase:no /debug /pdb:"$pdb" /pdbaltpath:%_PDB% /pdbsourcepath:d:\\world \
    /brepro /opt:noref,noicf /incremental:no /map:"$file.map" /out:"$file" /implib:"$file.lib" "$@")
}

compile nt.c nt.obj -O2
compile nt_stubs.S nt_stubs.obj
set -- nt.obj nt_stubs.obj
if [ -n "$types" ]; then
  compile "$types" types.obj -O0
  set -- "$@" types.obj
fi
image ntoskrnl.exe ntkrnlmp.pdb 0xfffff80002a00000 KiSystemStartup "$@"
compile fltmgr.c fltmgr.obj -O2
image fltmgr.sys fltMgr.pdb 0xfffff88001200000 DriverEntry fltmgr.obj ntoskrnl.exe.lib
compile mup.c mup.obj -O1
image mup.sys mup.pdb 0xfffff88001640000 DriverEntry mup.obj ntoskrnl.exe.lib
compile rdbss.c rdbss.obj -O2
image rdbss.sys rdbss.pdb 0xfffff88003c00000 DriverEntry rdbss.obj ntoskrnl.exe.lib
compile mrxsmb.c mrxsmb.obj -O1
image mrxsmb.sys mrxsmb.pdb 0xfffff88003e00000 DriverEntry mrxsmb.obj rdbss.sys.lib ntoskrnl.exe.lib
compile mrxsmb20.c mrxsmb20.obj -O2
image mrxsmb20.sys mrxsmb20.pdb 0xfffff88003f40000 DriverEntry mrxsmb20.obj mrxsmb.sys.lib ntoskrnl.exe.lib

# The same shapes as several compilations make them.
for variant in O0 O1 O2 Os; do
  compile shapes.c shapes_$variant.obj -$variant -DVARIANT=$variant
done
compile shapes.c shapes_fp.obj -O2 -fno-omit-frame-pointer -DVARIANT=fp
compile shapes_asm.S shapes_asm.obj
image shapes.sys shapes.pdb 0xfffff88004200000 DriverEntry shapes_O0.obj shapes_O1.obj shapes_O2.obj \
  shapes_Os.obj shapes_fp.obj shapes_asm.obj

cp "$here"/prebuilt/shapes_v2.sys "$here"/prebuilt/shapes_v2.sys.map "$out"
