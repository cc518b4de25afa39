#!/usr/bin/env bash
# wine.sh DRIVERS BUILD: the x64 ntstack.sys under Wine. NTSTACK_IOCTLS requests at random (30,000), from NTSTACK_SEED (1).
set -euo pipefail
command -v wine >/dev/null || { echo "skipped: no wine"; exit 77; }
drivers=$(realpath "$1")
# A prefix of its own, whose server ends with each program: one that stays keeps the processes of drivers that were
# stopped, and the next start waits for them.
export WINEPREFIX=$(realpath "$2")/wine_driver WINEDEBUG=-all DISPLAY=
mkdir -p "$WINEPREFIX"
[ -d "$WINEPREFIX/drive_c/windows" ] || { wineboot --init >/dev/null 2>&1 </dev/null; wineserver -w; }
cp "$drivers/x64/ntstack.sys" "$WINEPREFIX/drive_c/ntstack.sys"
run() {
  wine "$@" </dev/null 2>/dev/null
  wineserver -w
}
run "$drivers/wine_check.exe" 'C:\ntstack.sys'
run "$drivers/wine_check.exe" 'C:\ntstack.sys' "${NTSTACK_IOCTLS:-30000}" "${NTSTACK_SEED:-1}"
run "$drivers/ntstack_selftest.exe" 'C:\ntstack.sys'
