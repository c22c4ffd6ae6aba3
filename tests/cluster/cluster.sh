#!/bin/bash
# A throw-away Slurm cluster on the loopback interface, all of it below DIR: no systemd, no cgroups, no database, no file in /etc.
# usage: cluster.sh up DIR NODES | cluster.sh node DIR NAME | cluster.sh kill DIR NAME | cluster.sh down DIR
#   up    starts munged, slurmctld and the nodes n1, n2, ... with 2 cores and one GPU (/dev/null) each; prints nothing
#   node  starts a node again
#   kill  ends a node as a power cut does: its daemon, and every process of a job on it, by their pids
#   down  ends what is left, by its pids
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
verb=$1 dir=$2
export SLURM_CONF=$dir/slurm.conf

# start NAME COMMAND...: a daemon in the foreground mode, in a session of its own; its pid is kept.
start() {
    local name=$1
    shift
    setsid "$@" >"$dir/log/$name.out" 2>&1 </dev/null &
    echo $! >"$dir/pid/$name"
}

start_node() {
    mkdir -p "$dir/spool/$1"
    start "$1" slurmd -D -N "$1" -f "$SLURM_CONF"
}

# The first of $1 neighbouring TCP ports that nobody listens on, below those that the system gives out.
free_ports() {
    local busy port i
    busy=" $(awk 'FNR > 1 { split($2, a, ":"); print a[2] }' /proc/net/tcp /proc/net/tcp6 2>/dev/null | sort -u | tr '\n' ' ')"
    for _ in $(seq 200); do
        port=$((20000 + RANDOM % 12000))
        for ((i = 0; i < $1; i++)); do
            case $busy in *" $(printf %04X $((port + i))) "*) continue 2 ;; esac
        done
        echo "$port"
        return
    done
    echo "no free ports" >&2
    return 1
}

write_conf() {
    local nodes=$1 port user
    port=$(free_ports $((nodes + 1)))
    user=$(id -un)
    cat >"$dir/slurm.conf" <<CONF
ClusterName=t
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=$port
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
CredType=cred/munge
# cred_expire: a job that was put back waits for so long; 120 s by default, less than 5 is refused
AuthInfo=socket=$dir/munge/sock,cred_expire=5
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
MpiDefault=none
StateSaveLocation=$dir/state
SlurmctldPidFile=$dir/pid/slurmctld.slurm
SlurmdPidFile=$dir/pid/%n.slurm
SlurmdSpoolDir=$dir/spool/%n
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=$dir/log/jobcomp.txt
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,sched_min_interval=0,bf_interval=1,batch_sched_delay=0
# more CPUs than the machine has
SlurmdParameters=config_overrides
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
ReturnToService=2
JobRequeue=1
KillWait=5
MinJobAge=3600
MaxArraySize=${MAX_ARRAY:-1001}
SlurmctldTimeout=30
SlurmdTimeout=10
BatchStartTimeout=10
MessageTimeout=10
GresTypes=gpu
NodeName=n[1-$nodes] NodeHostname=localhost NodeAddr=127.0.0.1 Port=[$((port + 1))-$((port + nodes))] CPUs=2 RealMemory=1000 Gres=gpu:1 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE DefaultTime=10 State=UP PriorityTier=1 GraceTime=60
PartitionName=urgent Nodes=ALL MaxTime=INFINITE DefaultTime=10 State=UP PriorityTier=10 PreemptMode=OFF
CONF
    echo "NodeName=n[1-$nodes] Name=gpu File=/dev/null" >"$dir/gres.conf"
}

idle_nodes() {
    sinfo -h -N -p main -t idle -o %N 2>/dev/null | wc -l
}

# gone PID: ended, or a zombie that nobody has waited for.
gone() {
    [ ! -r "/proc/$1/stat" ] || [ "$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -c1)" = Z ]
}

