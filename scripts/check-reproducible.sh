#!/usr/bin/env bash
# Whether the packages of the last commit are the same bytes when they are built twice, in two folders whose paths differ in
# length. Compiles all of it twice: some half an hour on two cores.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
commit=$(git rev-parse HEAD)  # of both, whatever is committed meanwhile
for place in "$work/one" "$work/another/and/deeper"; do
  git clone -q . "$place"
  git -C "$place" checkout -q --detach "$commit"
  make -C "$place" package >"$work/log" 2>&1 || { tail -n 30 "$work/log"; exit 1; }
done
differ=0
for file in "$work"/one/build/package/*; do
  sum=$(sha256sum "$file" | cut -d' ' -f1)
  if cmp -s "$file" "$work/another/and/deeper/build/package/$(basename "$file")"; then
    echo "the same: $(basename "$file") $sum"
  else
    echo "differs: $(basename "$file")"
    differ=1
  fi
done
exit $differ
