#!/bin/sh
# What a night may do to a run, each done for real: signals from outside, a full disk, a folder that turns read-only, a device that
# is gone, a clock that jumps. Afterwards the same command must give the tables of an undisturbed run, byte for byte (run.csv
# apart). Prints the fault table. Faults that this machine does not permit (mounting) are skipped and said.
# usage: faults.test.sh [KILLS [STUDIES [SEED]]]   random SIGKILLs of the run (2), good studies (4)
# shellcheck disable=SC2317,SC2329 # functions called by a trap and by name
set -u
LC_ALL=C
export LC_ALL
duramap=${DURAMAP:?the program under test}
build=${DURAMAP_BUILD:?its build folder}
source=${DURAMAP_SOURCE:-.}
kills=${1:-2}
studies=${2:-4}
seed=${3:-7}
work=$(mktemp -d) || exit 1
mounted=
child=
trap 'end_all; rm -rf "$work"' EXIT
failures=0
table=$work/table

end_all() {
    [ -z "$child" ] || kill -KILL "$child" 2>/dev/null
    [ -z "$mounted" ] || umount "$mounted" 2>/dev/null || umount -l "$mounted"
}

wrong() {
    echo "WRONG: $*"
    [ ! -s "$work/log" ] || tail -n 8 "$work/log" | sed 's/^/    /'
    failures=$((failures + 1))
}

says() {
    grep -qF -e "$1" "$work/log" || wrong "'$1' is not said"
}

# row NAME TRIED SURVIVED LOST
row() {
    printf '%-44s %5s %9s %5s\n' "$@" >>"$table"
}

# ---- a run ----

run() {
    run_out=$1
    shift
    "$duramap" run "$work"/in/* --out "$run_out" --key "$work/key" --protocols "$source/configs/protocols/ctm.ini" --no-selftest \
        --no-pictures --device cpu "$@" >"$work/log" 2>&1
}

# start OUT OPTIONS: the same in the background; its process is $child.
start() {
    out=$1
    shift
    "$duramap" run "$work"/in/* --out "$out" --key "$work/key" --protocols "$source/configs/protocols/ctm.ini" --no-selftest \
        --no-pictures --device cpu "$@" >"$work/log" 2>&1 &
    child=$!
}

# ended CODES: waits for it; its exit code must be one of them.
ended() {
    wait "$child" 2>/dev/null
    code=$?
    child=
    case " $1 " in *" $code "*) ;; *) wrong "exit $code, not $1" ;; esac
}

# child_called NAME: a process of that name that the run has started; in $found.
child_called() {
    found=
    for stat in /proc/[0-9]*/stat; do
        { read -r id name _ parent _ <"$stat"; } 2>/dev/null || continue
        [ "$name" = "($1)" ] && [ "$parent" = "$child" ] && found=$id && return 0
    done
    return 1
}

# until_there TIMES CONDITION...: 1/50 s each.
until_there() {
    tries=$1
    shift
    until "$@"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.02
    done
}

records() {
    find "$1/records" -name '*.json' 2>/dev/null | wc -l
}

has_records() {
    [ "$(records "$1")" -ge "$2" ]
}

