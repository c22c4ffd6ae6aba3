#!/bin/sh
# duramap compare as a user types it: small tables whose results can be counted by hand, every kind of bad input, and the
# promise that nothing is half-written.
set -u
LC_ALL=C
export LC_ALL
duramap=${DURAMAP:?the program under test}
build=${DURAMAP_BUILD:?the build folder}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0

wrong() {
    echo "WRONG: $*"
    [ ! -s "$work/log" ] || tail -n 5 "$work/log" | sed 's/^/    /'
    failures=$((failures + 1))
}

exits() {
    code=$1
    shift
    "$@" >"$work/log" 2>&1
    got=$?
    [ "$got" = "$code" ] || wrong "exit $got, not $code: $*"
}

says() {
    grep -qF -e "$1" "$work/log" || wrong "'$1' is not said"
}

# cell FILE COLUMN PATTERN: the cell under COLUMN in the only line that has PATTERN (no quoted comma before the column).
cell() {
    awk -F, -v want="$2" -v line="$3" '
        NR == 1 { for (i = 1; i <= NF; i++) if ($i == want) at = i; next }
        index($0, line) { n++; value = $at }
        END { if (n == 1) print value; else print "LINES:" n }' "$work/out/compare/$1"
}

is() {
    got=$(cell "$1" "$2" "$3")
    [ "$got" = "$4" ] || wrong "$1, $2 of $3: '$got', not '$4'"
}

