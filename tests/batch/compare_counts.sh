#!/usr/bin/env bash
# Whether the parts of a fleet's work have what one batch over all of it has: summaries and databases. The truth is one batch's,
# and that the folder has so many files. Usage: compare_counts.sh PROGRAM FOLDER PART...
set -euo pipefail
program=$1 folder=$2
shift 2
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT

"$program" batch "$folder" -o "$home/one.jsonl" --sqlite "$home/one.db" --offline >"$home/one.txt"
"$program" batch --results "$@" --sqlite "$home/fleet.db" >"$home/fleet.txt"
# Examples are of whoever came first; a signature's frames and counts are not.
grep -v '^          ' "$home/one.txt" >"$home/one.counts"
grep -v '^          ' "$home/fleet.txt" >"$home/fleet.counts"
cat "$home/fleet.counts"
diff "$home/one.counts" "$home/fleet.counts"

files=$(find "$folder" -type f -name '*.dmp' | wc -l)
lines=$(cat "$@" | wc -l)
paths=$(cat "$@" | python3 -c 'import json, sys; print(len({json.loads(line)["path"] for line in sys.stdin}))')
[ "$files" = "$lines" ] && [ "$files" = "$paths" ] || { echo "$files files, $lines lines, $paths paths" >&2; exit 1; }

# Everything but how long it took.
python3 - "$home/one.db" "$home/fleet.db" <<'EOF'
import sqlite3, sys
QUERIES = ("SELECT path, size, modified, error_kind, error, kind, build, system_time, happened, code, bugcheck, module, symbol, "
           "confidence, signature, guesses FROM dumps ORDER BY path",
           "SELECT * FROM frames ORDER BY path, number", "SELECT * FROM findings ORDER BY path, number",
           "SELECT signature, dumps FROM signatures ORDER BY signature")
one, fleet = (sqlite3.connect(path) for path in sys.argv[1:])
for query in QUERIES:
    rows = one.execute(query).fetchall()
    if not rows or rows != fleet.execute(query).fetchall():
        sys.exit("the databases differ: " + query)
EOF
echo "the same as one batch: $files dumps"
