#!/bin/sh
# A cohort of 60 small studies on a real Slurm of three nodes, each with a GPU that is none: a node is lost, a task is put back by
# hand, another makes room for an urgent job. Then the tables are those of one process that nobody disturbed, byte for byte.
set -u
duramap=${DURAMAP:?the program under test}
build=${DURAMAP_BUILD:?the folder with phantom_nifti and check_pieces}
source=${DURAMAP_SOURCE:-.}
PATH=$PATH:/usr/sbin:/sbin
for program in munged slurmctld slurmd sbatch; do
    command -v $program >/dev/null || { echo "skipped: no $program here (sh ci/install.sh --with-checkers installs it)"; exit 77; }
done
# A test that runs inside a job must not take that cluster for its own.
for name in $(env | sed -n 's/^\(\(SLURM\|SBATCH\)[A-Z_]*\)=.*/\1/p'); do unset "$name"; done
work=$(mktemp -d /tmp/slurm-XXXXXX) || exit 1 # short: the path of a socket has about 100 bytes
# The jobs' scratch goes with the test, kernels that were built before are used.
TMPDIR=$work XDG_CACHE_HOME=${XDG_CACHE_HOME:-$HOME/.cache}
export TMPDIR XDG_CACHE_HOME
cluster() {
    bash "$source/tests/cluster/cluster.sh" "$@"
}
trap 'cluster down "$work/c" 2>/dev/null; rm -rf "$work"' EXIT
SLURM_CONF=$work/c/slurm.conf
export SLURM_CONF
failures=0

wrong() {
    echo "WRONG: $*"
    failures=$((failures + 1))
}

# until_true SECONDS COMMAND...: asks ten times a second.
until_true() {
    tries=$(($1 * 10))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$tries" -gt 0 ] || return 1
        tries=$((tries - 1))
        sleep 0.1
    done
}

# ---- the cohort: 24 studies that go through every stage, 34 that cannot be read, 2 copies ----
mkdir -p "$work/in/2024" "$work/in/2025" "$work/protocols"
"$build/phantom_nifti" --seed 7 --kind ventral --protocol ctm --out "$work" >/dev/null 2>&1
"$build/check_pieces" "$work/c0000.nii" "$work/in/2024" 24 || { echo "no studies"; exit 1; }
for i in $(seq 10 43); do
    if [ $((i % 2)) = 0 ]; then echo "no archive $i" >"$work/in/2025/broken$i.zip"; else head -c $((400 * i)) "$work/in/2024/p001.nii" >"$work/in/2024/cut$i.nii"; fi
done
cp "$work/in/2024/p003.nii" "$work/in/2025/again03.nii"
cp "$work/in/2024/p004.nii" "$work/in/2025/again04.nii"
cp "$source"/configs/protocols/*.ini "$work/protocols"
for file in "$work"/protocols/ct*.ini; do printf '\n[denoise]\nradius = 1\n' >>"$file"; done

# plan OUT: with the same key, so that names are the same.
plan() {
    mkdir -p "$1/private"
    chmod 700 "$1/private"
    head -c 32 /dev/zero >"$1/private/key"
    "$duramap" plan "$work/in" --out "$1" --protocols "$work/protocols" >"$work/plan.log" 2>&1 || wrong "no plan: $(cat "$work/plan.log")"
}
plan "$work/one"
grep -q '^60 sources' "$work/plan.log" || wrong "not 60 sources: $(cat "$work/plan.log")"
[ "$(grep -c 'holds the same bytes as' "$work/plan.log")" = 2 ] || wrong "not two copies"

# ---- the cluster ----
cluster up "$work/c" 3 || { echo "no cluster"; exit 1; }
plan "$work/out"
"$duramap" submit "$work/out" --partition main --gres gpu:1 --studies-per-task 5 --throttle 3 --cpus 1 --mem 300M --device cpu \
    --options '--no-pictures --no-selftest' >"$work/submit.log" 2>&1 || wrong "submit: $(cat "$work/submit.log")"
array=$(sed -n 's/^  job \([0-9]*\): array.*/\1/p' "$work/submit.log")
merge=$(sed -n 's/^  job \([0-9]*\): merge.*/\1/p' "$work/submit.log")
[ -n "$array" ] && [ -n "$merge" ] || { wrong "no job numbers: $(cat "$work/submit.log")"; exit 1; }

