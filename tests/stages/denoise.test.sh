#!/bin/sh
# The same bytes for any vector width and any number of threads.
program=${DURAMAP_BUILD:-build}/test_denoise
[ -x "$program" ] || { echo "$program is not built"; exit 77; }
first=
runs=0
# Wider vectors than the processor has are no build on PoCL (their ABI is another), nor does the program ask for them.
widths="1 4"
grep -qw avx2 /proc/cpuinfo && widths="$widths 8"
grep -qw avx512f /proc/cpuinfo && widths="$widths 16"
for width in $widths; do
    for threads in 1 2; do
        hash=$(DURAMAP_VW=$width POCL_MAX_PTHREAD_COUNT=$threads "$program" --hash) || exit 1
        [ -n "$hash" ] || { echo "no digest for width $width, $threads threads"; exit 1; }
        [ -n "$first" ] || first=$hash
        [ "$hash" = "$first" ] || { echo "width $width, $threads threads: $hash, not $first"; exit 1; }
        runs=$((runs + 1))
    done
done
echo "$runs runs (widths $widths): $first"
