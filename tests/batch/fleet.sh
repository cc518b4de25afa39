#!/usr/bin/env bash
# docs/fleet.md's way over GNU parallel: shares of a list, a batch each, and what they found together against one batch over all.
# One share is killed first and goes on. Usage: fleet.sh PROGRAM SOURCE
set -euo pipefail
program=$(realpath "$1")
source=$(realpath "$2")
here=$(dirname "$(realpath "$0")")
if ! parallel --version 2>/dev/null | grep -q '^GNU parallel'; then
  echo "skipped: GNU parallel is not here (Debian: parallel)"
  exit 77
fi
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
export PATH=$home/bin:$PATH HOME=$home
mkdir "$home/bin"
ln -s "$program" "$home/bin/ntstack"
unset "${!_NT_@}"

"$here/many_dumps.sh" "$source" "$home/dumps" 100
cd "$home"
find "$PWD/dumps" -type f -name '*.dmp' | sort >paths.txt
split --number=r/4 --numeric-suffixes --elide-empty-files paths.txt share.

# The command of docs/fleet.md; the first time one share has a line already, as of a batch that was stopped, and a cut one.
head -n 2 share.01 | ntstack batch - -o part.share.01.jsonl --offline >/dev/null
truncate --size=-30 part.share.01.jsonl
share() {
  parallel --jobs 2 --joblog jobs.log --resume-failed \
    'ntstack batch - -o part.{/}.jsonl -j 1 --offline <{} >part.{/}.txt' ::: share.*
}
share
[ "$(awk 'NR > 1 && $7 == 0' jobs.log | wc -l)" -eq 4 ] || { cat jobs.log >&2; exit 1; }

"$here/compare_counts.sh" "$program" "$home/dumps" part.share.*.jsonl

# What has no part is missing, and the comparison says so.
if "$here/compare_counts.sh" "$program" "$home/dumps" part.share.00.jsonl part.share.01.jsonl part.share.02.jsonl >/dev/null 2>&1; then
  echo "a part that is missing was not noticed" >&2
  exit 1
fi
# A share whose part is lost is done again where the log does not have it, and alone that.
rm part.share.03.jsonl
before=$(stat --format='%Y %s' part.share.00.jsonl)
awk '!/share\.03/' jobs.log >kept.log
mv kept.log jobs.log
share
[ "$before" = "$(stat --format='%Y %s' part.share.00.jsonl)" ]
"$here/compare_counts.sh" "$program" "$home/dumps" part.share.*.jsonl
