#!/bin/sh
# Words planted in headers, in names of archives and entries and in a passphrase file: found in private/, and in no other file of
# OUT, not in what is printed, not in names of files; also when studies fail. Dates are shifted, the interval stays.
set -u
duramap=${DURAMAP:?the program under test}
build=${DURAMAP_BUILD:?the folder with check_planted}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0

wrong() {
    echo "WRONG: $*"
    failures=$((failures + 1))
}

mkdir "$work/ZYXPLANTEDFOLDER"
"$build/check_planted" "$work/ZYXPLANTEDFOLDER" || { echo "no planted studies"; exit 1; }
# A copy: the same study from another source.
cp "$work/ZYXPLANTEDFOLDER/ZYXPLANTEDARCHIVE_one.zip" "$work/ZYXPLANTEDFOLDER/ZYXPLANTEDARCHIVE_two.zip"
echo ZYXPLANTEDPASS >"$work/pass"
echo 'ZYXPLANTEDLETTER is no archive' >"$work/ZYXPLANTEDFOLDER/ZYXPLANTEDARCHIVE_letter.zip"
"$duramap" run "$work"/ZYXPLANTEDFOLDER/* "$work/ZYXPLANTEDFOLDER/ZYXPLANTEDARCHIVE_gone.zip" --out "$work/out" \
    --passphrase-file "$work/pass" --no-selftest >"$work/log" 2>&1
[ $? = 3 ] || wrong "the run does not end with 3"
studies=$work/out/tables/studies.csv
[ "$(wc -l <"$studies")" = 9 ] || wrong "not a row for each of eight sources"
for code in gap damaged_archive damaged_dicom not_an_archive missing_file duplicate_study; do
    grep -q ",failed,$code," "$studies" || wrong "no row with $code"
done

# What was planted is where it belongs ...
grep -q ZYXPLANTEDID "$work/out/private/mapping.csv" || wrong "the mapping lacks the patient"
grep -q ZYXPLANTEDARCHIVE_gap "$work/out/private/mapping.csv" || wrong "the mapping lacks the archive"
# ... and nowhere else: words, UIDs, dates and times in any of their forms.
printf '%s\n' ZYXPLANTED 2.25.77 19870403 19870413 19871205 1987-04-03 1987-04-13 131741 13:17 >"$work/words"
mv "$work/out/private" "$work/private"
if grep -rlaF -f "$work/words" "$work/out" "$work/log" >"$work/found"; then
    wrong "planted words outside private/:"
    cat "$work/found"
    grep -rhaoF -f "$work/words" "$work/out" "$work/log" | sort | uniq -c
fi
[ -z "$(find "$work/out" -name '*ZYX*')" ] || wrong "planted words in the name of a file"

# Two exams of one patient: ten days apart, as the first and the second round; long ago both.
column() { # column NAME: its number in studies.csv
    head -n 1 "$studies" | tr ',' '\n' | grep -nx "$1" | cut -d: -f1
}
last=$(head -n 1 "$studies" | tr ',' '\n' | wc -l)
[ "$(column exam_time)" = "$last" ] || wrong "exam_time is not the last column"
patient=$(grep ',failed,gap,' "$studies" | cut -d, -f2)
grep -E ",$patient,.*,failed,(no_spine|gap)," "$studies" | sed 's/"[^"]*"//g' |
    cut -d, -f"$(column patient_id),$(column round),$(column sex),$(column age_band),$(column exam_time)" | sort -t, -k2 >"$work/exams"
[ "$(cut -d, -f1 "$work/exams" | sort -u | wc -l)" = 1 ] || wrong "not one pseudonym for one patient"
[ "$(cut -d, -f2 "$work/exams" | tr '\n' ' ')" = "1 2 " ] || wrong "not the rounds 1 and 2: $(cat "$work/exams")"
[ "$(cut -d, -f3,4 "$work/exams" | sort -u)" = "F,45-49" ] || wrong "sex and age band are not F and 45-49"
first=$(sed -n '1s/.*,//p' "$work/exams") second=$(sed -n '2s/.*,//p' "$work/exams")
days=$((($(date -ud "$second" +%s) - $(date -ud "$first" +%s)) / 86400))
[ "$days" = 10 ] || wrong "the exams are $days days apart, not 10"
case $first in 186[5-8]-*) ;; *) wrong "the shifted date is $first" ;; esac

[ "$failures" = 0 ] && echo "nothing leaves"
[ "$failures" = 0 ]
