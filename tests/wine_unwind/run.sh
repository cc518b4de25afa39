#!/usr/bin/env bash
# Runs the comparison with RtlVirtualUnwind under Wine. Usage: run.sh WINE_UNWIND_CHECK.EXE BUILD_FOLDER
set -uo pipefail
[ -x "$(command -v wine)" ] || { echo "not installed: wine"; exit 77; }
[ -f "$1" ] || { echo "not built: $1 (make windows)"; exit 77; }
export WINEPREFIX=$2/wine WINEDEBUG=-all DISPLAY=
mkdir -p "$WINEPREFIX"
wine "$1" 2>/dev/null | tr -d '\r'
exit "${PIPESTATUS[0]}"
