#!/usr/bin/env bash
# Every C++ file is as clang-format leaves it.
set -euo pipefail
git ls-files 'src/*.h' 'src/*.cc' 'tests/*.h' 'tests/*.cc' ':!tests/oracle_undecorate/sources' ':!tests/oracle_pdb/programs' 'bench/*.cc' 'fuzz/*.cc' |
  xargs clang-format-19 --dry-run --Werror
echo "format: checked"
