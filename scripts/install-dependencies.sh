#!/usr/bin/env bash
# Installs by apt what the named parts need and what is not there yet: build, test, windows, driver, package, bench, instructions.
set -euo pipefail

declare -A packages=(
  [build]="g++ make cmake ninja-build libfmt-dev libcli11-dev nlohmann-json3-dev libmspack-dev
          libcurl4-openssl-dev llvm-19-dev zlib1g-dev libzstd-dev libcapstone-dev libedit-dev"
  [test]="git curl ca-certificates python3 python3-jsonschema python3-unicorn parallel libgtest-dev libunicorn-dev
          clang-19 lld-19 llvm-19 libclang-rt-19-dev clang-format-19 wine wine64 g++-mingw-w64-x86-64-posix
          g++-mingw-w64-i686-posix gcab nginx-light openssl"
  [windows]="g++-mingw-w64-x86-64-posix libz-mingw-w64-dev dpkg-dev"
  [driver]="clang-19 lld-19 llvm-19 g++-mingw-w64-x86-64-posix"
  [package]="dpkg-dev binutils binutils-mingw-w64-x86-64 python3"
  [bench]="libbenchmark-dev hyperfine python3"
  [instructions]="valgrind util-linux python3 clang-19 lld-19"
)
# Used where the machine's package sources have them; tests say that they skip without.
optional="clang-22 lld-22 llvm-22 qemu-system-x86 python3-venv chromium"
# Debian's own would stand beside one that was installed in another way.
command -v npm >/dev/null || optional+=" nodejs npm"

missing=()
for part in "$@"; do
  for package in ${packages[$part]}; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
done
want_optional=()
if [[ " $* " == *" test "* ]]; then
  for package in $optional; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || want_optional+=("$package")
  done
fi
[ ${#missing[@]} -eq 0 ] && [ ${#want_optional[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "These packages are missing; install them as root: ${missing[*]}" >&2
  [ ${#missing[@]} -eq 0 ] && exit 0
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
if [ ${#missing[@]} -gt 0 ]; then
  echo "Installing: ${missing[*]}"
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
for package in "${want_optional[@]}"; do
  apt-get install -y -qq --no-install-recommends "$package" >/dev/null 2>&1 || echo "not to be had here: $package"
done
