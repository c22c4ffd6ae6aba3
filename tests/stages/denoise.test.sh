#!/bin/sh
# The same bytes for any vector width and any number of threads.
program=${DURAMAP_BUILD:-build}/test_denoise
[ -x "$program" ] || { echo "$program is not built"; exit 77; }
first=
for width in 1 8 16; do
    for threads in 1 2; do
        hash=$(DURAMAP_VW=$width POCL_MAX_PTHREAD_COUNT=$threads "$program" --hash) || exit 1
        [ -n "$hash" ] || { echo "no digest for width $width, $threads threads"; exit 1; }
        [ -n "$first" ] || first=$hash
        [ "$hash" = "$first" ] || { echo "width $width, $threads threads: $hash, not $first"; exit 1; }
    done
done
echo "6 runs: $first"
