#!/usr/bin/env bash
# Fetches the SDK into the build folder once, and runs the client.
set -euo pipefail
program=$1 source=$2 build=$3
command -v node >/dev/null && command -v npm >/dev/null || { echo "skipped: no node and npm"; exit 77; }
mkdir -p "$build/client"
cp "$source"/tests/mcp/{package.json,client.mjs} "$build/client/"
cd "$build/client"
if [ ! -e node_modules/@modelcontextprotocol/sdk/package.json ]; then
  npm install --no-audit --no-fund --no-package-lock >npm.log 2>&1 || { echo "skipped: npm could not fetch the SDK"; cat npm.log; exit 77; }
fi
exec node --test-reporter=spec client.mjs "$program" "$source"