# ours PID: a stale file may name a stranger's process.
ours() {
    grep -qaF -- "$dir/" "/proc/$1/cmdline" 2>/dev/null
}

stop() {
    local file pid
    for file in "$@"; do
        [ -f "$file" ] || continue
        pid=$(cat "$file")
        rm -f "$file"
        ours "$pid" || continue
        kill -TERM "$pid" 2>/dev/null || true
        for _ in $(seq 60); do
            gone "$pid" && break
            sleep 0.05
        done
        gone "$pid" || kill -KILL "$pid" 2>/dev/null || true
    done
}

# Processes of jobs on a node of this cluster: what Slurm put into their environment tells.
pids_on_node() {
    local p
    for p in /proc/[0-9]*; do
        if grep -qzxF "SLURM_CONF=$dir/slurm.conf" "$p/environ" 2>/dev/null && grep -qzxF "SLURMD_NODENAME=$1" "$p/environ" 2>/dev/null; then
            echo "${p#/proc/}"
        fi
    done
}

# The slurmstepd that keeps a job: the parent of the batch script.
keepers() {
    local pid parent
    for pid in "$@"; do
        parent=$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d' ' -f2)
        [ -n "$parent" ] && grep -qa '^slurmstepd' "/proc/$parent/cmdline" 2>/dev/null && echo "$parent"
    done
}

case $verb in
up)
    mkdir -p "$dir"/{log,pid,state,spool,munge}
    chmod 755 "$dir" "$dir/munge"
    chmod 700 "$dir/state"
    (umask 077 && head -c 1024 /dev/urandom >"$dir/munge/key")
    write_conf "$3"
    # Takes the cluster down when a test that was killed did not.
    setsid bash -c "sleep 900; rm -f '$dir/pid/watchdog'; exec bash '$(readlink -f "$0")' down '$dir'" >/dev/null 2>&1 </dev/null &
    echo $! >"$dir/pid/watchdog"
    start munged munged --foreground --force --socket="$dir/munge/sock" --key-file="$dir/munge/key" \
        --pid-file="$dir/munge/pid" --log-file="$dir/munge/log" --seed-file="$dir/munge/seed"
    for _ in $(seq 100); do
        [ -S "$dir/munge/sock" ] && break
        sleep 0.05
    done
    munge -n --socket="$dir/munge/sock" | unmunge --socket="$dir/munge/sock" >/dev/null
    start slurmctld slurmctld -D -i -f "$SLURM_CONF"
    for i in $(seq "$3"); do start_node "n$i"; done
    for _ in $(seq 300); do
        [ "$(idle_nodes)" = "$3" ] && exit 0
        sleep 0.1
    done
    echo "only $(idle_nodes) of $3 nodes are idle" >&2
    tail -n 5 "$dir"/log/*.log >&2
    bash "$0" down "$dir"
    exit 1
    ;;
node) start_node "$3" ;;
kill)
    jobs=$(pids_on_node "$3")
    # shellcheck disable=SC2086 # lists of numbers
    kill -KILL $(cat "$dir/pid/$3") $(keepers $jobs | sort -u) $jobs 2>/dev/null || true
    rm -f "$dir/pid/$3"
    ;;
down)
    # Jobs first: no step may outlive its daemon.
    timeout 10 scancel --full -u "$(id -un)" 2>/dev/null || true
    for _ in $(seq 100); do
        [ -z "$(timeout 5 squeue -h 2>/dev/null)" ] && break
        sleep 0.1
    done
    if [ -f "$dir/pid/watchdog" ]; then
        kill -TERM -- "-$(cat "$dir/pid/watchdog")" 2>/dev/null || true
        rm -f "$dir/pid/watchdog"
    fi
    # shellcheck disable=SC2046 # names without spaces
    stop $(find "$dir/pid" -name 'n[0-9]*' ! -name '*.slurm') "$dir/pid/slurmctld" "$dir/pid/munged"
    ;;
*) exit 2 ;;
esac
