#!/usr/bin/env bash
# wine.sh DRIVERS BUILD [COUNT]: the x64 ntstack.sys under Wine, with the tests' prefix. COUNT requests at random.
set -euo pipefail
command -v wine >/dev/null || { echo "skipped: no wine"; exit 77; }
drivers=$1
export WINEPREFIX=$2/wine WINEDEBUG=-all DISPLAY=
count=${3:-${NTSTACK_IOCTLS:-30000}}
driver=$WINEPREFIX/drive_c/ntstack.sys
cp "$drivers/x64/ntstack.sys" "$driver"
wine "$drivers/wine_check.exe" 'C:\ntstack.sys' </dev/null 2>/dev/null
wine "$drivers/wine_check.exe" 'C:\ntstack.sys' "$count" "${NTSTACK_SEED:-1}" </dev/null 2>/dev/null
wine "$drivers/ntstack_selftest.exe" 'C:\ntstack.sys' </dev/null 2>/dev/null

# The driver's own self-test, as it starts: its lines are DbgPrint's.
key='HKLM\System\CurrentControlSet\Services\ntstack\Parameters'
wine reg add "$key" /v SelfTest /t REG_DWORD /d 2 /f >/dev/null 2>&1 </dev/null
lines=$(WINEDEBUG=trace+ntoskrnl wine "$drivers/wine_check.exe" 'C:\ntstack.sys' </dev/null 2>&1 | grep -a -o 'ntstack: .*' || true)
wine reg delete "$key" /f >/dev/null 2>&1 </dev/null
echo "$lines" | sort -u
grep -q 'PASS own thread' <<<"$lines" || { echo "FAIL the driver's self-test says nothing"; exit 1; }
! grep -q 'FAIL' <<<"$lines"
