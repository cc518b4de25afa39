#!/usr/bin/env bash
# Packages of what was built: a .deb with the Linux program, and a zip with the Windows one and the driver, each with the
# documentation. Two runs over the same files give the same bytes.
#   package.sh LINUX-BUILD WINDOWS-BUILD DRIVERS TO       the folders of ntstack, ntstack.exe, {x64,arm64,x86}/ntstack.sys
set -euo pipefail
cd "$(dirname "$0")/.."
program=$(realpath "$1")/ntstack
windows=$(realpath "$2")
drivers=$(realpath "$3")
mkdir -p "$4"
to=$(realpath "$4")
version=$("$program" --version | cut -d' ' -f2)
# The time of every file: the last commit's, or of a release without git the changelog's.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)}
export SOURCE_DATE_EPOCH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 022

documentation() { # of a package, into a folder
  mkdir -p "$1/schema" "$1/images"
  cp README.md CHANGELOG.md LICENSE "$1"
  cp docs/*.md "$1"
  cp docs/schema/* "$1/schema"
  cp docs/images/* "$1/images"
  # The README's links to docs/ lead beside it.
  sed -i 's|(docs/|(|g' "$1/README.md" "$1/CHANGELOG.md"
}

deb() {
  local root=$work/deb package
  package=$to/ntstack_${version}_$(dpkg --print-architecture).deb
  mkdir -p "$root/DEBIAN" "$root/usr/bin" "$root/usr/share/man/man1" "$root/usr/share/bash-completion/completions" "$work/debian"
  install -m 755 "$program" "$root/usr/bin/ntstack"
  strip "$root/usr/bin/ntstack"
  "$program" --help-man | gzip -9n > "$root/usr/share/man/man1/ntstack.1.gz"
  "$program" --help-bash > "$root/usr/share/bash-completion/completions/ntstack"
  documentation "$root/usr/share/doc/ntstack"
  mv "$root/usr/share/doc/ntstack/LICENSE" "$root/usr/share/doc/ntstack/copyright"
  printf 'Source: ntstack\n\nPackage: ntstack\nArchitecture: any\n' > "$work/debian/control"
  local depends
  depends=$(cd "$work" && dpkg-shlibdeps -O "$root/usr/bin/ntstack" 2>/dev/null | sed 's/^shlibs:Depends=//')
  cat > "$root/DEBIAN/control" <<CONTROL
Package: ntstack
Version: $version
Architecture: $(dpkg --print-architecture)
Maintainer: ntstack
Section: devel
Priority: optional
Depends: $depends
Recommends: libcurl4
Description: Windows kernel stacks from dumps
 Opens every kind of Windows dump, walks every stack in it, and explains what
 it sees: who waits for whom, who ate the stack, what crashed.
CONTROL
  find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
  dpkg-deb --root-owner-group -Zxz -b "$root" "$package" >/dev/null
  echo "$package"
}

zip() {
  local root=$work/zip/ntstack-$version
  mkdir -p "$root/driver"
  cp "$windows/ntstack.exe" "$root"
  x86_64-w64-mingw32-strip "$root/ntstack.exe"
  # The program of x64 finds the driver of x64 beside it.
  cp "$drivers/x64/ntstack.sys" "$root"
  local architecture
  for architecture in x64 arm64 x86; do
    mkdir -p "$root/driver/$architecture"
    cp "$drivers/$architecture/ntstack.sys" "$drivers/$architecture/ntstack.pdb" "$root/driver/$architecture"
  done
  cp driver/ntstack.inf "$root/driver"
  cp "$5" "$root/driver/x64/ntstack_selftest.exe"
  documentation "$root/docs"
  python3 - "$work/zip" "$to/ntstack-$version-windows.zip" <<'PYTHON'
import pathlib, sys, time, os, zipfile
root, to = pathlib.Path(sys.argv[1]), sys.argv[2]
date = time.gmtime(int(os.environ["SOURCE_DATE_EPOCH"]))[:6]
with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        entry = zipfile.ZipInfo(str(path.relative_to(root)), date)
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(entry, path.read_bytes())
print(to)
PYTHON
}

deb
selftest=$(find "$drivers" -name ntstack_selftest.exe | head -n 1)
zip "$1" "$2" "$3" "$4" "$selftest"
