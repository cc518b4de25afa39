#!/usr/bin/env bash
# Builds ntstack.sys and its ntstack.pdb for one architecture.
#   driver/build.sh x64|arm64|x86 FOLDER
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
architecture=$1
to=$2
mkdir -p "$to"
to=$(cd "$to" && pwd)
root=$(cd "$here/.." && pwd)

case $architecture in
x64) target=x86_64 machine=i386:x86-64 kernel_flags=(-mno-red-zone) ;;
arm64) target=aarch64 machine=arm64 kernel_flags=(-mno-outline-atomics) ;;
x86) target=i686 machine=i386 kernel_flags=(-march=i686) ;;
*) echo "build.sh: no architecture $architecture" >&2; exit 2 ;;
esac

# An import library of exactly the names that imports.txt has.
definition=$to/ntoskrnl.def
{
  echo 'LIBRARY ntoskrnl.exe'
  echo EXPORTS
  while read -r name kind; do
    case $architecture-$kind in
    \#* | *-) continue ;;
    *-d) echo "  $name DATA" ;;
    x86-c) echo "  $name" ;;
    x86-f*) echo "  @$name@${kind#f}" ;;
    x86-*) echo "  $name@$kind" ;;
    *) echo "  $name" ;;
    esac
  done < <(grep -v '^#' "$here/nt/imports.txt")
} > "$definition"
case $architecture in
x86) dlltool=(-m i386 -k) ;;
arm64) dlltool=(-m arm64) ;;
x64) dlltool=(-m i386:x86-64) ;;
esac
llvm-dlltool-19 "${dlltool[@]}" -d "$definition" -l "$to/ntoskrnl.lib"
libraries=("$to/ntoskrnl.lib")
if [ "$architecture" = x86 ]; then
  printf 'LIBRARY hal.dll\nEXPORTS\n  KeGetCurrentIrql@0\n' > "$to/hal.def"
  llvm-dlltool-19 -m i386 -k -d "$to/hal.def" -l "$to/hal.lib"
  libraries+=("$to/hal.lib")
fi

# No floating point or vector register is touched: an APC's routine may run in the middle of code that uses them.
# No path of the machine that builds gets into the files: the same bytes come from every folder.
flags=(--target=$target-pc-windows-msvc -ffreestanding -fno-exceptions -fno-rtti -fno-threadsafe-statics
  -fasynchronous-unwind-tables -mgeneral-regs-only -O2 -g -gcodeview -gno-codeview-command-line
  -ffile-prefix-map="$root"=/ntstack -fdebug-compilation-dir=/ntstack
  -Wall -Wextra -Werror -Wframe-larger-than=512 "${kernel_flags[@]}")
# Sources by relative names: names of anonymous namespaces are made of them.
cd "$root"
objects=()
for source in driver/core/*.cc driver/nt/*.cc driver/nt/stubs_$architecture.S; do
  object=$(basename "$(dirname "$source")")_$(basename "$source").obj
  case $source in
  *.cc) clang++-19 "${flags[@]}" -std=c++23 -nostdinc++ -isystem driver/nt/freestanding -I. \
    -Xclang -object-file-name="$object" -c "$source" -o "$to/$object" ;;
  *) clang-19 --target=$target-pc-windows-msvc -c "$source" -o "$to/$object" ;;
  esac
  objects+=("$object")
done

cd "$to"
# The version that Windows shows of the file.
version=$(sed -n 's/^project(ntstack VERSION \([0-9.]*\).*/\1/p' "$root/CMakeLists.txt")
sed -e "s/@VERSION@/$version/" -e "s/@VERSION_COMMAS@/${version//./,},0/" "$here/nt/ntstack.rc.in" > ntstack.rc
# By its name alone: llvm-rc takes a path that begins with /c, /d or another of its options for that option.
llvm-rc-19 /fo ntstack.res ntstack.rc

entry=DriverEntry
[ "$architecture" != x86 ] || entry=DriverEntry@8
lld-link-19 /nologo /driver /Brepro /subsystem:native /entry:$entry /nodefaultlib /release /debug /opt:ref \
  /dynamicbase /nxcompat /out:ntstack.sys /pdb:ntstack.pdb /pdbaltpath:ntstack.pdb /pdbsourcepath:/ntstack/driver \
  /map:ntstack.map "${objects[@]}" ntstack.res "${libraries[@]##*/}"
