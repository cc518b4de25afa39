#!/usr/bin/env bash
# Runs each fuzz target of a build folder for some seconds, from its seeds in fuzz/corpus.
set -euo pipefail
build=$1
seconds=$2
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
  if ! "$target" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 "${words[@]}" -artifact_prefix="$build/artifacts/$name-" \
      "${dirs[@]}" >"$build/$name.log" 2>&1; then
    echo "$name: a finding:"
    tail -n 60 "$build/$name.log"
    return 1
  fi
  echo "$name: $(grep -oE 'Done [0-9]+ runs' "$build/$name.log" | tail -n 1)"
}
export -f run_one
export build seconds
find "$build/fuzz" -maxdepth 1 -name '*_fuzz' -type f | sort | xargs -P "$(nproc)" -I{} bash -c 'run_one {}'