# ---- four patients, two protocols, numbers for pencil and paper ----
mkdir -p "$work/out/tables" "$work/out/private"
cat >"$work/out/tables/studies.csv" <<'T'
study_id,patient_id,round,protocol,status,answer,score,class,level,side,s_mm,interval_mm,slec,exam_time
s1,p1,1,mrm,ok,no_leak,0.1,,,,,,0,1904-01-01T23:00
s2,p1,2,ctm,ok,leak,2.0,ventral_tear,T2-3,ventral,52,8,1,1904-01-10T09:00
s3,p2,1,mrm,ok,leak,1.5,ventral_tear,T1-2,ventral,33,30,0,1904-01-01T08:00
s4,p2,2,ctm,ok,leak,1.8,ventral_tear,T2-3,ventral,58,8,0,1904-03-01T08:00
s5,p3,1,ctm,ok,no_leak,0.2,,,,,,0,
s6,p3,2,mrm,ok,indeterminate,0.2,,,,,,0,
s7,p4,1,ctm,failed,,,,,,,,,
s8,p5,1,ctm,ok,leak,1.1,csf_venous_fistula,T3,left,70,8,0,1904-01-01T08:00
T
cat >"$work/out/tables/findings.csv" <<'T'
study_id,finding,class,score,accepted,level_disc,level_root,side,s_mm,false_sign
s2,1,ventral_tear,2.0,1,T2-3,T2,ventral,52,
s2,2,ventral_tear,1.9,1,T2-3,T2,ventral,56,
s2,3,ventral_tear,0.5,0,T4-5,T4,ventral,95,
s3,1,ventral_tear,1.5,1,T1-2,T1,ventral,33,
s4,1,ventral_tear,1.8,1,T2-3,T2,ventral,58,
s8,1,csf_venous_fistula,1.1,1,T3-4,T3,left,70,
T
{
    echo study_id,level,x_mm,y_mm,z_mm,s_mm
    for s in s1 s2 s3 s4 s5 s6 s8; do
        i=0
        for level in T1 T2 T3 T4 T5; do
            echo "$s,$level,0,0,$((-20 * i)),$((20 + 20 * i))"
            i=$((i + 1))
        done
    done
} >"$work/out/tables/levels.csv"
cat >"$work/out/private/mapping.csv" <<'T'
study_id,patient_id,archive,study_uid,patient
s1,p1,in/one.zip,,
s2,p1,in/two.zip,,
s3,p2,in/three.zip,,
s4,p2,in/four.zip,,
T
cat >"$work/reference.csv" <<'T'
archive,patient_id,study_id,source,class,level,side,x_mm,y_mm,z_mm,level_mm,days
one.zip,,,surgery,ventral_tear,T2-3,ventral,0,0,-30,,3
two.zip,,,surgery,ventral_tear,T2-3,ventral,0,0,-30,,3
,p2,,surgery,ventral_tear,T2-3,ventral,,,,2,
,p2,,consensus,ventral_tear,T4-5,ventral,,,,,
,p3,,later_myelogram,none,,,,,,,
,,s8,surgery,none,,,,,,,
,,s8,consensus,csf_venous_fistula,T3,left,,,,,
nowhere.zip,,,surgery,none,,,,,,,
T
compare() {
    "$duramap" compare "$work/out" --reference "${reference:-$work/reference.csv}" "$@"
}
exits 0 compare
says '8 studies compared'
all=,all,all,left_out,
is protocols.csv n "ctm$all" 3
is protocols.csv tp "ctm$all" 2
is protocols.csv tn "ctm$all" 1
is protocols.csv sensitivity "ctm$all" 1
is protocols.csv located_5_mm "ctm$all" 0.5
is protocols.csv located_10_mm "ctm$all" 1
is protocols.csv level_exact "ctm$all" 1
is protocols.csv n_mm "ctm$all" 2
is protocols.csv mm_median "ctm$all" 4
is protocols.csv n_contradicted "ctm$all" 1
is protocols.csv n_without_reference "ctm$all" 1
is protocols.csv sensitivity "mrm$all" 0.5
is protocols.csv level_exact "mrm$all" 0
is protocols.csv level_within_1 "mrm$all" 1
is protocols.csv indeterminate "mrm$all" 1
is protocols.csv specificity "mrm$all" ''
is protocols.csv specificity 'mrm,all,all,wrong,' 0
is protocols.csv days_median "ctm$all" 3
is pairs.csv only_a 'ctm,mrm,paired,sensitivity,left_out' 1
is pairs.csv p_exact 'ctm,mrm,paired,sensitivity,left_out' 1
is pairs.csv p_midp 'ctm,mrm,paired,sensitivity,left_out' 0.5
is pairs.csv n_left_out 'ctm,mrm,paired,specificity,left_out' 1
# The second candidate on the same leak is neither true nor false; the one that was not accepted counts only in the curve.
is froc.csv value 'ctm,10,operating' 1
is froc.csv false_per_study 'ctm,10,operating' 0
is rounds.csv added 'p1,1,2,s2' first_leak
is rounds.csv added 'p2,1,2,s4' confirmed
is rounds.csv agreement 'p2,1,2,s4' within_1
is patients.csv best_study_id 'p2,1,' s4
is patients.csv first_found 'p1,1,' 2
is yield.csv cumulative '1,5,5,' 0.4
is participants.csv n row_without_study 1
is participants.csv n study_without_reference 1
is participants.csv n contradiction 1
is participants.csv n outranked 2
grep -q 'reference.csv,9,,,row_without_study' "$work/out/compare/unmatched.csv" || wrong 'the row that matches nothing is not listed with its line'
[ ! -e "$work/out/private/key" ] || wrong 'a key was made: compare only reads one'

