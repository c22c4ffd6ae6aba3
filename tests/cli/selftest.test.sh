#!/bin/sh
# duramap selftest: every kernel of the sources is compared with its reference, on this device, within its tolerance.
set -u
duramap=${DURAMAP:?the program under test}
source=${DURAMAP_SOURCE:-.}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0

wrong() {
    echo "WRONG: $*"
    failures=$((failures + 1))
}

"$duramap" selftest >"$work/table" 2>"$work/log"
code=$?
[ "$code" = 0 ] || { wrong "exit $code"; cat "$work/table" "$work/log"; }
grep -q '^device: ' "$work/log" || wrong "the device is not said"
awk 'NR > 1 && ($2 + 0 > $3 + 0 || $2 !~ /^[0-9]/ || $4 != "ok")' "$work/table" >"$work/bad"
[ ! -s "$work/bad" ] || { wrong "kernels out of their tolerance:"; cat "$work/bad"; }

# Steps that the check of another kernel runs and whose result that check compares.
within() {
    case $1 in
    evidence_mask | evidence_rays) echo evidence_join ;;
    evidence_box) echo evidence_relative ;;
    surf_again) echo surf_pick ;;
    *) echo "$1" ;;
    esac
}
sed -n 's/^__kernel void \([a-z0-9_]*\)(.*/\1/p' "$source"/kernels/*.cl >"$work/kernels"
[ "$(wc -l <"$work/kernels")" -ge 20 ] || wrong "the kernels are not found in the sources"
while read -r kernel; do
    grep -q "^$(within "$kernel") " "$work/table" || wrong "no check of the kernel $kernel"
done <"$work/kernels"
[ "$failures" = 0 ] && echo "$(wc -l <"$work/kernels") kernels"
[ "$failures" = 0 ]
