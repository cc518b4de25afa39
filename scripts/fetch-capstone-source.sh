#!/usr/bin/env bash
# Puts Capstone's source, as Debian has it, into FOLDER/capstone, for builds that Debian has no library for (Windows).
# apt fetches and checks it, from the machine's own package sources; nothing of the machine is changed and root is not
# needed. Usage: fetch-capstone-source.sh FOLDER
set -euo pipefail
folder=$1
[ -f "$folder/capstone/cs.c" ] && exit 0
command -v apt-get >/dev/null || { echo "there is no apt-get to get Capstone's source with" >&2; exit 1; }
command -v dpkg-source >/dev/null || { echo "dpkg-source is missing: install dpkg-dev" >&2; exit 1; }

mkdir -p "$folder"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir -p "$work"/{sources,lists/partial,cache/archives/partial,source}
eval "$(apt-config shell list Dir::Etc::sourcelist/f parts Dir::Etc::sourceparts/d)"
# The same places, for sources instead of packages.
[ -f "$list" ] && sed -nE 's/^deb[[:space:]]/deb-src /p' "$list" >"$work/sources/machine.list"
for file in "$parts"/*.list; do
  [ -f "$file" ] && sed -nE 's/^deb[[:space:]]/deb-src /p' "$file" >"$work/sources/$(basename "$file")"
done
for file in "$parts"/*.sources; do
  [ -f "$file" ] && sed -E 's/^Types:.*/Types: deb-src/' "$file" >"$work/sources/$(basename "$file")"
done
apt() {
  apt-get -qq -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$work/sources" -o Dir::State::lists="$work/lists" \
    -o Dir::Cache="$work/cache" -o APT::Sandbox::User="$(id -un)" -o Acquire::Retries=1 -o Acquire::http::Timeout=15 \
    -o Acquire::https::Timeout=15 "$@"
}
# One place of several may not answer; whether the source is to be had decides.
apt update >"$work/log" 2>&1 || true
# The version that the Linux program is linked with, so that both say the same.
version=$(dpkg-query -W -f='${source:Version}' libcapstone-dev 2>/dev/null || true)
(
  cd "$work/source"
  { [ -n "$version" ] && apt source "capstone=$version"; } >>"$work/log" 2>&1 || apt source capstone >>"$work/log" 2>&1
) || { echo "Capstone's source is not to be had from the machine's package sources:" >&2; tail -n 3 "$work/log" >&2; exit 1; }
unpacked=$(dirname "$(find "$work/source" -maxdepth 2 -name cs.c | head -n 1)")
[ -f "$unpacked/cs.c" ] || { echo "Capstone's source package has no cs.c" >&2; exit 1; }
# Whole or not at all, also where two builds fetch it at once.
mv -T "$unpacked" "$folder/capstone.$$"
mv -T "$folder/capstone.$$" "$folder/capstone" 2>/dev/null || rm -rf "$folder/capstone.$$"
[ -f "$folder/capstone/cs.c" ]
