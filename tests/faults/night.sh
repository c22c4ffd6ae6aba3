# What the tests of faults share: a cohort of short studies, runs of it, and the comparison of their tables. Sourced, after $studies
# (good ones) is set.
# shellcheck shell=sh disable=SC2034,SC2317,SC2329 # variables and functions for those who source this
set -u
LC_ALL=C
export LC_ALL
duramap=${DURAMAP:?the program under test}
build=${DURAMAP_BUILD:?its build folder}
source=${DURAMAP_SOURCE:-.}
: "${studies:?}"
work=$(mktemp -d) || exit 1
in=$work/in
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
    out=$1
    shift
    "$duramap" run "$in"/* --out "$out" --key "$work/key" --protocols "$source/configs/protocols/ctm.ini" --no-selftest \
        --no-pictures --device cpu "$@" >"$work/log" 2>&1
}

# start OUT OPTIONS: the same in the background; its process is $child.
start() {
    out=$1
    shift
    "$duramap" run "$in"/* --out "$out" --key "$work/key" --protocols "$source/configs/protocols/ctm.ini" --no-selftest \
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
    find "$1" -path "$1/running/*" -o -name '*.tmp' >"$work/log"
    [ ! -s "$work/log" ] || wrong "$2: a heartbeat or half a file is left"
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

# ---- the cohort: short pieces of a drawn CT, one more of a hundred cut short, and a copy of the first ----
mkdir "$work/in"
"$build/phantom_nifti" --seed 5 --protocol ctm --kind ventral --out "$work" >"$work/log" 2>&1 || wrong "no phantom"
"$build/check_pieces" "$work/c0000.nii" "$work/in" "$studies" || wrong "no pieces"
rm "$work/c0000.nii"
for i in $(seq $(((studies + 98) / 99))); do
    head -c 5000 "$work/in/p000.nii" >"$work/in/q$i.nii" # cut short
done
cp "$work/in/p000.nii" "$work/in/r.nii"
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


# finish: the fault table, and the script's exit code.
finish() {
    [ "$failures" = 0 ] || cat "$work/log"
    cat "$table"
    [ "$failures" = 0 ]
}