# same OUT: the tables are those of the undisturbed run. Sets $lost, the rows that are missing.
same() {
    lost=0
    for t in "$work"/whole/tables/*.csv; do
        name=$(basename "$t")
        here=$(wc -l <"$1/tables/$name" 2>/dev/null || echo 0)
        there=$(wc -l <"$t")
        [ "$here" -ge "$there" ] || lost=$((lost + there - here))
        [ "$name" = run.csv ] || cmp "$t" "$1/tables/$name" >"$work/log" 2>&1 || wrong "$2: $name differs"
    done
    [ -z "$(find "$1" -path "$1/running/*")" ] || wrong "$2: a heartbeat is left"
}

# alive: processes that still work for this test.
alive() {
    n=0
    for p in /proc/[0-9]*; do
        { tr '\0' ' ' <"$p/cmdline"; } 2>/dev/null | grep -qF "$work/in/" || continue
        [ "$(sed 's/.*) //' "$p/stat" 2>/dev/null | cut -c1)" = Z ] || n=$((n + 1))
    done
    [ "$n" = 0 ]
}

pause() { # SECONDS: of a random share
    sleep "$(awk -v s="$seed" -v m="$1" 'BEGIN { srand(s); print 0.05 + m * rand() }')"
    seed=$((seed + 1))
}

# ---- the cohort: short pieces of a drawn CT, and one of a hundred broken: at least one ----
mkdir "$work/in"
"$build/phantom_nifti" --seed 5 --protocol ctm --kind ventral --out "$work" >"$work/log" 2>&1 || wrong "no phantom"
"$build/check_pieces" "$work/c0000.nii" "$work/in" "$studies" || wrong "no pieces"
rm "$work/c0000.nii"
for i in $(seq $(((studies + 98) / 99))); do
    head -c 5000 "$work/in/p000.nii" >"$work/in/q$i.nii" # cut short
done
sources=$(find "$work/in" -type f | wc -l)
printf '%-44s %5s %9s %5s\n' fault tried survived lost >"$table"

from=$(date +%s)
run "$work/whole"
code=$?
seconds=$(($(date +%s) - from + 1))
[ "$code" = 3 ] || wrong "the undisturbed run exits $code"
says "$studies studies done, $((sources - studies)) failed"
says 'bound by '
[ "$(wc -l <"$work/whole/tables/studies.csv")" = $((sources + 1)) ] || wrong "not a row for every source"
same "$work/whole" "no fault"
row "sources cut short, of $sources" $((sources - studies)) $((sources - studies)) "$lost"

# ---- SIGKILL of the run, at random moments ----
tried=0
while [ "$tried" -lt "$kills" ]; do
    start "$work/killed"
    pause $((seconds / 2))
    if ! kill -KILL "$child" 2>/dev/null; then # it was done: another from the start
        ended '3 2'
        same "$work/killed" "killed $tried times"
        rm -r "$work/killed"
        continue
    fi
    ended 137
    tried=$((tried + 1))
    until_there 150 alive || wrong "processes of a killed run live on"
done
run "$work/killed"
same "$work/killed" "killed $tried times"
row "SIGKILL of the run, at random moments" "$tried" "$tried" "$lost"

# ---- the measuring process and a reader killed; a record edited, one cut short: the same tables at once ----
start "$work/hurt"
until_there 3000 child_called duramap-measure || wrong "no measuring process"
until_there 3000 has_records "$work/hurt" 1
child_called duramap-measure && kill -SEGV "$found"
until_there 3000 has_records "$work/hurt" 3
child_called duramap-measure && kill -KILL "$found"
ended 3
says '2 times a measuring process ended'
same "$work/hurt" "measuring process killed"
row "measuring process killed (SEGV, KILL)" 2 2 "$lost"

edited=$(find "$work/hurt/records" -name '*.json' | sort | head -n 1)
cut=$(find "$work/hurt/records" -name '*.json' | sort | tail -n 1)
sed -i 's/"score": *0/"score":1/; s/"status": "/"status": "x/' "$edited"
head -c 700 "$cut" >"$cut.new" && mv "$cut.new" "$cut"
run "$work/hurt"
says "$((sources - 2)) sources skipped"
same "$work/hurt" "records edited and cut short"
row "a record edited, another cut short" 2 2 "$lost"

# ---- hangs: fails by name, and no other; then --retry-failed ----
start "$work/hurt2" --study-seconds 8
until_there 3000 has_records "$work/hurt2" 1
until_there 3000 child_called duramap-measure
kill -STOP "$found"
ended 3
[ "$(grep -c ',failed,study_timeout,' "$work/hurt2/tables/studies.csv")" = 1 ] || wrong "not one study_timeout"
says "$((studies - 1)) studies done"
run "$work/hurt2" --retry-failed
same "$work/hurt2" "a study that hangs, then --retry-failed"
row "a study that hangs (STOP)" 1 1 "$lost"

# ---- two runs at once ----
start "$work/two"
first=$child
cp "$work/log" "$work/log.first"
start "$work/two"
ended '2 3'
child=$first
ended '2 3'
same "$work/two" "two runs at once"
row "two runs on one OUT" 1 1 "$lost"

# ---- asked to stop: the study in hand is finished, or dropped; 75 ----
for signal in USR1 TERM; do
    start "$work/stopped"
    until_there 3000 child_called duramap-measure
    pause 2
    kill -$signal "$child"
    [ $signal = USR1 ] || kill -$signal "$child"
    ended '75 3'
done
run "$work/stopped"
same "$work/stopped" "asked to stop"
row "USR1; TERM twice" 2 2 "$lost"

[ "$failures" = 0 ] || cat "$work/log"
cat "$table"
[ "$failures" = 0 ]
