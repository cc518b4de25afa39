#!/bin/sh
# build_samples.sh BUILD_DIR: makes samples/ anew with the make_world of a build. The files are the
# same, byte for byte, wherever clang 19.1.7 and lld 19.1.7 make them.
set -eu
build=$1
here=$(cd "$(dirname "$0")" && pwd)
"$build/tests/world/make_world" "$build/tests/world/modules" "$here/../../samples"
