#!/bin/sh
# Plans as a user meets them: what is listed, what is refused, shares that make up the whole, changed sources, and names that stay
# in private/. The sources are no studies: they fail at once, with a row each.
# shellcheck disable=SC2317,SC2329 # functions called by a trap
set -u
duramap=${DURAMAP:?the program under test}
source=${DURAMAP_SOURCE:-.}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0

wrong() {
    echo "WRONG: $*"
    [ ! -s "$work/log" ] || tail -n 20 "$work/log" | sed 's/^/    /'
    failures=$((failures + 1))
}

# expect CODE WORDS COMMAND...
expect() {
    code=$1 words=$2
    shift 2
    "$@" >"$work/log" 2>&1
    got=$?
    cat "$work/log" >>"$work/all.log"
    [ "$got" = "$code" ] || wrong "exit $got, not $code: $*"
    grep -qF -e "$words" "$work/log" || wrong "'$words' is not said by: $*"
}

# shard I/N [OPTION...]
shard() {
    of=$1
    shift
    "$duramap" run --plan "$work/out/private/plan-$plan.jsonl" --out "$work/out" --shard "$of" --device cpu --no-selftest --no-pictures "$@"
}

mkdir -p "$work/in/one" "$work/in/two"
for i in 1 2 3 4 5; do echo "letter $i" >"$work/in/one/DOE_$i.zip"; done
cp "$work/in/one/DOE_1.zip" "$work/in/two/DOE_again.zip"
echo 'no volume at all' >"$work/in/two/DOE_volume.nii"
echo 'notes' >"$work/in/two/notes.txt"

# ---- the plan ----
expect 1 'plan needs a folder' "$duramap" plan --out "$work/out"
expect 1 'check the path' "$duramap" plan "$work/nowhere" --out "$work/out"
mkdir "$work/empty"
expect 2 '0 sources' "$duramap" plan "$work/empty" --out "$work/out"
expect 0 '7 sources: 0 folders, 7 files' "$duramap" plan "$work/in" --out "$work/out"
grep -q '1 files are left out' "$work/log" || wrong "the notes are not said to be left out"
grep -q 'source 6 of the plan holds the same bytes as source 1 of the plan' "$work/log" || wrong "no word of the copy"
grep -q 'DOE_' "$work/log" && wrong "a log of plan names archives"
plan=1
[ "$(stat -c %a "$work/out/private")" = 700 ] || wrong "private/ is open to others"
[ "$(stat -c %a "$work/out/private/plan-1.jsonl")" = 400 ] || wrong "the plan can be written"
[ "$(wc -l <"$work/out/private/plan-1.jsonl")" = 8 ] || wrong "not a line for each source"
before=$(cksum <"$work/out/private/plan-1.jsonl")
expect 0 'nothing has changed' "$duramap" plan "$work/in" --out "$work/out"
[ ! -e "$work/out/private/plan-2.jsonl" ] || wrong "a second plan of the same"

# ---- what is open ----
expect 0 'open    7' "$duramap" status "$work/out"
expect 0 'DOE_volume.nii' "$duramap" status "$work/out" --list open
expect 1 'open or failed' "$duramap" status "$work/out" --list done
expect 75 '7 of 7 sources are open' "$duramap" merge "$work/out"
grep -q 'DOE_' "$work/log" && wrong "merge names archives"
[ "$(wc -l <"$work/out/private/missing.txt")" = 7 ] || wrong "missing.txt does not name seven"

# ---- what is refused ----
expect 1 'i/n' shard 0/2
expect 1 'i/n' shard 3/2
expect 1 'not both' "$duramap" run "$work/in/one/DOE_1.zip" --plan "$work/out/private/plan-1.jsonl" --out "$work/out"
expect 1 'share of a --plan' "$duramap" run "$work/in/one/DOE_1.zip" --shard 1/2 --out "$work/out"
mkdir "$work/protocols"
cp "$source"/configs/protocols/*.ini "$work/protocols"
printf '\n[denoise]\nradius = 1\n' >>"$work/protocols/mrm_t2.ini"
expect 1 'not those that the plan was made for' shard 1/2 --protocols "$work/protocols"
cp "$work/out/private/plan-1.jsonl" "$work/edited.jsonl"
chmod u+w "$work/edited.jsonl"
sed -i 's/DOE_5/DOE_6/' "$work/edited.jsonl"
expect 1 'was changed since it was made' "$duramap" run --plan "$work/edited.jsonl" --out "$work/out" --shard 1/2

# ---- two shares make up the whole; one source is changed meanwhile ----
echo 'letter 5, longer than before' >"$work/in/one/DOE_5.zip"
expect 3 'share 1/2 of the plan' shard 1/2
expect 75 'sources are open' "$duramap" merge "$work/out"
[ ! -e "$work/out/tables/studies.csv" ] || wrong "a share makes tables"
expect 0 '5 studies in' "$duramap" merge "$work/out" --allow-missing
expect 3 'share 2/2 of the plan' shard 2/2
expect 0 'open    0' "$duramap" status "$work/out"
grep -qE 'source_changed +1$' "$work/log" || wrong "the changed source is not told of"
expect 0 '7 studies in' "$duramap" merge "$work/out"
cp "$work/out/tables/studies.csv" "$work/shares.csv"
expect 2 '7 sources, 7 of them settled before' "$duramap" run --plan "$work/out/private/plan-1.jsonl" --out "$work/out"
cmp "$work/shares.csv" "$work/out/tables/studies.csv" || wrong "the whole plan makes another table"
expect 3 '5 failed' shard 1/2 --retry-failed

# Slurm is given what is left to measure, and the failed ones where they are asked for.
expect 2 'nothing is left to measure' "$duramap" submit "$work/out" --studies-per-task 2 --dry-run
expect 0 'OPTIONS=( --retry-failed)' "$duramap" submit "$work/out" --studies-per-task 2 --retry-failed --dry-run
grep -qE '^sbatch .*--array=0-3%8 ' "$work/log" || wrong "not all four tasks"

# ---- a new plan beside the old one ----
expect 1 '1 changed' "$duramap" plan "$work/in" --out "$work/out"
grep -qF -e '--renew' "$work/log" || wrong "the cure is not said"
echo 'letter 7' >"$work/in/one/DOE_7.zip"
expect 0 '1 sources added, 0 removed, 1 changed' "$duramap" plan "$work/in" --out "$work/out" --renew
[ "$(cksum <"$work/out/private/plan-1.jsonl")" = "$before" ] || wrong "the first plan was changed"
plan=2
expect 0 'open    2' "$duramap" status "$work/out"
expect 0 '1 tasks of at most 20 studies; nothing was submitted' "$duramap" submit "$work/out" --dry-run
expect 3 '8 sources, 6 of them settled before' shard 1/1
expect 0 'open    0' "$duramap" status "$work/out"

# ---- names: in private/ and where they were asked for, in no record, table or log of a run ----
grep -rlE 'DOE_' "$work/out/records" "$work/out/tables" >"$work/log" && wrong "names outside private/"
[ "$failures" = 0 ] && echo "plans hold"
[ "$failures" = 0 ]
