#!/bin/sh
# From a fresh clone to tables and pictures: installs packages, builds, makes a small archived cohort of digital phantoms,
# runs the whole pipeline on the CPU device and shows what came out. Run it as often as you like.
set -eu
cd "$(dirname "$0")/.."
sh ci/install.sh
sh ci/build.sh build
export POCL_CACHE_DIR="$PWD/build/pocl-cache"
cohort=build/quickstart/cohort
out=build/quickstart/out
rm -rf build/quickstart
echo "making 6 archived phantom studies in $cohort"
build/duramap phantom --out "$cohort" --cases 6 --seed 2026 --size small
echo "running the pipeline"
rc=0
build/duramap run "$cohort"/c*.* --out "$out" --device cpu --labels || rc=$?
echo
echo "answers against the phantoms' truth:"
build/accuracy "$out" "$cohort/truth.json"
echo
echo "tables:"
ls -1 "$out"/tables/*.csv
echo "protocols against the phantoms' truth:"
build/duramap compare "$out" --reference "$cohort/reference.csv"
echo "pictures: $out/pictures/<study>/  for example:"
find "$out/pictures" -name map.png | sort | head -n 3
exit "$rc"
