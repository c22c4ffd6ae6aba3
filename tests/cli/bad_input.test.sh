#!/bin/sh
# What a user gets wrong: a clear message, the documented exit code, and in a cohort a row for every source.
# shellcheck disable=SC2317,SC2329 # functions called by a trap
set -u
duramap=${DURAMAP:?the program under test}
source=${DURAMAP_SOURCE:-.}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0

wrong() {
    echo "WRONG: $*"
    [ ! -s "$work/log" ] || sed 's/^/    /' "$work/log"
    failures=$((failures + 1))
}

# expect CODE WORDS COMMAND...: the exit code, and WORDS (a fixed string) in what it says.
expect() {
    code=$1 words=$2
    shift 2
    "$@" >"$work/log" 2>&1
    got=$?
    [ "$got" = "$code" ] || wrong "exit $got, not $code: $*"
    grep -qF -e "$words" "$work/log" || wrong "'$words' is not said by: $*"
}

run() {
    "$duramap" run "$@" --no-selftest --no-pictures
}

# ---- sources that are no studies: all in one run, each has its row ----
# They fail before any kernel runs. The names stand for patients' names: they belong into private/ and on the terminal.
bad=$work/bad
mkdir "$bad"
printf 'PK\005\006\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000' >"$bad/ann_empty.zip"
echo 'this is a letter, not an archive' >"$bad/bob_letter.zip"
mkdir "$work/papers"
for i in 1 2 3 4 5 6 7 8 9; do seq "$i" 3000 >"$work/papers/note$i.txt"; done
tar -C "$work" -czf "$work/whole.tar.gz" papers
size=$(wc -c <"$work/whole.tar.gz")
dd if="$work/whole.tar.gz" of="$bad/cat_cut.tar.gz" bs=1 count=$((size / 2)) 2>"$work/log"
tar -C "$work" -cf "$bad/dan_papers.tar" papers
: >"$bad/eve_nothing.tar"
mkdir "$bad/ian_folder"
echo 'no volume' >"$bad/jan_text.nii"
head -c 400 /dev/zero >"$bad/kim_zeros.nii"
set -- "$bad"/* "$bad/fay_missing.zip" "$work/whole.tar.gz/gus_below.zip" "$bad/lea_missing.nii.gz"
expect 3 '11 failed' run "$@" --out "$work/out"
cp "$work/log" "$work/first.log"

# row FILE ERROR_CODE: the row that private/mapping.csv gives to FILE
row() {
    id=$(sed -n "s/^\([a-z2-7]*\),[^,]*,$1,.*/\1/p" "$work/out/private/mapping.csv")
    [ -n "$id" ] || { wrong "$1 is not in mapping.csv"; return; }
    grep -q "^$id,.*,failed,$2," "$work/out/tables/studies.csv" || wrong "$1 has no row with $2"
    grep -q "^$id failed $2: " "$work/first.log" || wrong "$1 has no line with $2 in the log"
    [ -f "$work/out/records/$id.json" ] || wrong "$1 has no record"
}
row fay_missing.zip missing_file
row gus_below.zip missing_file
row ann_empty.zip empty_archive
row bob_letter.zip not_an_archive
row eve_nothing.tar empty_archive
row cat_cut.tar.gz damaged_archive
row dan_papers.tar no_dicom
row ian_folder empty_archive
row jan_text.nii nifti_header
row kim_zeros.nii nifti_header
row lea_missing.nii.gz missing_file
[ "$(wc -l <"$work/out/tables/studies.csv")" = 12 ] || wrong "eleven sources, not eleven rows"
if grep -rE 'ann_|bob_|cat_|dan_|eve_|fay_|gus_|ian_|jan_|kim_|lea_' "$work/out/tables" "$work/out/records" "$work/first.log" >"$work/log"; then
    wrong "names of archives outside private/"
fi
grep -q 'private/mapping.csv' "$work/first.log" || wrong "the log does not say where the names are"

