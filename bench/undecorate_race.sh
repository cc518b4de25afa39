#!/bin/sh
# Races our undecoration against llvm-undname over the same names, in one run.
# usage: undecorate_race.sh BUILD_FOLDER [NAMES]   (NAMES: one a line; without, the list by hand, 200 times)
set -eu
build=$1
here=$(cd "$(dirname "$0")/.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
if [ $# -gt 1 ]; then
  cp "$2" "$scratch/names"
else
  for _ in $(seq 200); do grep '^?' "$here/tests/oracle_undecorate/names.txt"; done > "$scratch/names"
fi
echo "$(wc -l < "$scratch/names") names"
bare="--no-calling-convention --no-return-type --no-access-specifier --no-member-type --no-variable-type"
# llvm-undname ends with 1 where it refuses a name, as some of these are there for.
hyperfine --warmup 1 --ignore-failure \
  --command-name ours "$build/bench/undecorate_bench --names < $scratch/names" \
  --command-name llvm-undname "llvm-undname-19 $bare < $scratch/names 2> /dev/null"
