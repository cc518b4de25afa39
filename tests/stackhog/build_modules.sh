#!/bin/sh
# build_modules.sh x86|x64|arm64 OUT: the modules of seed 3's machine. nt, fltmgr and Ntfs get PDBs; the hogs' drivers have exports.
set -eu
architecture=$1 out=$2
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$out"
out=$(cd "$out" && pwd)
case $architecture in
  x86) target=i686 machine=x86 upper= ;;
  x64) target=x86_64 machine=x64 upper=fffff880 ;;
  arm64) target=aarch64 machine=arm64 upper=fffff880 ;;
esac
python3 "$here/make_sources.py" "$architecture" "$out"
cd "$out"

# module NAME FILE BASE LINKER_OPTIONS... [OBJECTS]
module() {
  name=$1 file=$2 base=$3
  shift 3
  clang-19 --target=$target-pc-windows-msvc -c "$name.S" -o "$name.obj" -I "$here" -mno-incremental-linker-compatible
  of_machine=/dynamicbase:no
  [ "$architecture" = x86 ] && of_machine="/dynamicbase:no /safeseh:no"
  [ "$architecture" = arm64 ] && of_machine=
  # shellcheck disable=SC2086
  lld-link-19 /nologo /dll /noentry /machine:$machine /nodefaultlib /subsystem:native $of_machine \
    /base:"0x$upper$base" /brepro /opt:noref,noicf /incremental:no /map:"$file.map" /out:"$file" "$name.obj" "$@"
}
with_pdb() {
  echo "/debug /pdb:$1 /pdbaltpath:%_PDB% /pdbsourcepath:d:\\stackhog"
}
# assemble SOURCE OBJECT
assemble() {
  clang-19 --target=$target-pc-windows-msvc -c "$1" -o "$2" -I "$here" -mno-incremental-linker-compatible \
    -DNtCreateFile=NtDeviceIoControlFile -DNtQueryFullAttributesFile=NtDeviceIoControlFile
}
# Of 64-bit kernels the entries are the other worlds'.
more=
if [ "$architecture" != x86 ]; then
  stubs=nt_stubs.S
  [ "$architecture" = arm64 ] && stubs=nt_stubs_arm64.S
  assemble "$here/../world/modules/$stubs" nt_stubs.obj
  assemble "$here/nt_$architecture.S" nt_more.obj
  more="nt_stubs.obj nt_more.obj"
fi
# shellcheck disable=SC2046,SC2086
module nt ntoskrnl.exe 80800000 $(with_pdb ntkrpamp.pdb) $more
# shellcheck disable=SC2046
module fltmgr fltmgr.sys f7a2d000 $(with_pdb fltMgr.pdb)
# shellcheck disable=SC2046
module Ntfs Ntfs.sys bae18000 $(with_pdb ntfs.pdb)
module BabyHog BabyHog.sys b958d000
module BossHog BossHog.sys b80ba000
module BossHog01 BossHog01.sys b76f4000
module MamaHog MamaHog.sys b8d89000
module daddyHog daddyHog.sys b7682000
