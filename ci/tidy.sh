#!/bin/sh
# clang-tidy over all C files of ours, with the compile commands of build/.
set -eu
cd "$(dirname "$0")/.."
tidy=$(command -v clang-tidy || command -v clang-tidy-14)
git ls-files 'io/*.c' 'pipeline/*.c' 'bench/*.c' | xargs -P 2 -n 4 "$tidy" -p build --quiet 2>/dev/null
