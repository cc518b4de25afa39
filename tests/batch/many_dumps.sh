#!/usr/bin/env bash
# A folder of copies of two samples, and of two files that have no answer. Usage: many_dumps.sh SOURCE FOLDER COPIES
set -euo pipefail
source=$1 folder=$2 copies=$3
mkdir -p "$folder"
for i in $(seq "$copies"); do
  cp "$source/samples/processors/processors.dmp" "$folder/crash $i.dmp" # with a space, as names have
  cp "$source/samples/seed1/w3wp.dmp" "$folder/w3wp$i.dmp"
done
head -c 3000 "$source/samples/processors/processors.dmp" >"$folder/cut.dmp"
seq 20000 >"$folder/noise.dmp"
