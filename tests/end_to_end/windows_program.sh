#!/usr/bin/env bash
# ntstack.exe under Wine prints what the Linux program prints, byte for byte but for the line ends.
set -uo pipefail
linux=$1 windows=$2 build=$3
[ -x "$(command -v wine)" ] || { echo "not installed: wine"; exit 77; }
[ -f "$windows" ] || { echo "not built: ntstack.exe (make windows)"; exit 77; }
export WINEPREFIX=$build/wine WINEDEBUG=-all DISPLAY=
mkdir -p "$WINEPREFIX"
data=${NTSTACK_DATA:-../shared/data}
compared=0
compare() {
  "$linux" "$@" >"$build/linux.out" 2>/dev/null
  local code=$?
  wine "$windows" "$@" 2>/dev/null | tr -d '\r' >"$build/windows.out"
  if [ "${PIPESTATUS[0]}" -ne "$code" ] || ! cmp -s "$build/linux.out" "$build/windows.out"; then
    echo "differs: ntstack $*"
    diff "$build/linux.out" "$build/windows.out" | head -n 10
    exit 1
  fi
  compared=$((compared + 1))
}
for dump in samples/*/*.dmp "$data"/*/*.dmp; do
  [ -f "$dump" ] || continue
  symbols=$(dirname "$dump")
  [ -d "$symbols/symbols" ] && symbols=$symbols/symbols
  compare stacks "$dump" -y "$symbols"
  compare stacks "$dump" -y "$symbols" --json
  compare info "$dump" --json
done
# Folders of dumps, and a pair of them.
sets=$build/tests/world_sets
for folder in "$sets"/samples/set4 "$sets"/samples/pair; do
  [ -d "$folder" ] || continue
  compare stacks "$folder" -y "$build/tests/world/modules;$sets/modules"
  compare stacks "$folder" -y "$build/tests/world/modules;$sets/modules" --json
done
compare symbolize samples/seed1/symbols/rdbss.sys 1234 2000
compare info README.md
echo "windows program: $compared runs under Wine compared with Linux"
