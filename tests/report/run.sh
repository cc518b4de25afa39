#!/usr/bin/env bash
# Fetches what drives the browser into a folder once, and runs a script of this folder there: run.sh FOLDER SCRIPT ARGUMENTS
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$1 script=$2
shift 2
for program in node npm chromium; do
  command -v "$program" >/dev/null || { echo "skipped: no $program"; exit 77; }
done
mkdir -p "$folder"
cp "$here"/package.json "$here"/*.mjs "$folder/"
if [ ! -e "$folder/node_modules/axe-core/package.json" ]; then
  (cd "$folder" && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm install --no-audit --no-fund --no-package-lock >npm.log 2>&1) ||
    { echo "skipped: npm could not fetch playwright-core"; cat "$folder/npm.log"; exit 77; }
fi
exec node "$folder/$script" "$@"
