#!/usr/bin/env bash
# The driver's declarations against MinGW's DDK headers, for x64 and x86: they compile, or not.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
for target in x86_64 i686; do
  command -v $target-w64-mingw32-g++-posix >/dev/null || { echo "skipped: no MinGW for $target"; exit 77; }
  $target-w64-mingw32-g++-posix -std=c++23 -fsyntax-only -isystem /usr/share/mingw-w64/include/ddk -I"$here/../.." \
    "$here/layouts.cc"
done
