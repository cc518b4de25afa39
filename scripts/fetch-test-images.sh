#!/usr/bin/env bash
# Fetches real images that tests look at where they are at hand: node-pty's prebuilt ones, of Microsoft's
# compiler and linker, x64 and ARM64, with PDBs (MIT licence). From the npm registry that the machine is set up
# for (npm's configuration, or npm_config_registry for curl); checked against the digest below. Without network, or
# npm, the tests that want them say that they skip.
#   scripts/fetch-test-images.sh [FOLDER]     default: build/fetched
set -uo pipefail
cd "$(dirname "$0")/.."
folder=${1:-build/fetched}

name=node-pty
version=1.1.0
sha512=db426ab6eb58e893d74d49cbd228f5b9a77b41ed5b693e3a972a25876b1210d0dde2c4f3299e279801647800110cac2694b8cfc7a5ca465c11531c233b2fa552
[ -d "$folder/$name-$version" ] && exit 0

mkdir -p "$folder"
work=$(mktemp -d "$folder/fetching.XXXXXX")
trap 'rm -rf "$work"' EXIT

not_to_be_had() {
  echo "not to be had here: $name $version ($1); tests that want it skip" >&2
  exit 0
}

archive=$work/$name-$version.tgz
if command -v npm >/dev/null; then
  npm pack "$name@$version" --pack-destination "$work" --ignore-scripts --fetch-retries=1 --fetch-timeout=60000 \
    >/dev/null 2>"$work/npm.log" || not_to_be_had "npm pack: $(grep -m1 -oE 'code [A-Z0-9_]+' "$work/npm.log")"
elif command -v curl >/dev/null && [ -n "${npm_config_registry:-}" ]; then
  registry=$npm_config_registry
  curl -fsSL --retry 1 --max-time 300 -o "$archive" "${registry%/}/$name/-/$name-$version.tgz" \
    2>"$work/curl.log" || not_to_be_had "$(head -n 1 "$work/curl.log")"
else
  not_to_be_had "npm is not installed, and npm_config_registry names no registry for curl"
fi
if ! echo "$sha512  $archive" | sha512sum --check --status; then
  echo "$name $version is not the one that the tests were written for: another SHA-512" >&2
  exit 1
fi
mkdir "$work/$name-$version"
tar -xzf "$archive" -C "$work/$name-$version" --strip-components=1 \
  package/LICENSE package/prebuilds/win32-arm64 package/prebuilds/win32-x64 &&
  mv "$work/$name-$version" "$folder/"