# The same command again: what failed is not tried again, only what was missing (or empty, as a folder) is looked for.
expect 3 '4 failed, 7 sources skipped' run "$@" --out "$work/out"
expect 3 '8 failed, 0 sources skipped' run "$bad"/* --out "$work/out" --retry-failed
expect 2 '7 sources skipped' run "$bad"/*.* --out "$work/out"
expect 0 'failed  11' "$duramap" status "$work/out"
expect 0 '11 studies' "$duramap" merge "$work/out"

# What was missing is there now: its row changes, and stays one.
cp "$bad/dan_papers.tar" "$bad/fay_missing.zip"
expect 3 ' failed no_dicom: ' run "$bad/fay_missing.zip" --out "$work/out"
rm "$bad/fay_missing.zip"
[ "$(wc -l <"$work/out/tables/studies.csv")" = 12 ] || wrong "the row of a source that came later is a second one"
[ "$(grep -c ',failed,no_dicom,' "$work/out/tables/studies.csv")" = 2 ] || wrong "the row of a source that came later is the old one"

# Another source with the bytes of a failed one has a row of its own.
cp "$bad/ann_empty.zip" "$bad/hal_empty.zip"
expect 3 '1 failed, 1 sources skipped' run "$bad/ann_empty.zip" "$bad/hal_empty.zip" --out "$work/out"
[ "$(wc -l <"$work/out/tables/studies.csv")" = 13 ] || wrong "hal_empty.zip has no row of its own"

# Sources that are called like a word of the messages: the word stays, the name goes.
mkdir "$work/words"
cp "$bad/bob_letter.zip" "$work/words/archive"
cp "$bad/bob_letter.zip" "$work/words/source"
expect 3 ': the source is no archive that can be read' run "$work"/words/* --out "$work/words_out"
[ "$(grep -c ': the source is no archive that can be read' "$work/log")" = 2 ] || wrong "a source that is called like a word"

# On a terminal the message names the file.
if command -v script >/dev/null 2>&1; then
    script -qec "'$duramap' run '$bad/bob_letter.zip' --out '$work/tty' --no-selftest" /dev/null </dev/null >"$work/log" 2>&1
    [ $? = 3 ] || wrong "another exit code on a terminal"
    grep -q 'bob_letter.zip: .*no archive' "$work/log" || wrong "the terminal does not name the file"
fi

# ---- nothing to do, wrong words ----
expect 2 'no study was given' run --out "$work/none"
[ ! -e "$work/none" ] || wrong "a folder was made without a study"
expect 1 '--out' run "$bad/bob_letter.zip"
expect 1 'unknown option --oot' "$duramap" run x --oot y
expect 1 'a value is missing after --out' "$duramap" run x --out
expect 1 'a whole number' "$duramap" run x --out y --memory lots
expect 1 '--archive-depth goes to 3' run "$bad/bob_letter.zip" --out "$work/none" --archive-depth 4
expect 1 "$work/gone: the passphrase file cannot be read" run "$bad/bob_letter.zip" --out "$work/none" --passphrase-file "$work/gone"
: >"$work/no_words"
expect 1 'no passphrase' run "$bad/bob_letter.zip" --out "$work/none" --passphrase-file "$work/no_words"
expect 1 'for duramap itself' "$duramap" read-one-source
expect 1 "no verb 'rnu'" "$duramap" rnu
expect 1 'usage: duramap VERB' "$duramap"
expect 1 "no kind 'sideways'" "$duramap" phantom --out "$work/none" --kind sideways
expect 1 'usage: duramap phantom' "$duramap" phantom --out "$work/none" --cases 0
expect 1 'usage: duramap status' "$duramap" status
expect 1 'usage: duramap merge' "$duramap" merge a b
expect 1 'usage: duramap check' "$duramap" check
expect 4 "$work/none/records" "$duramap" status "$work/none"
expect 4 "$work/none/records" "$duramap" merge "$work/none"
expect 0 'usage: duramap VERB' "$duramap" --help
verbs=$("$duramap" --help | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p')
[ "$(echo "$verbs" | wc -w)" -ge 8 ] || wrong "the list of verbs is not found in --help"
for verb in $verbs; do
    expect 0 'example' "$duramap" "$verb" --help
    expect 1 'unknown option --nonsense' "$duramap" "$verb" --nonsense
done

# ---- protocol files ----
good='[protocol]
modality = ct
contrast = iodine
'
config() { # config LINE WORDS KEY: the message must be at LINE of the file
    printf '%s%s\n' "$good" "$3" >"$work/p.ini"
    expect 1 "p.ini:$1: $2" "$duramap" check "$work/p.ini"
    expect 1 "p.ini:$1: $2" run "$bad/bob_letter.zip" --out "$work/none" --protocols "$work/p.ini"
    [ ! -e "$work/none" ] || wrong "OUT was made although the configuration is wrong"
}
config 5 "unknown key 'min_slicse'; the nearest is 'min_slices'" '[match]
min_slicse = 3'
config 5 'unknown section [nose]' '[nose]
width = 3'
config 6 'min_slices = 0 is out of range' '[match]
priority = 1
min_slices = 0'
config 5 'kvp_low' '[match]
kvp_low = high'
config 4 'neither' 'no key at all'
expect 1 "$work/gone.ini" "$duramap" check "$work/gone.ini"
printf '%s' "$good" >"$work/p.ini"
expect 0 'p: good' "$duramap" check "$work/p.ini"
expect 0 'ctm: good' "$duramap" check "$source/configs/protocols"

# The reference of all parameters is made by the program.
"$duramap" check --reference >"$work/reference.ini" || wrong "check --reference fails"
cmp "$work/reference.ini" "$source/configs/reference.ini" >"$work/log" 2>&1 ||
    wrong "configs/reference.ini is not of today: duramap check --reference >configs/reference.ini"
expect 0 'reference: good' "$duramap" check "$work/reference.ini"

# ---- OUT that cannot be written ----
: >"$work/file"
expect 4 "$work/file" run "$bad/bob_letter.zip" --out "$work/file"
expect 4 "$work/file" run "$bad/bob_letter.zip" --out "$work/file/below"
[ ! -d /proc ] || expect 4 /proc/none run "$bad/bob_letter.zip" --out /proc/none
[ ! -d /proc ] || expect 4 /proc/none "$duramap" phantom --out /proc/none --cases 1
if [ "$(id -u)" != 0 ]; then
    mkdir -m 500 "$work/shut"
    expect 4 "$work/shut" run "$bad/bob_letter.zip" --out "$work/shut/out"
fi
printf 'short' >"$work/key"
expect 4 "$work/key" run "$bad/bob_letter.zip" --out "$work/keyed" --key "$work/key"

# ---- devices ----
mkdir "$work/vendors"
expect 4 'pocl-opencl-icd' env OCL_ICD_VENDORS="$work/vendors" "$duramap" devices
expect 4 'pocl-opencl-icd' env OCL_ICD_VENDORS="$work/vendors" "$duramap" selftest
expect 4 'pocl-opencl-icd' env OCL_ICD_VENDORS="$work/vendors" "$duramap" run "$bad/bob_letter.zip" --out "$work/none"
name=$("$duramap" devices | sed -n '1s/^0  [A-Z]*  \([^ ]*\) .*/\1/p')
[ -n "$name" ] || wrong "no name in the list of devices"
expect 1 "$name" run "$bad/bob_letter.zip" --out "$work/none" --device 'no such thing'
expect 1 "$name" "$duramap" selftest --device 99
[ ! -e "$work/none" ] || wrong "OUT was made although there is no device"

[ "$failures" = 0 ] && echo "all as documented"
[ "$failures" = 0 ]
