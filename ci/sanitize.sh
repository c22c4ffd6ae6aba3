#!/bin/sh
# The tests of formats, geometry and damaged input under the address and undefined sanitizers. Device tests are left to
# oclgrind (ci/kernels.sh): the sanitizers do not see into kernels, and drivers leak by design.
set -eu
cd "$(dirname "$0")/.."
sh ci/build.sh build-asan -DDURAMAP_SANITIZE=ON
export LSAN_OPTIONS="suppressions=$PWD/tests/fuzz/leaks.txt:print_suppressions=0"
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0
export POCL_CACHE_DIR="$PWD/build-asan/pocl-cache"
ctest --test-dir build-asan --output-on-failure -j 2 -R '^(test_(archive|config|csv_table|dicom|dicom_walk|exam|expected|frame|ingest|ingest_malformed|level|machine|match|nifti|param|passes|plan|pseudonym|reader|record|reference|rows|sandbox|series|store|table|traps|zoo)|compare)$'
