#!/usr/bin/env bash
# clang-tidy over the library and the program.
set -euo pipefail
build=$1
git ls-files 'src/*.cc' | grep -v '_test\.cc$' |
  xargs -P "$(nproc)" -n 4 clang-tidy-19 -p "$build" --quiet
