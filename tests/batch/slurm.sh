#!/usr/bin/env bash
# docs/fleet.md's way over Slurm, for real: a Slurm of one node on this machine, an array of 8 batches, and the counts compared
# with one batch over all. No part of the tests: it starts daemons (and ends them). Needs slurm-wlm, munge, sqlite3 and root.
# Usage: tests/batch/slurm.sh PROGRAM (what was built)
set -euo pipefail
program=$(realpath "$1")
source=$(realpath "$(dirname "$0")/../..")
[ "$(id -u)" -eq 0 ] || { echo "this needs root" >&2; exit 1; }
export PATH=$PATH:/usr/sbin
for needed in munged slurmctld slurmd sbatch sqlite3; do
  command -v "$needed" >/dev/null || { echo "$needed is missing: slurm-wlm, munge, sqlite3" >&2; exit 1; }
done

home=$(mktemp -d)
chmod 755 "$home"
pids=()
finish() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait
  rm -rf "$home"
}
trap finish EXIT

# A Slurm of its own, with its own key, ports and folders.
mkdir -p "$home"/munge "$home"/state "$home"/spool
chmod 755 "$home"/munge
(umask 077 && dd if=/dev/urandom of="$home/munge/key" bs=128 count=1 status=none)
munged --foreground --force --key-file="$home/munge/key" --socket="$home/munge/socket" --pid-file="$home/munge/pid" \
  --seed-file="$home/munge/seed" --log-file="$home/munge/log" >"$home/munge/out" 2>&1 &
pids+=($!)
host=$(hostname -s)
processors=$(nproc)
cat >"$home/slurm.conf" <<EOF
ClusterName=one
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=27817
SlurmdPort=27818
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$home/munge/socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
MpiDefault=none
StateSaveLocation=$home/state
SlurmdSpoolDir=$home/spool
SlurmctldPidFile=$home/slurmctld.pid
SlurmdPidFile=$home/slurmd.pid
SlurmctldLogFile=$home/slurmctld.log
SlurmdLogFile=$home/slurmd.log
NodeName=$host NodeAddr=127.0.0.1 CPUs=$processors State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
EOF
export SLURM_CONF=$home/slurm.conf
slurmctld -D >"$home/slurmctld.out" 2>&1 &
pids+=($!)
slurmd -D >"$home/slurmd.out" 2>&1 &
pids+=($!)
for _ in $(seq 60); do
  sinfo --noheader --format=%t 2>/dev/null | grep -q idle && break
  sleep 0.5
done
sinfo

# What docs/fleet.md shows.
"$source/tests/batch/many_dumps.sh" "$source" "$home/dumps" 150
cd "$home"
find "$PWD/dumps" -type f -name '*.dmp' | sort >paths.txt
cat >fleet.sbatch <<EOF
#!/bin/bash
#SBATCH --array=0-7
#SBATCH --cpus-per-task=1
#SBATCH --output=%x.%a.log
awk -v n=8 -v i=\$SLURM_ARRAY_TASK_ID 'NR % n == i' paths.txt |
  $program batch - -o part.\$SLURM_ARRAY_TASK_ID.jsonl -j \$SLURM_CPUS_PER_TASK --offline
EOF
sbatch --wait fleet.sbatch
head --quiet --lines=1 fleet.sbatch.*.log
# One task again, as after a node that went away: its lines are there but for the last, which was cut.
truncate --size=-30 part.3.jsonl
sbatch --wait --array=3 fleet.sbatch
cat fleet.sbatch.3.log

"$source/tests/batch/compare_counts.sh" "$program" "$home/dumps" "$home"/part.*.jsonl