# task_on NODE: the number of the task that runs there and has begun to measure, "" = none.
task_on() {
    task=$(squeue -h -t R -r -w "$1" -j "$array" -o %K 2>/dev/null | head -n 1)
    [ -n "$task" ] && grep -q '^device:' "$work/out/log/duramap-$array-$task.log" 2>/dev/null && echo "$task"
}
runs_on() {
    [ -n "$(task_on "$1")" ]
}
starts_of() {
    grep -c ' task [0-9]* on ' "$work/out/log/duramap-$array-$1.log"
}

# 1. Node n1 is lost with all that runs on it.
until_true 60 runs_on n1 || wrong "nothing runs on n1"
lost=$(task_on n1)
cluster kill "$work/c" n1
scontrol update nodename=n1 state=down reason=lost # the controller would find out by itself, after half a minute
# 2. A task is put back by hand.
until_true 60 runs_on n2 || wrong "nothing runs on n2"
back=$(task_on n2)
scontrol requeue "${array}_$back"
# 3. Two urgent jobs want both GPUs that are left: what runs there is warned, ends its study and is put back.
until_true 60 runs_on n3 || wrong "nothing runs on n3"
away=$(task_on n3)
sbatch --parsable -p urgent --gres=gpu:1 -w n3 -o "$work/urgent.log" --wrap 'sleep 1' >"$work/urgent.id"
until_true 90 grep -q 'after USR1' "$work/out/log/duramap-$array-$away.log" || wrong "the task on n3 was not warned"
cluster node "$work/c" n1
scontrol update nodename=n1 state=resume 2>/dev/null

"$duramap" status "$work/out" >"$work/status.log" 2>&1 || wrong "status: $(cat "$work/status.log")"
grep -q '^planned 60 sources' "$work/status.log" || wrong "status does not know the plan: $(cat "$work/status.log")"

ended() {
    [ -z "$(squeue -h -t PD,R,CG,CF,S,RQ -j "$merge" 2>/dev/null)" ]
}
until_true 200 ended || wrong "the merge has not ended: $(squeue)"
for task in $lost $back $away; do
    [ "$(starts_of "$task")" -ge 2 ] || wrong "task $task was started once"
done
grep -q 'GPUs of the job: 0; CUDA_VISIBLE_DEVICES=0' "$work/out/log/duramap-$array-0.log" || wrong "Slurm's GPU did not reach the task"
grep -q '^60 studies in ' "$work/out/log/duramap-merge-$merge.log" || wrong "merge: $(cat "$work"/out/log/duramap-merge-*)"

