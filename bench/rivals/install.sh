#!/usr/bin/env bash
# Gets the programs that ntstack is raced against, from Debian, npm, crates.io and PyPI, into FOLDER (build/rivals). None is needed: of
# one that can't be had FOLDER/missing.txt says why, and so does the document of the races. What is there already stays.
#   bench/rivals/install.sh [FOLDER]
set -uo pipefail
cd "$(dirname "$0")/../.."
folder=$(mkdir -p "${1:-build/rivals}" && cd "${1:-build/rivals}" && pwd)
: >"$folder/missing.txt"

missing() {  # NAME LOG
  echo "$1: $(grep -vE '^\s*$' "$2" | tail -n 1 | cut -c1-200)" | tee -a "$folder/missing.txt"
}

from_debian() {  # NAME PROGRAM PACKAGE...
  local name=$1 program=$2
  shift 2
  command -v "$program" >/dev/null && return
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >"$folder/apt.log" 2>&1
  command -v "$program" >/dev/null || missing "$name" "$folder/apt.log"
}

from_npm() {  # NAME FILE PACKAGE: its own scripts, which would download or compile, are not run
  [ -x "$folder/npm/node_modules/$2" ] && return
  npm install --prefix "$folder/npm" --ignore-scripts --no-audit --no-fund "$3" >"$folder/npm.log" 2>&1
  chmod +x "$folder/npm/node_modules/$2" 2>/dev/null || missing "$1" "$folder/npm.log"
}

from_crates() {  # NAME VERSION FLAG...
  local name=$1 version=$2
  shift 2
  [ -x "$folder/cargo/bin/$name" ] && return
  cargo install --locked --root "$folder/cargo" --target-dir "$folder/target" "$@" "$name@$version" >"$folder/cargo.log" 2>&1 ||
    missing "$name" "$folder/cargo.log"
}

[ "$(id -u)" -eq 0 ] && apt-get update -qq >/dev/null 2>&1
from_debian "LLVM 19" llvm-symbolizer-19 llvm-19
from_debian "LLVM 22" llvm-symbolizer-22 llvm-22
from_debian "LLDB 19" lldb-19 lldb-19
from_debian "cargo" cargo cargo-web rustc-web  # bookworm's plain rustc is too old for these crates
from_debian "npm" npm nodejs npm
from_npm "Breakpad's minidump_stackwalk" minidump/bin/linux-x64/minidump_stackwalk minidump@0.26.0
from_npm "sentry-cli" @sentry/cli-linux-x64/bin/sentry-cli @sentry/cli-linux-x64@3.8.0
from_crates minidump-stackwalk 0.27.0
from_crates ntoseye 0.52.0 --no-default-features --features cli
if ! { [ -x "$folder/rust/symbolize" ] && [ -x "$folder/rust/unwind_steps" ]; }; then
  mkdir -p "$folder/rust"
  cargo build --release --locked --manifest-path bench/rivals/rust/Cargo.toml --target-dir "$folder/target" >"$folder/cargo.log" 2>&1 &&
    cp "$folder/target/release/symbolize" "$folder/target/release/unwind_steps" "$folder/rust/" ||
    missing "framehop and pdb-addr2line" "$folder/cargo.log"
fi
if ! "$folder/venv/bin/python" -c 'import kdmp_parser, volatility3' 2>/dev/null; then
  { python3 -m venv "$folder/venv" && "$folder/venv/bin/pip" install -q kdmp-parser==0.7.4 volatility3==2.28.2; } >"$folder/pip.log" 2>&1 ||
    missing "kdmp-parser and volatility3" "$folder/pip.log"
fi
exit 0
