#!/bin/sh
# A small cohort as a user runs it: rows for all, nothing measured twice, the same tables after an interruption, a lost
# record or with another number of threads, and nothing of a patient outside private/.
# shellcheck disable=SC2317,SC2329 # functions called by a trap
set -u
LC_ALL=C # the order of the files: phantoms, then the broken one
export LC_ALL
duramap=${DURAMAP:?the program under test}
source=${DURAMAP_SOURCE:-.}
work=$(mktemp -d) || exit 1
child=
trap '[ -z "$child" ] || kill "$child" 2>/dev/null; rm -rf "$work"' EXIT
failures=0

wrong() {
    echo "WRONG: $*"
    [ ! -s "$work/log" ] || tail -n 20 "$work/log" | sed 's/^/    /'
    failures=$((failures + 1))
}

# exits CODE COMMAND...
exits() {
    code=$1
    shift
    "$@" >"$work/log" 2>&1
    got=$?
    cat "$work/log" >>"$work/all.log"
    [ "$got" = "$code" ] || wrong "exit $got, not $code: $*"
}

says() {
    grep -qF -e "$1" "$work/log" || wrong "'$1' is not said"
}

# Tables that must be equal, byte for byte, in two OUTs: all but run.csv, which holds times.
same_tables() {
    n=0
    for table in "$1"/tables/*; do
        [ "$(basename "$table")" = run.csv ] && continue
        cmp "$table" "$2/tables/$(basename "$table")" >"$work/log" 2>&1 || wrong "$3: $(basename "$table") differs"
        n=$((n + 1))
    done
    [ "$n" = 13 ] || wrong "$3: $n tables and sidecars, not 13"
    cmp "$1/private/mapping.csv" "$2/private/mapping.csv" >"$work/log" 2>&1 || wrong "$3: mapping.csv differs"
}

# ---- the cohort: two MR phantoms, the smallest, and a broken file; named as careless people name archives ----
exits 0 "$duramap" phantom --out "$work/made" --cases 2 --seed 11 --protocol mrm
mkdir "$work/in"
for made in "$work"/made/c0*; do mv "$made" "$work/in/DOE_PHANTOM_$(basename "$made")"; done
echo 'no archive' >"$work/in/DOE_broken.zip"
# The smallest search of the denoising: this test is of the cohort, not of the stages.
mkdir "$work/protocols"
cp "$source"/configs/protocols/*.ini "$work/protocols"
printf '\n[denoise]\nradius = 1\n' >>"$work/protocols/mrm_t2.ini"

run() { # OUT [option...]
    "$duramap" run "$work"/in/* --key "$work/key" --protocols "$work/protocols" --no-selftest --out "$@"
}

# start OUT: the same in the background; its process is $child.
start() {
    "$duramap" run "$work"/in/* --out "$1" --key "$work/key" --protocols "$work/protocols" --no-selftest >"$work/log" 2>&1 &
    child=$!
}

# end SIGNAL CODE: ends the process started and looks at its exit code.
end() {
    kill "-$1" "$child"
    wait "$child" 2>/dev/null
    got=$?
    child=
    cat "$work/log" >>"$work/all.log"
    [ "$got" = "$2" ] || wrong "a run ended by $1 exits $got, not $2"
}

exits 3 run "$work/a"
says '2 studies done, 1 failed, 0 sources skipped'
cp -r "$work/a" "$work/first"
studies=$work/a/tables/studies.csv
[ "$(wc -l <"$studies")" = 4 ] || wrong "three sources, not three rows"
[ "$(grep -cE ',mrm_t2,MR,(ok|warning),' "$studies")" = 2 ] || wrong "not two studies measured"
[ "$(grep -c ',failed,not_an_archive,' "$studies")" = 1 ] || wrong "no row for the broken file"
[ "$(tail -n +2 "$studies" | LC_ALL=C sort)" = "$(tail -n +2 "$studies")" ] || wrong "studies.csv is not sorted"
[ "$(wc -l <"$work/a/tables/passes.csv")" = 3 ] || wrong "not a pass for each study measured"
[ "$(wc -l <"$work/a/tables/run.csv")" = 4 ] || wrong "not a row of run.csv for each study"
[ "$(wc -l <"$work/a/private/mapping.csv")" = 4 ] || wrong "not a row of mapping.csv for each study"
[ "$(cut -d, -f1 "$studies" | LC_ALL=C sort -u | wc -l)" = 4 ] || wrong "study_id is not unique"
[ "$(find "$work/a/pictures" -name '*.png' | wc -l)" -ge 2 ] || wrong "no pictures"
[ -z "$(find "$work/a" -name '*.tmp')" ] || wrong "temporary files are left"
exits 0 "$duramap" status "$work/a"
says 'done    2'
says 'not_an_archive'

# ---- again: nothing is measured, nothing changes ----
exits 2 run "$work/a"
says '0 studies done, 0 failed, 3 sources skipped'
same_tables "$work/first" "$work/a" "second run"
cmp "$work/first/tables/run.csv" "$work/a/tables/run.csv" >"$work/log" 2>&1 || wrong "second run: run.csv differs"
rm -r "$work/a/tables"
exits 0 "$duramap" merge "$work/a"
same_tables "$work/first" "$work/a" "merge"

# ---- one record is lost, another cut short: those and no others are measured again ----
good=$(sed -n 's/^\([a-z2-7]*\),.*,mrm_t2,MR,.*/\1/p' "$studies" | head -n 1)
other=$(sed -n 's/^\([a-z2-7]*\),.*,mrm_t2,MR,.*/\1/p' "$studies" | tail -n 1)
broken=$(sed -n 's/^\([a-z2-7]*\),.*,failed,.*/\1/p' "$studies")
before=$(cksum "$work/a/records/$other.json")
rm "$work/a/records/$good.json"
printf '{"study_id": "' >"$work/a/records/$broken.json"
exits 3 run "$work/a"
says '1 studies done, 1 failed, 1 sources skipped'
grep -q "^$good " "$work/log" || wrong "the lost record's study is not the one measured again"
[ "$(cksum "$work/a/records/$other.json")" = "$before" ] || wrong "a whole record was written again"
same_tables "$work/first" "$work/a" "lost record"

# ---- one thread, a stop in the middle, a sudden end, then two studies at once: the same tables ----
POCL_MAX_PTHREAD_COUNT=1
export POCL_MAX_PTHREAD_COUNT
start "$work/b"
tries=0
until [ -d "$work/b/pictures" ] || [ "$tries" = 600 ]; do # made when the run has begun and signals are caught
    sleep 0.1
    tries=$((tries + 1))
done
end TERM 75
says 'interrupted'
says 'run the same command again'
[ "$(find "$work/b/records" -name '*.json' | wc -l)" -lt 3 ] || wrong "the stop came too late to test anything"
start "$work/b"
sleep 1
end KILL 137
# How far it came in its second is the machine's affair: the broken file may have its row already, and all three may.
left=3
[ ! -e "$work/b/records/$broken.json" ] || left=0
[ "$(find "$work/b/records" -name '*.json' | wc -l)" -lt 3 ] || left=2
exits "$left" run "$work/b" --at-once 2
unset POCL_MAX_PTHREAD_COUNT
same_tables "$work/first" "$work/b" "one thread, ended twice, two studies at once"

# ---- private ----
[ "$(stat -c %a "$work/b/private")" = 700 ] || wrong "private/ is open to others"
[ "$(stat -c %a "$work/b/private/mapping.csv")" = 600 ] || wrong "mapping.csv is open to others"
[ "$(stat -c %a "$work/key")" = 600 ] || wrong "the key is open to others"
grep -q ',DOE_PHANTOM_c0000.zip,2\.25\.[0-9]*,PHANTOM0000$' "$work/b/private/mapping.csv" || wrong "mapping.csv lacks the first archive"
cut -d, -f4 "$work/b/private/mapping.csv" | grep '^2' >"$work/words" # StudyInstanceUIDs
[ "$(wc -l <"$work/words")" = 2 ] || wrong "mapping.csv lacks UIDs"
# What stands in the headers and the names (pipeline/phantom/writer.c): name, ID, dates, descriptions, files.
printf '%s\n' 'DOE^PHANTOM' DOE_PHANTOM DOE_broken PHANTOM000 20200103 20200203 2020-01-03 2020-02-03 'DIGITAL PHANTOM' 'T2 MYELO' c0000. c0000/ c0001. c0001/ IM0001 \
    "$work/in" >>"$work/words"
for out in a b first; do mv "$work/$out/private" "$work/private_$out"; done
grep -rlaF -f "$work/words" "$work/a" "$work/b" "$work/first" "$work/all.log" >"$work/log" && wrong "a patient's data outside private/"
find "$work/a" "$work/b" -name '*DOE*' -o -name '*PHANTOM*' -o -name '*c000*' >"$work/log"
[ ! -s "$work/log" ] || wrong "a patient's data in a file's name outside private/"
# A copy of OUT that was given away merges as well.
exits 0 "$duramap" merge "$work/a"

[ "$failures" = 0 ] && echo "all as promised"
[ "$failures" = 0 ]
