#!/usr/bin/env bash
# Runs every test of a build folder and names what was skipped. GoogleTest's own skips are counted too:
# real files that are not at hand, tools that are not installed.
set -uo pipefail
build=$1
log=$build/tests.log
[ "$(locale charmap 2>/dev/null)" = UTF-8 ] || export LC_ALL=C.UTF-8 # else Wine finds no name beyond ASCII
"$(dirname "$0")/fetch-test-images.sh"
ctest --test-dir "$build" --output-on-failure --no-tests=error -j "$(nproc)" --verbose >"$log" 2>&1
result=$?
grep -E '^ *[0-9]+/[0-9]+ Test|tests passed|tests failed|Total Test time|^\s*[0-9]+ - .*\((Failed|Timeout|SEGFAULT)' "$log"
grep -E 'compared|checked|0 differences' "$log" | sed 's/^[0-9]*: //' | sort -u
skipped=$(grep -cE '\[  SKIPPED \] [A-Za-z0-9_]+\.[A-Za-z0-9_/]+ \(' "$log")
passed=$(grep -cE '\[       OK \]' "$log")
failed=$(grep -cE '\[  FAILED  \] [A-Za-z0-9_]+\.[A-Za-z0-9_/]+ \(' "$log")
if [ "$skipped" -gt 0 ]; then
  echo "Skipped:"
  grep -B3 -E '\[  SKIPPED \] [A-Za-z0-9_]+\.[A-Za-z0-9_/]+ \(' "$log" | grep -E 'not at hand|SKIPPED|not installed' | sed 's/^[0-9]*: /  /' | sort -u
fi
# What failed, in its own words, last: of each test the end of what it printed, some hundred lines in all.
if [ $result -ne 0 ]; then
  failures=$build/Testing/Temporary/LastTestsFailed.log
  each=$((120 / ($(grep -c . "$failures") + 1) + 5))
  while IFS=: read -r number name; do
    echo "== $name"
    sed -n "s/^$number: //p" "$log" | grep -vE '\[ RUN|\[       OK|^ *$' | cut -c1-300 | tail -n $each
  done <"$failures"
fi
echo "cases: $passed passed, $failed failed, $skipped skipped"
exit $result
