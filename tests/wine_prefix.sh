#!/usr/bin/env bash
# wine_prefix.sh start|stop BUILD: the Wine of the tests. Its server is started before the first test that needs it and
# stays until the last one ends: a server that just shuts down refuses a program that just starts.
set -u
[ -x "$(command -v wine)" ] || exit 0 # the tests themselves say so
export WINEPREFIX=$2/wine WINEDEBUG=-all DISPLAY=
mkdir -p "$WINEPREFIX"
case $1 in
  start) wineserver -p >/dev/null 2>&1 </dev/null; wineboot --init >/dev/null 2>&1 </dev/null ;;
  stop) wineserver -k >/dev/null 2>&1 </dev/null ;;
esac
exit 0 # a server that ran before, or that is gone, is as good
