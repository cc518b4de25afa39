#!/bin/sh
# One frame under Wine: the system's RtlLookupFunctionEntry and RtlVirtualUnwind against our step(), in turns
# in one run. Needs mingw-w64 and Wine. Usage: bench/unwind_race.sh [BUILD_DIRECTORY]
set -e
source_directory=$(cd "$(dirname "$0")/.." && pwd)
build_directory=${1:-$source_directory/build/windows-x64}
cmake -S "$source_directory" -B "$build_directory" -G Ninja -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_TOOLCHAIN_FILE="$source_directory/cmake/mingw-w64.cmake" >/dev/null
ninja -C "$build_directory" wine_unwind_race >/dev/null
WINEDEBUG=-all WINEPREFIX=${WINEPREFIX:-$build_directory/wine} \
  exec wine "$build_directory/tests/wine_unwind/wine_unwind_race.exe"
