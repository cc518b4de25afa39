#!/bin/sh
# Races our undecoration against llvm-undname over the same names, in one run.
# usage: undecorate_race.sh BUILD_FOLDER [NAMES]   (NAMES: one a line; without, the list by hand, 200 times)
set -eu
build=$1
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ $# -gt 1 ]; then
  cp "$2" "$work/names"
else
  for _ in $(seq 200); do grep '^?' "$here/tests/oracle_undecorate/names.txt"; done > "$work/names"
fi
echo "$(wc -l < "$work/names") names"
bare="--no-calling-convention --no-return-type --no-access-specifier --no-member-type --no-variable-type"
# llvm-undname ends with 1 where it refuses a name, as some of these are there for.
hyperfine --warmup 1 --ignore-failure \
  --command-name ours "$build/bench/undecorate_bench --names < $work/names" \
  --command-name llvm-undname "llvm-undname-19 $bare < $work/names 2> /dev/null"
