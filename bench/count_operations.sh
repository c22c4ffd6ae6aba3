#!/bin/sh
# Operations on OUT and on the archives per study, as a shared file system sees them: system calls whose path or file lies below the
# folder, counted by strace over one task of a plan.
# usage: bench/count_operations.sh DURAMAP OUT SHARD [run options...]     OUT holds a plan, SHARD is I/N and still open
set -eu
duramap=$1 out=$(cd "$2" && pwd) shard=$3
shift 3
trace=$(mktemp)
trap 'rm -f "$trace"' EXIT
plan=$(find "$out/private" -name 'plan-*.jsonl' | sort -V | tail -n 1)
before=$(find "$out/records" -name '*.json' 2>/dev/null | wc -l)
strace -f -qq -y -s 300 -e trace=%file,read,pread64,write,fsync,close,getdents64 -o "$trace" \
    "$duramap" run --plan "$plan" --shard "$shard" --out "$out" "$@" >/dev/null 2>&1 || [ $? = 3 ]
studies=$(($(find "$out/records" -name '*.json' | wc -l) - before))
# Heartbeats go by the clock, not by the study: left out.
grep -F "$out/" "$trace" | grep -vF "$out/running/" | grep -vF unfinished | sed 's/^[0-9]* *\(<\.\.\. \)\?\([a-z0-9_]*\).*/\2/' | sort | uniq -c | sort -rn |
    awk -v n="$studies" 'BEGIN { print "call,times,per_study" } { sum += $1; printf "%s,%d,%.1f\n", $2, $1, $1 / n } END { printf "all,%d,%.1f\n", sum, sum / n }'
echo "# $studies studies in one task; OUT alone, heartbeats left out"