# ---- treatments cut the sequence; other tests give indirect evidence ----
cat >"$work/treatments.csv" <<'T'
patient_id,treatment,day,date,after_round
p1,blood_patch,4,,
p2,surgery,60,,
p3,blood_patch,,,1
nobody,surgery,,,1
p5,surgery,,2024-01-01,
T
cat >"$work/clinical.csv" <<'T'
patient_id,sex,age_years,sheath_supine_mm,sheath_upright_mm,opening_cmh2o,baseline_mmhg,plateau_mmhg,rate_ml_min,bern_pachymeningeal,bern_sinus,bern_subdural,bern_suprasellar_mm,bern_prepontine_mm,bern_mamillopontine_mm
p1,F,44,5.4,4.8,15,8,20,3,1,1,0,3.5,5.2,6.0
p2,M,92,,,,8,38,3,0,0,0,6,6,8
p3,F,30,5.4,4.8,,,,,,,,,,
T
exits 0 compare --treatments "$work/treatments.csv" --clinical "$work/clinical.csv"
is rounds.csv sequence 'p1,2,2,s2' 2
is rounds.csv treated_before 'p1,2,2,s2' blood_patch
is rounds.csv added 'p2,1,2,s4' confirmed # on the day of its operation, so before it
is rounds.csv sequence 'p3,2,2,s6' 2
is patients.csv r_out 'p1,1,' 4
is patients.csv sheath_change_mm 'p1,1,' -0.6
is patients.csv bern_score 'p1,1,' 7
is patients.csv bern_band 'p1,1,' high
is patients.csv indirect_evidence 'p1,1,' leak
is patients.csv indirect_evidence 'p2,1,' no_leak
is patients.csv indirect_evidence 'p3,1,' ''
is indirect.csv n no_leak,leak, 1
is indirect.csv n no_leak,, 1
is participants.csv n treatment_unused 2
is protocols.csv n ctm,age_band,90+,left_out 1
is protocols.csv n ctm,sex,F,left_out 2
exits 0 compare --clinical "$work/clinical.csv" --sheath-cut -0.5
is patients.csv indirect_evidence 'p3,1,' leak

