#!/usr/bin/env bash
# The capture side's Windows sources, and the layouts that they assert, pass a compiler of another processor.
# Nothing is linked. Usage: compile_capture.sh i686|aarch64 SOURCE_FOLDER WORK_FOLDER
set -euo pipefail
architecture=$1 source=$2 work=$3/$1
mkdir -p "$work/headers"
for name in fmt CLI nlohmann; do ln -sfn "/usr/include/$name" "$work/headers/$name"; done
flags=(-std=c++23 -fsyntax-only -Wall -Wextra -Werror -D_WIN32_WINNT=0x0A00 -DNOMINMAX -DWIN32_LEAN_AND_MEAN
  -DUNICODE -D_UNICODE -I"$source/src" -I"$source" -isystem "$work/headers")
case $architecture in
  i686)
    compiler=(i686-w64-mingw32-g++-posix -Wno-restrict)
    ;;
  aarch64)
    # Debian has no mingw for ARM64; its Windows headers know the processor, and of libstdc++ for x64 only
    # headers are used.
    library=$(dirname "$(x86_64-w64-mingw32-g++-posix -print-libgcc-file-name 2>/dev/null)")/include/c++
    [ -d "$library" ] || { echo "not installed: g++-mingw-w64-x86-64-posix"; exit 77; }
    compiler=(clang++-19 --target=aarch64-w64-mingw32 -isystem "$library" -isystem "$library/x86_64-w64-mingw32"
      -isystem /usr/share/mingw-w64/include)
    ;;
  *) echo "no such architecture: $architecture"; exit 1 ;;
esac
[ -x "$(command -v "${compiler[0]}")" ] || { echo "not installed: ${compiler[0]}"; exit 77; }
# All in one: the system's headers take most of the time.
for file in "$source"/src/capture/windows/*.cc "$source"/src/capture/system_lists.cc "$source"/src/capture/debug_control.h; do
  echo "#include \"${file#"$source/src/"}\""
done >"$work/all.cc"
"${compiler[@]}" "${flags[@]}" "$work/all.cc"
echo "capture for $architecture: $(grep -c . "$work/all.cc") files compiled"
