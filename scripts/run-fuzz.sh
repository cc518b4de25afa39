#!/usr/bin/env bash
# Runs each fuzz target of a build folder for some seconds, from its seeds in fuzz/corpus: run-fuzz.sh BUILD SECONDS [SEED]
# With a SEED other than 0 the inputs follow from it: what is found then is of the change that is tried, not of luck.
# What was found is told last, with the input.
set -euo pipefail
build=$1
seconds=$2
seed=${3:-0}
run_one() {
  local target=$1 name seeds work
  name=$(basename "$target" _fuzz)
  seeds=fuzz/corpus/$name
  work=$build/corpus/$name
  mkdir -p "$work" "$build/artifacts"
  local dirs=("$work")
  [ -d "$seeds" ] && dirs+=("$seeds")
  local words=()
  [ -f "fuzz/dictionaries/$name.dict" ] && words=("-dict=fuzz/dictionaries/$name.dict")
  if ! "$target" -max_total_time="$seconds" -seed="$seed" -rss_limit_mb=2048 -timeout=10 "${words[@]}" -artifact_prefix="$build/artifacts/$name-" \
      "${dirs[@]}" >"$build/$name.log" 2>&1; then
    echo "$name: a finding"
    touch "$build/artifacts/$name.found"
    return
  fi
  echo "$name: $(grep -oE 'Done [0-9]+ runs' "$build/$name.log" | tail -n 1)"
}
export -f run_one
export build seconds seed
rm -f "$build"/artifacts/*.found
find "$build/fuzz" -maxdepth 1 -name '*_fuzz' -type f | sort | xargs -P "$(nproc)" -I{} bash -c 'run_one {}'
for found in "$build"/artifacts/*.found; do
  [ -e "$found" ] || exit 0
  name=$(basename "$found" .found)
  echo "A finding of $name, see $build/artifacts:"
  tail -n 40 "$build/$name.log" | cut -c1-300
done
exit 1
