#!/usr/bin/env bash
# Which lines the fuzz targets' corpus covers: a row of a table for each target, over the files that the target is about, and
# behind it the files of src/ that all targets together cover least.
#   fuzz-coverage.sh [CORPUS [FIGURES]]   FIGURES: figures.json of scripts/fuzz-long.py, for executions and findings
set -euo pipefail
cd "$(dirname "$0")/.."
corpus=${1:-fuzz/corpus}
build=build/coverage
cmake --preset coverage >/dev/null
cmake --build "$build" --target fuzz_replay >/dev/null
mkdir -p "$build/profiles"
rm -f "$build"/profiles/*
for source in fuzz/*_fuzz.cc; do
  name=$(basename "$source" _fuzz.cc)
  LLVM_PROFILE_FILE="$build/profiles/$name.profraw" "$build/fuzz/fuzz_replay" "$corpus" --only "$name" --figures \
    >"$build/profiles/$name.figures" || true
  llvm-profdata-19 merge -sparse "$build/profiles/$name.profraw" -o "$build/profiles/$name.profdata"
done
llvm-profdata-19 merge -sparse "$build"/profiles/*.profraw -o "$build/profiles/all.profdata"
rm -f "$build"/profiles/*.profraw
for profile in "$build"/profiles/*.profdata; do
  llvm-cov-19 export -summary-only -instr-profile "$profile" "$build/fuzz/fuzz_replay" src >"${profile%.profdata}.json"
done
python3 scripts/fuzz_coverage_table.py "$build/profiles" "$corpus" "${2:-}"