# ---- the same in one process ----
"$duramap" run --plan "$work/one/private/plan-1.jsonl" --out "$work/one" --device cpu --no-pictures --no-selftest >"$work/one.log" 2>&1
[ $? = 3 ] || wrong "the run in one process: $(tail -n 3 "$work/one.log")"
n=0
for table in "$work"/one/tables/* "$work/one/private/mapping.csv"; do
    [ "$(basename "$table")" = run.csv ] && continue
    diff "$table" "$work/out/${table#"$work"/one/}" >"$work/diff" || wrong "$(basename "$table") differs: $(head -n 6 "$work/diff")"
    n=$((n + 1))
done
[ "$n" = 14 ] || wrong "$n files were compared, not 14"
studies=$work/out/tables/studies.csv
[ "$(tail -n +2 "$studies" | cut -d, -f1 | sort -u | wc -l)" = 60 ] || wrong "not one row for each of 60 sources"
[ "$(grep -cE ',(CT|MR),(ok|warning),' "$studies")" -ge 20 ] || wrong "fewer than 20 studies went through all stages"
[ "$(grep -c ',failed,duplicate_study,' "$studies")" = 2 ] || wrong "not two copies"
"$duramap" status "$work/out" | grep -q '^open    0$' || wrong "something is open"
# No name of an archive in a log: they are often those of patients. Whole words: three letters and a digit of a name stand in a
# source's code by chance in one run of some hundreds.
ls "$work/in/2024" "$work/in/2025" | sed -n 's/\.[a-z]*$//p' >"$work/names"
[ "$(wc -l <"$work/names")" = 60 ] || wrong "not 60 names to look for"
grep -qwFf "$work/names" "$work/out/private/mapping.csv" || wrong "the names are not found where they are"
if grep -lwFf "$work/names" "$work"/out/log/* >"$work/named"; then wrong "names of archives in $(cat "$work/named")"; fi

# ---- nothing is left: submitted again, nothing happens; a record that is lost brings back its task alone ----
"$duramap" submit "$work/out" --partition main --studies-per-task 5 >"$work/submit.log" 2>&1
[ $? = 2 ] || wrong "a finished cohort is submitted: $(cat "$work/submit.log")"
rm "$work/out/records/$(sed -n 2p "$studies" | cut -d, -f1).json"
"$duramap" merge "$work/out" >"$work/merge.log" 2>&1
[ $? = 75 ] || wrong "an incomplete cohort is merged: $(cat "$work/merge.log")"
"$duramap" submit "$work/out" --partition main --studies-per-task 5 --dry-run >"$work/submit.log" 2>&1
grep -qE '^sbatch --parsable --array=[0-9]+%8 ' "$work/submit.log" || wrong "not one task: $(grep sbatch "$work/submit.log")"

# ---- by hand, as the script says: two lines are edited (the rest is what these nodes have not) ----
mkdir "$work/hand"
sed -e 's|^#SBATCH --partition=.*|#SBATCH --partition=main|' -e "s|^OUT=.*|OUT=$work/out|" "$source/configs/cluster/duramap.sbatch" >"$work/hand/duramap.sbatch"
(cd "$work/hand" && PATH=$(dirname "$duramap"):$PATH sbatch --wait --array=0-1 --cpus-per-task=1 --mem=300M --export=ALL,DURAMAP_DEVICE=cpu duramap.sbatch >sbatch.log 2>&1) ||
    wrong "by hand: $(cat "$work"/hand/*.log)"
"$duramap" merge "$work/out" >"$work/merge.log" 2>&1 || wrong "merge after the run by hand: $(cat "$work"/merge.log "$work"/hand/*.log)"
cmp "$work/one/tables/studies.csv" "$studies" || wrong "by hand: studies.csv differs"

# ---- a cluster that takes arrays of 5: three, one after the other ----
mkdir "$work/bin"
printf '#!/bin/sh\necho "MaxArraySize            = 5"\n' >"$work/bin/scontrol"
chmod +x "$work/bin/scontrol"
plan "$work/fresh"
PATH=$work/bin:$PATH "$duramap" submit "$work/fresh" --studies-per-task 5 --dry-run >"$work/submit.log" 2>&1
grep '^sbatch' "$work/submit.log" | sed 's/ [^ ]*duramap.sbatch//; s/ --output.*//' >"$work/arrays"
cat >"$work/expected" <<'END'
sbatch --parsable --array=0-4%8 0
sbatch --parsable --array=0-4%8 '--dependency=afterany:<array-from-0>' 5
sbatch --parsable --array=0-1%8 '--dependency=afterany:<array-from-5>' 10
sbatch --parsable --job-name=duramap-merge '--dependency=afterany:<array-from-10>'
END
diff "$work/expected" "$work/arrays" || wrong "not three arrays"

echo "lost with its node: task $lost; put back by hand: $back; made room: $away; $(cat "$work"/out/log/duramap-"$array"-*.log | grep -c ' task [0-9]* on ') starts of 12 tasks"
[ "$failures" = 0 ] && echo "the same tables"
[ "$failures" = 0 ] || tail -n 30 "$work"/out/log/*.log "$work/c/log/slurmctld.log"
[ "$failures" = 0 ]
