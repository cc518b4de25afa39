#!/usr/bin/env bash
# Takes what a long run found into the corpus, as few and as small files as cover it: fuzz-merge.sh BINARIES WORK
# What is there already stays; of the new files a target gets at most 100, the smallest first, and 100 KB.
set -euo pipefail
cd "$(dirname "$0")/.."
binaries=$1
work=$2
for binary in "$binaries"/*_fuzz; do
  name=$(basename "$binary" _fuzz)
  corpus=fuzz/corpus/$name
  found=$work/$name
  [ -d "$found" ] && [ -d "$corpus" ] || continue
  chosen=$(mktemp -d)
  cp "$corpus"/* "$chosen"
  timeout "${MERGE_SECONDS:-120}" "$binary" -set_cover_merge=1 -use_counters=0 -max_len=16384 -rss_limit_mb=2048 -timeout=10 "$chosen" "$found" \
    >"$work/$name.merge.log" 2>&1 || echo "$name: not merged, see $work/$name.merge.log"
  files=0 bytes=0
  while read -r size file; do
    [ -e "$corpus/$(basename "$file")" ] && continue
    [ "$files" -ge 100 ] || [ $((bytes + size)) -gt 102400 ] && break
    cp "$file" "$corpus"
    files=$((files + 1)) bytes=$((bytes + size))
  done < <(find "$chosen" -type f -printf '%s %p\n' | sort -n)
  rm -rf "$chosen"
  echo "$name: $files files, $bytes bytes more"
done
