#!/usr/bin/env bash
# both_systems.sh LINUX_PROGRAM WINDOWS_PROGRAM BUILD: the console answers a script on Windows, under Wine, as on Linux,
# byte for byte but for the line ends and the separators of paths.
set -uo pipefail
linux=$1 windows=$2 build=$3
here=$(cd "$(dirname "$0")" && pwd)
[ -x "$(command -v wine)" ] || { echo "not installed: wine"; exit 77; }
[ -f "$windows" ] || { echo "not built: ntstack.exe (make windows)"; exit 77; }
export WINEPREFIX=$build/wine WINEDEBUG=-all DISPLAY=
mkdir -p "$WINEPREFIX" "$build/both_systems"
data=${NTSTACK_DATA:-../shared/data}
out=$build/both_systems
compared=0
compare() {
  "$linux" open "$@" --offline -cf "$here/both_systems.txt" 2>"$out/linux.err" | tr '\\' / >"$out/linux"
  local code=${PIPESTATUS[0]}
  wine "$windows" open "$@" --offline -cf "$here/both_systems.txt" 2>"$out/windows.err" | tr -d '\r' | tr '\\' / >"$out/windows"
  if [ "${PIPESTATUS[0]}" -ne "$code" ] || ! cmp -s "$out/linux" "$out/windows"; then
    echo "differs: ntstack open $*"
    diff "$out/linux" "$out/windows" | head -n 20
    head -n 3 "$out/linux.err" "$out/windows.err"
    exit 1
  fi
  grep -q '^kd> \.kframez$\|> \.kframez$' "$out/linux" || { echo "the script did not end: $*"; exit 1; }
  compared=$((compared + 1))
}
for dump in samples/*/*.dmp "$data"/*/*.dmp; do
  [ -f "$dump" ] || continue
  symbols=$(dirname "$dump")
  [ -d "$symbols/symbols" ] && symbols=$symbols/symbols
  compare "$dump" -y "$symbols"
done
worlds=$build/tests
for world in "$worlds"/world_x86/samples/19041-keep "$worlds"/world_arm64/samples/seed1; do
  for dump in "$world"/*.dmp "$world"/*/*.dmp; do
    [ -f "$dump" ] && compare "$dump" -y "$world/symbols" -i "$world/images"
  done
done
echo "console: $compared sessions under Wine compared with Linux"
[ "$compared" -gt 0 ]
