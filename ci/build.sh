#!/bin/sh
# usage: ci/build.sh FOLDER [cmake options]: configures (once) and builds.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
folder=$1
shift
cmake -S "$here" -B "$folder" -G Ninja "$@" >/dev/null
ninja -C "$folder" >"$folder/build.log" || {
    tail -n 40 "$folder/build.log" >&2
    exit 1
}
tail -n 1 "$folder/build.log"
