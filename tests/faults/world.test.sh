#!/bin/sh
# What a night may do to the world of a run: a full disk, a folder that turns read-only, a device that is gone or has little memory, a
# clock that jumps back, memory that is short. Afterwards the same command must give the tables of an undisturbed run, byte for byte
# (run.csv apart). Prints the fault table. Faults that this machine does not permit are skipped and said.
# usage: world.test.sh [STUDIES]   good studies (3)
set -u
studies=${1:-3}
. "${DURAMAP_SOURCE:-.}/tests/faults/night.sh"

# ---- a disk that is full, then a folder that turns read-only ----
mkdir "$work/disk"
if mount -t tmpfs -o size=1m none "$work/disk" 2>"$work/log"; then
    mounted=$work/disk
    start "$work/disk/out"
    until_there 3000 has_records "$work/disk/out" 1 || wrong "no first record"
    head -c 2m /dev/zero >"$work/disk/full" 2>/dev/null
    ended 4
    says 'No space left on device'
    says 'sources are left; mend that and run the same command again'
    has_records "$work/disk/out" $((sources)) && wrong "the disk was full too late to test anything"
    rm "$work/disk/full"
    full=$(records "$work/disk/out")

    start "$work/disk/out"
    until_there 3000 has_records "$work/disk/out" $((full + 1)) || wrong "no further record"
    # A file open for writing forbids it for a moment.
    until_there 500 mount -o remount,ro "$work/disk" 2>/dev/null || wrong "cannot be made read-only"
    ended 4
    says 'Read-only file system'
    mount -o remount,rw "$work/disk"
    run "$work/disk/out"
    same "$work/disk/out" "disk full, then read-only"
    umount "$work/disk" && mounted=
    row "disk full in the middle" 1 1 "$lost"
    row "OUT read-only in the middle" 1 1 "$lost"
else
    echo "SKIPPED: mounting is not permitted here: disk full, OUT read-only"
    row "disk full, OUT read-only: skipped" 0 0 -
fi

# ---- the device: gone in the middle; one that is not there, with a replacement; too little memory for one study ----
mkdir "$work/vendors"
cp /etc/OpenCL/vendors/* "$work/vendors"
OCL_ICD_VENDORS=$work/vendors
export OCL_ICD_VENDORS
start "$work/gone"
until_there 3000 has_records "$work/gone" 1 || wrong "no first record"
mv "$work/vendors" "$work/taken"
mkdir "$work/vendors"
child_called duramap-measure && kill -KILL "$found"
ended 4
says 'device_lost'
rm -r "$work/vendors"
mv "$work/taken" "$work/vendors"
run "$work/gone"
same "$work/gone" "device gone"
row "device gone in the middle" 1 1 "$lost"
unset OCL_ICD_VENDORS

if "$duramap" devices | grep -q ' GPU '; then
    echo "SKIPPED: there is a GPU here: one that is not there, replaced by the CPU"
else
    run "$work/replaced" --device gpu --fallback cpu
    same "$work/replaced" "no GPU, the CPU instead"
    run "$work/none" --device gpu
    says 'device_not_found'
    row "no such device; --fallback cpu" 1 1 "$lost"
fi

run "$work/small" --device-memory 2
[ "$(grep -c ',failed,device_memory,' "$work/small/tables/studies.csv")" = "$studies" ] || wrong "not every study lacks device memory"
run "$work/small" --retry-failed
same "$work/small" "device memory, then --retry-failed"
row "device allocation refused" "$studies" "$studies" "$lost"

# ---- the system refuses memory to the measuring process: its driver ends it, or a stage fails ----
start "$work/refused"
until_there 3000 has_records "$work/refused" 1 || wrong "no first record"
child_called duramap-measure && prlimit --pid "$found" --as=104857600 # less than it has
ended 3
run "$work/refused" --retry-failed
same "$work/refused" "memory refused by the system"
row "allocation refused by the system" 1 1 "$lost"

# ---- memory of the run: less than a study takes ----
run "$work/short" --memory 40
says '0 studies done'
grep -q ',failed,memory,' "$work/short/tables/studies.csv" || wrong "no study lacks memory"
run "$work/short" --retry-failed
same "$work/short" "memory, then --retry-failed"
row "more memory than --memory" "$studies" "$studies" "$lost"

# ---- a clock that jumps back by a day, for the run and in the middle of it ----
fake=$(find /usr/lib -name libfaketimeMT.so.1 2>/dev/null | head -n 1)
if [ -n "$fake" ]; then
    echo '+0d' >"$work/clock"
    export LD_PRELOAD="$fake" FAKETIME_TIMESTAMP_FILE="$work/clock" FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1
    start "$work/clocked"
    unset LD_PRELOAD
    until_there 3000 has_records "$work/clocked" 1
    echo '-1d' >"$work/clock"
    ended 3
    same "$work/clocked" "clock a day back"
    row "clock a day back in the middle" 1 1 "$lost"
else
    echo "SKIPPED: no libfaketime here: a clock that jumps back"
    row "clock a day back: skipped" 0 0 -
fi

finish
