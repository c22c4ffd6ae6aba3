#!/bin/sh
# Installs, builds and runs every test: the suite, the static and dynamic checks of the kernels, clang-tidy, the tests of
# formats and damaged input once more under the sanitizers, and a minute of fuzzing.
set -eu
cd "$(dirname "$0")/.."
sh ci/install.sh --with-checkers
sh ci/build.sh build
export POCL_CACHE_DIR="$PWD/build/pocl-cache"
CLANG=$(command -v clang-14 || command -v clang) sh ci/kernels.sh build
sh ci/tidy.sh
sh ci/sanitize.sh
sh ci/fuzz.sh 60
ctest --test-dir build --output-on-failure -j 2
