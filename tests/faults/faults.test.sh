#!/bin/sh
# What a night may do to the processes of a run, each done for real and from outside: killed, stopped, asked to stop, started twice.
# Afterwards the same command must give the tables of an undisturbed run, byte for byte (run.csv apart). Prints the fault table.
# usage: faults.test.sh [KILLS [STUDIES [SEED]]]   random SIGKILLs of the run (2), good studies (4)
set -u
kills=${1:-2}
studies=${2:-4}
seed=${3:-7}
. "${DURAMAP_SOURCE:-.}/tests/faults/night.sh"

pause() { # SECONDS: of a random share
    sleep "$(awk -v s="$seed" -v m="$1" 'BEGIN { srand(s); print 0.05 + m * rand() }')"
    seed=$((seed + 1))
}

is_reading() { # NAME of a file
    child_called duramap-read && [ -n "$(find "/proc/$found/fd" -lname "*$1" 2>/dev/null)" ]
}

another_measures() {
    child_called duramap-measure && [ "$found" != "$before" ]
}

row "sources cut short or given twice, of $sources" $((sources - studies)) $((sources - studies)) "$lost"

# ---- SIGKILL of the run, at random moments ----
tried=0
while [ "$tried" -lt "$kills" ]; do
    start "$work/killed"
    pause $((seconds / 2))
    if ! kill -KILL "$child" 2>/dev/null; then # it was done: another from the start
        ended '0 2 3'
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

# ---- a reader killed: its source fails by name, the other does not; then --retry-failed ----
mkdir "$work/slow"
cp "$work/in/p000.nii" "$work/slow"
head -c 300m /dev/zero >"$work/zeros"
tar -C "$work" -czf "$work/slow/q.tar.gz" zeros # half a second of reading, and nothing in it
rm "$work/zeros"
in=$work/slow
start "$work/reader"
until_there 3000 is_reading q.tar.gz && kill -KILL "$found"
ended 3
[ "$(grep -c ',failed,reader_died,' "$work/reader/tables/studies.csv")" = 1 ] || wrong "no reader was killed"
says '1 studies done, 1 failed'
run "$work/reader" --retry-failed
[ "$(grep -c ',failed,no_dicom,' "$work/reader/tables/studies.csv")" = 1 ] || wrong "the source is not read again"
says '0 studies done, 1 failed, 1 sources skipped'
# The header and the good study's row are those of the whole cohort: what others lack costs it nothing.
[ "$(grep -cxFf "$work/whole/tables/studies.csv" "$work/reader/tables/studies.csv")" = 2 ] || wrong "a study among others differs"
in=$work/in
row "reader killed" 1 1 $((3 - $(wc -l <"$work/reader/tables/studies.csv")))

# ---- the measuring process killed; a record edited, one cut short: the same tables at once ----
start "$work/hurt"
until_there 3000 has_records "$work/hurt" 1
child_called duramap-measure || wrong "no measuring process"
while kill -SEGV "$found" 2>/dev/null; do sleep 0.05; done # a driver's handler may take the first
before=$found
# Another study must be in hand: one that loses its process twice fails by name.
until_there 3000 has_records "$work/hurt" 2
until_there 3000 another_measures && kill -KILL "$found"
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

# ---- a source gets other bytes, and later its own again: measured again, and no row of what is not there any more ----
mv "$work/in/p001.nii" "$work/aside"
cp "$work/in/p002.nii" "$work/in/p001.nii"
run "$work/hurt"
[ "$(wc -l <"$work/hurt/tables/studies.csv")" = $((sources + 1)) ] || wrong "changed source: not a row for every source"
mv "$work/aside" "$work/in/p001.nii"
run "$work/hurt"
same "$work/hurt" "a source changed, and changed back"
row "a source changed" 1 1 "$lost"

# ---- hangs: fails by name, and no other; then --retry-failed ----
start "$work/hurt2" --study-seconds $((seconds + 4))
until_there 3000 has_records "$work/hurt2" 1
until_there 3000 child_called duramap-measure
kill -STOP "$found"
ended 3
[ "$(grep -c ',failed,study_timeout,' "$work/hurt2/tables/studies.csv")" = 1 ] || wrong "not one study_timeout"
says "$((studies - 1)) studies done"
run "$work/hurt2" --retry-failed
same "$work/hurt2" "a study that hangs, then --retry-failed"
row "a study that hangs (STOP)" 1 1 "$lost"

# ---- two runs at once, one of them with two processes on its device ----
start "$work/two"
first=$child
start "$work/two" --device cpu,cpu
ended '0 2 3'
child=$first
ended '0 2 3'
same "$work/two" "two runs at once"
row "two runs on one OUT" 1 1 "$lost"

# ---- asked to stop: the study in hand is dropped, or finished; 75 ----
start "$work/stopped"
until_there 3000 has_records "$work/stopped" 1
kill -TERM "$child"
kill -TERM "$child"
ended 75
left=$(records "$work/stopped")
[ "$left" -lt "$studies" ] || wrong "the stop came too late to test anything"
start "$work/stopped"
until_there 3000 has_records "$work/stopped" $((left + 1))
kill -USR1 "$child"
ended 75
[ "$(records "$work/stopped")" -gt "$left" ] || wrong "the study in hand was not finished"
run "$work/stopped"
same "$work/stopped" "asked to stop"
row "TERM twice; USR1" 2 2 "$lost"

finish