# ---- the same bytes again; every number of the summary is what its cell holds; figures are whole ----
exits 0 "$build/bench_compare" 300 "$work/big"
cp -r "$work/big/compare" "$work/first"
exits 0 "$duramap" compare "$work/big" --reference "$work/big/reference.csv"
for f in "$work"/first/*; do
    case $f in *summary.md) continue ;; esac # names its version
    cmp "$f" "$work/big/compare/$(basename "$f")" >"$work/log" 2>&1 || wrong "$(basename "$f") differs between two runs"
done
exits 0 "$duramap" compare "$work/big" --reference "$work/big/reference.csv" --seed 2 --to "$work/seed2"
cmp -s "$work/first/pairs.csv" "$work/seed2/pairs.csv" && wrong 'another seed gives the same limits'
cmp "$work/first/rounds.csv" "$work/seed2/rounds.csv" >"$work/log" 2>&1 || wrong 'the seed changes what is counted'
grep -o '\[[^][]*\]([a-z]*\.csv#cell=[0-9]*,[0-9]*)' "$work/big/compare/summary.md" |
    sed 's/^\[\(.*\)\](\(.*\)#cell=\([0-9]*\),\([0-9]*\))$/\1 \2 \3 \4/' >"$work/links"
awk -v dir="$work/big/compare/" '
    { file = dir $2
      if (!(file in seen)) {
          seen[file] = 1
          for (row = 1; (getline line < file) > 0; row++) { n = split(line, c, ","); for (i = 1; i <= n; i++) at[file, row, i] = c[i] }
      }
      total++
      if (at[file, $3, $4] != $1) print "link says " $1 ", " $2 " row " $3 " column " $4 " holds " at[file, $3, $4] }
    END { if (total < 200) print "only " total " links" }' "$work/links" >"$work/log"
[ ! -s "$work/log" ] || wrong 'links of summary.md'
# No number outside a link, but in headings, explanations and settings.
grep '^|' "$work/big/compare/summary.md" | sed 's/\[[^]]*\]([^)]*)//g; s/mrm_t2//g; s/located_10_mm//' | grep '[0-9]' | grep -v '| *protocol\|^| A \|^| round \|reach, mm' >"$work/log"
[ ! -s "$work/log" ] || wrong 'numbers of summary.md without a link'
for figure in froc sensitivity; do
    awk '{ s = s $0 } END { n = split(s, part, "<"); for (i = 2; i <= n; i++) if (gsub(">", ">", part[i]) != 1) bad++; exit bad > 0 || n < 30 }' \
        "$work/big/compare/$figure.svg" || wrong "$figure.svg is no whole SVG"
done
for table in "$work"/big/compare/*.csv; do
    side=${table%.csv}.json
    head -n 1 "$table" | tr , '\n' | while read -r column; do
        grep -qF "\"$column\":" "$side" || echo "$column of $table"
    done
done >"$work/log"
[ ! -s "$work/log" ] || wrong 'columns without a word in the sidecar'

# ---- bad input: a message with file, line and cure; what was there stays as it was ----
cp -r "$work/out/compare" "$work/before"
header='patient_id,source,class,level,side'
# refused WORDS ROWS...: reference.csv with these lines is refused with these words
refused() {
    words=$1
    shift
    printf '%b' "$@" >"$work/bad.csv"
    reference=$work/bad.csv
    exits 1 compare
    reference=
    says "bad.csv"
    says "$words"
    diff -r "$work/before" "$work/out/compare" >"$work/log" 2>&1 || wrong "'$words': OUT/compare was touched"
}
refused ':1: the file is empty' ''
refused ":1: there is no column 'side'" 'patient_id,source,class,level\n' 'p1,surgery,none,\n'
refused ":1: column 'lvl' is unknown" "$header,lvl\n" 'p1,surgery,none,,,\n'
refused ":1: there is no row under the header" "$header\n"
refused ":2: class 'tear' is unknown" "$header\n" 'p1,surgery,tear,T7-8,ventral\n'
refused ":3: level 'T7-9' is unknown" "$header\n" 'p2,surgery,none,,\n' 'p1,surgery,ventral_tear,T7-9,ventral\n'
refused ":2: side 'links' is unknown; sides are ventral, dorsal, left, right" "$header\n" 'p1,surgery,lateral_tear,T7,links\n'
refused ":2: source 'MRI' is unknown" "$header\n" 'p1,MRI,none,,\n'
refused ':3: the same row as in line 2' "$header\n" 'p1,surgery,none,,\n' 'p1,surgery,none,,\n'
refused ":2: a decimal comma in column 'x_mm'" "$header,x_mm,y_mm,z_mm\n" 'p1,surgery,ventral_tear,T7-8,ventral,"1,5",2,3\n'
refused ':2: 9 cells where the header has 8; quote cells that hold a comma (also decimal commas)' "$header,x_mm,y_mm,z_mm\n" 'p1,surgery,ventral_tear,T7-8,ventral,1,5,2,3\n'
refused "separated by ';'" 'patient_id;source;class;level;side\n' 'p1;surgery;none;;\n'
refused ':2: x_mm, y_mm and z_mm stand together' "$header,x_mm,y_mm,z_mm\n" 'p1,surgery,ventral_tear,,,1,,3\n'
refused ':2: a proven negative (none) has no level' "$header\n" 'p1,surgery,none,T7-8,\n'
refused ':2: names neither a patient nor a study' "$header\n" ',surgery,none,,\n'
refused ':2: neither class nor site' "$header\n" 'p1,surgery,,,\n'
refused ':2: a quote that opens in this row is never closed' "$header\n" 'p1,surgery,"none,,\n'
refused ':2: bytes that are no UTF-8' "$header\n" 'p1,surgery,none,,\0344\n'
exits 1 "$duramap" compare "$work/out" --reference "$work/absent.csv"
says absent.csv
exits 1 "$duramap" compare "$work/nowhere" --reference "$work/reference.csv"
says 'duramap merge'
exits 1 "$duramap" compare "$work/out"
exits 1 "$duramap" compare "$work/out" --reference "$work/reference.csv" --key "$work/absent.key"
says 'no such key'
exits 1 "$duramap" compare "$work/out" --reference "$work/reference.csv" --draws 3
printf 'patient_id,treatment,date,after_round\np1,aspirin,,1\n' >"$work/bad.csv"
exits 1 compare --treatments "$work/bad.csv"
says "bad.csv:2: treatment 'aspirin' is unknown"
printf 'patient_id,treatment,date,after_round\np1,surgery,31.12.2024,\n' >"$work/bad.csv"
exits 1 compare --treatments "$work/bad.csv"
says 'bad.csv:2: date is no day'
printf 'patient_id,baseline_mmhg,plateau_mmhg,rate_ml_min\np1,20,8,3\n' >"$work/bad.csv"
exits 1 compare --clinical "$work/bad.csv"
says 'bad.csv:2: plateau_mmhg is below baseline_mmhg'
printf 'patient_id,bern_sinus\np1,1\np1,0\n' >"$work/bad.csv"
exits 1 compare --clinical "$work/bad.csv"
says 'bad.csv:3: the same patient_id as in line 2'
diff -r "$work/before" "$work/out/compare" >"$work/log" 2>&1 || wrong 'OUT/compare was touched by a refused input'
# A place that cannot be written: nothing new there.
mkdir -p "$work/full/froc.csv"
exits 4 compare --to "$work/full"
[ "$(ls -A "$work/full")" = froc.csv ] || wrong 'something was left where not all could be written'

# ---- one patient, one protocol, no negative, a tie: what does not exist is empty and the note says why ----
mkdir -p "$work/one/tables"
{
    head -n 1 "$work/out/tables/studies.csv"
    echo 's2,p1,,ctm,ok,leak,2.0,ventral_tear,T2-3,ventral,52,,,'
} >"$work/one/tables/studies.csv"
{
    head -n 1 "$work/out/tables/findings.csv"
    echo 's2,1,ventral_tear,2.0,1,T2-3,T2,ventral,52,'
    echo 's2,2,ventral_tear,2.0,1,T4-5,T4,ventral,95,'
} >"$work/one/tables/findings.csv"
grep -e study_id -e s2, "$work/out/tables/levels.csv" >"$work/one/tables/levels.csv"
printf '%b' "$header\n" 's2,surgery,ventral_tear,T2-3,ventral\n' | sed 's/patient_id/study_id/' >"$work/one.csv"
exits 0 "$duramap" compare "$work/one" --reference "$work/one.csv"
mv "$work/out" "$work/several"
mv "$work/one" "$work/out"
is protocols.csv sensitivity "ctm$all" 1
is protocols.csv sensitivity_wilson_low "ctm$all" 0.2065
is protocols.csv sensitivity_clopper_low "ctm$all" 0.025
is protocols.csv specificity "ctm$all" ''
is protocols.csv ppv "ctm$all" ''
is froc.csv value 'ctm,10,wafroc' 0.5
is froc.csv value_low 'ctm,10,wafroc' ''
is froc.csv value 'ctm,10,sensitivity,0.125' 0
is froc.csv value 'ctm,10,sensitivity,1,' 1
grep -q '^ctm,10,wafroc.*one patient: no limits; no study without a leak' "$work/out/compare/froc.csv" || wrong 'no word on one patient without negatives'
grep -q "^ctm$all.*no patient without a leak.*n = 1: read the limits" "$work/out/compare/protocols.csv" || wrong 'no word on one patient'
[ "$(wc -l <"$work/out/compare/pairs.csv")" = 1 ] || wrong 'pairs of one protocol'
grep -q 'There is one protocol' "$work/out/compare/summary.md" || wrong 'the summary does not say that there is one protocol'
grep -il -e nan -e inf "$work"/out/compare/*.csv "$work"/out/compare/*.svg >"$work/log"
[ ! -s "$work/log" ] || wrong 'a number that is none'
rm -r "$work/out"
mv "$work/several" "$work/out"

# A byte order mark and CR LF are read over, and said.
{
    printf '\357\273\277'
    sed 's/$/\r/' "$work/reference.csv"
} >"$work/windows.csv"
reference=$work/windows.csv
exits 0 compare
says 'a byte order mark and CR LF line ends'
reference=
is protocols.csv tp "ctm$all" 2

[ "$failures" = 0 ] && echo "all as promised"
[ "$failures" = 0 ]
