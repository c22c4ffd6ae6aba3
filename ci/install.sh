#!/bin/sh
# Installs what duramap needs on Debian 12 or Ubuntu; does nothing where all of it is there. Works as root or with sudo.
set -eu
packages="build-essential cmake ninja-build pkg-config ca-certificates
 ocl-icd-opencl-dev opencl-headers pocl-opencl-icd
 libdcmtk-dev libopenjp2-7-dev libarchive-dev libdeflate-dev zlib1g-dev libinih-dev libcjson-dev libpng-dev libnifti-dev libcsv-dev libssl-dev
 libboost-math-dev libcairo2-dev fonts-dejavu-core check"
[ "${1:-}" = "--with-checkers" ] && packages="$packages oclgrind clang clang-tidy libclang-rt-dev zstd libfaketime slurmctld slurmd slurm-client munge"

missing=""
for p in $packages; do
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
[ -z "$missing" ] && exit 0

as_root=""
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
        echo "ci/install.sh: these packages are missing and neither root nor sudo is at hand:$missing" >&2
        exit 1
    }
    as_root="sudo"
fi
echo "installing:$missing"
$as_root apt-get update -qq
# libclang-rt-dev (the fuzzer's run time) stands apart on Debian and is part of clang elsewhere: what is not known is left out.
known=""
for p in $missing; do
    if apt-cache show "$p" >/dev/null 2>&1; then known="$known $p"; else echo "no package $p here"; fi
done
[ -z "$known" ] && exit 0
missing=$known
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
