#!/bin/sh
# build_modules.sh OUT BUILD FRAME_POINTERS: the test world's modules for 32-bit Windows BUILD (7601 or
# 19041), with `omit` or `keep` for frame pointers; else as the x64 world's.
set -eu
out=$1 build=$2
frame_pointers=-fomit-frame-pointer
[ "$3" = keep ] && frame_pointers=-fno-omit-frame-pointer
here=$(cd "$(dirname "$0")/../world" && pwd)
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$here/modules"

# compile SOURCE OBJECT [OPTIONS]; -mrtd: functions are stdcall, as the kernel's are
compile() {
  source=$1 object=$2
  shift 2
  clang-19 --target=i686-pc-windows-msvc -c "$source" -o "$out/$object" -DBUILD="$build" -mrtd -msse2 \
    -std=gnu17 -ffreestanding -fno-builtin -fno-stack-protector -Wall -Wextra -Werror $frame_pointers \
    -g -gcodeview -gno-codeview-command-line -fdebug-prefix-map="$here/modules=d:/world" \
    -ffile-compilation-dir=d:/world -Xclang -object-file-name="d:/world/$object" -mno-incremental-linker-compatible "$@"
}

# image FILE PDB BASE ENTRY OBJECTS... : also FILE.lib and FILE.map
image() {
  file=$1 pdb=$2 base=$3 entry=$4
  shift 4
  (cd "$out" && lld-link-19 /nologo /dll /machine:x86 /nodefaultlib /subsystem:native /entry:"$entry" /safeseh:no \
    /base:"$base" /dynamicbase:no /debug /pdb:"$pdb" /pdbaltpath:%_PDB% /pdbsourcepath:d:\\world \
    /brepro /opt:noref,noicf /incremental:no /map:"$file.map" /out:"$file" /implib:"$file.lib" "$@")
}

compile nt.c nt.obj -O2
compile nt_stubs_x86.S nt_stubs.obj
image ntoskrnl.exe ntkrpamp.pdb 0x82600000 KiSystemStartup@0 nt.obj nt_stubs.obj
compile fltmgr.c fltmgr.obj -O2
image fltmgr.sys fltMgr.pdb 0x88c00000 DriverEntry@0 fltmgr.obj ntoskrnl.exe.lib
compile mup.c mup.obj -O1
image mup.sys mup.pdb 0x88e40000 DriverEntry@0 mup.obj ntoskrnl.exe.lib
compile rdbss.c rdbss.obj -O2
image rdbss.sys rdbss.pdb 0x8f000000 DriverEntry@0 rdbss.obj ntoskrnl.exe.lib
compile mrxsmb.c mrxsmb.obj -O1
image mrxsmb.sys mrxsmb.pdb 0x8f200000 DriverEntry@0 mrxsmb.obj rdbss.sys.lib ntoskrnl.exe.lib
compile mrxsmb20.c mrxsmb20.obj -O2
image mrxsmb20.sys mrxsmb20.pdb 0x8f340000 DriverEntry@0 mrxsmb20.obj mrxsmb.sys.lib ntoskrnl.exe.lib

# The same shapes as several compilations make them.
for variant in O0 O1 O2 Os; do
  compile shapes.c shapes_$variant.obj -$variant -DVARIANT=$variant
done
compile shapes_asm_x86.S shapes_asm.obj
image shapes.sys shapes.pdb 0x8f600000 DriverEntry@0 shapes_O0.obj shapes_O1.obj shapes_O2.obj shapes_Os.obj \
  shapes_asm.obj
