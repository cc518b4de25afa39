#!/usr/bin/env bash
# Writes the first inputs of the fuzz targets anew, from the tests' builders and samples/: make-fuzz-seeds.sh [BUILD]
# Files of the corpus that come from elsewhere (found by fuzzing, or by hand) stay.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build/release}
cmake --build "$build" --target fuzz_make_seeds
"$build/fuzz/fuzz_make_seeds" fuzz/corpus samples
for name in stacks analyze; do
  [ -e "fuzz/corpus/$name" ] || ln -s dump "fuzz/corpus/$name"
done
