#!/usr/bin/env bash
# A real Slurm of two nodes on this machine: loopback.sh check | install | up | away | back | down
#
# For tests only, as root on Debian or Ubuntu, without systemd. Each node has a daemon, a name and a
# port of its own, and 8 CPUs and 8 GB whatever the machine has; jobs go to the one with less to do.
# Partition `main` has both, `gpu` the first, with a GPU that is none (its device is /dev/null): it is
# granted, queued for and refused like a real one. Jobs that take more memory than they asked for are
# killed, as on a cluster.
# A Slurm that is not of this script is left alone: `up` refuses to start beside it.
set -euo pipefail

STATE=/var/tmp/kohorte-slurm
MARK="# written by kohorte's tests/slurm/loopback.sh"
NODES=(first second)
PACKAGES=(slurmctld slurmd slurm-client munge)

fail() {
  echo "loopback.sh: $*" >&2
  exit 1
}

has_packages() {
  command -v slurmctld slurmd sbatch munged >/dev/null
}

check_machine() {
  [ "$(id -u)" = 0 ] || fail "only root can start the daemons"
  if [ -e /etc/slurm/slurm.conf ] && ! grep -qF "$MARK" /etc/slurm/slurm.conf; then
    fail "/etc/slurm/slurm.conf belongs to another Slurm, which is left alone"
  fi
}

check() {
  check_machine
  has_packages || fail "not installed: ${PACKAGES[*]} (make test-slurm installs them)"
}

install_packages() {
  check_machine
  has_packages && return
  command -v apt-get >/dev/null || fail "no apt-get to install ${PACKAGES[*]} with"
  export DEBIAN_FRONTEND=noninteractive
  local install=(timeout 120 apt-get install -qq -y --no-install-recommends "${PACKAGES[@]}")
  # The list of packages may be missing or old.
  "${install[@]}" >/dev/null 2>&1 && return
  timeout 120 apt-get update -qq >/dev/null || fail "apt-get update failed"
  "${install[@]}" >/dev/null || fail "apt-get cannot install ${PACKAGES[*]}"
}

write_configuration() {
  local host
  host=$(hostname -s)
  cat >"$STATE/slurm.conf" <<CONF
$MARK
ClusterName=loopback
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmUser=root
SlurmdUser=root
SlurmdParameters=config_overrides
AuthType=auth/munge
CredType=cred/munge
MpiDefault=none
SwitchType=switch/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory,CR_LLN
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=1,sched_interval=2,sched_min_interval=0,bf_interval=2,defer_batch
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
MinJobAge=3600
KillWait=2
ReturnToService=2
GresTypes=gpu
StateSaveLocation=$STATE/slurmctld
SlurmdSpoolDir=$STATE/spool-%n
SlurmctldPidFile=$STATE/slurmctld.pid
SlurmdPidFile=$STATE/%n.pid
SlurmctldLogFile=$STATE/slurmctld.log
SlurmdLogFile=$STATE/%n.log
NodeName=DEFAULT CPUs=8 RealMemory=8000 State=UNKNOWN
NodeName=first NodeHostname=$host NodeAddr=127.0.0.1 Port=16818 Gres=gpu:fake:1
NodeName=second NodeHostname=$host NodeAddr=127.0.0.1 Port=16819
PartitionName=main Nodes=first,second Default=YES MaxTime=1-0 State=UP
PartitionName=gpu Nodes=first MaxTime=1-0 State=UP
CONF
  echo "NodeName=first Name=gpu Type=fake Count=1 File=/dev/null" >"$STATE/gres.conf"
}

up() {
  check
  down
  install -d -m 755 "$STATE" "$STATE/slurmctld" /etc/slurm
  write_configuration
  # A job step looks for the files here whatever the environment says.
  ln -sf "$STATE/slurm.conf" "$STATE/gres.conf" /etc/slurm/

  if ! munge_answers; then
    install -d -o munge -g munge -m 755 /run/munge
    setpriv --reuid=munge --regid=munge --init-groups /usr/sbin/munged >/dev/null 2>&1 </dev/null
    munge_answers || fail "munge does not answer"
    cp /run/munge/munged.pid "$STATE/munged.pid"
  fi
  slurmctld -i >/dev/null 2>&1 </dev/null
  for node in "${NODES[@]}"; do
    install -d -m 755 "$STATE/spool-$node"
    slurmd -N "$node" >/dev/null 2>&1 </dev/null
  done
  for _ in $(seq 100); do
    [ "$(timeout 5 sinfo -h -p main -o "%T %D" 2>/dev/null)" = "idle 2" ] && return
    sleep 0.2
  done
  tail -n 20 "$STATE"/*.log >&2
  fail "the nodes did not come up within 20 s"
}

# Its controller is away, as while it is updated, and comes back with what it knew.
away() {
  stop "$STATE/slurmctld.pid" slurmctld
}

back() {
  slurmctld >/dev/null 2>&1 </dev/null
}

munge_answers() {
  munge -n 2>/dev/null | unmunge >/dev/null 2>&1
}

# Whether process $1 runs; one that has ended and was not waited for has no command line.
runs() {
  [ -n "$(cat "/proc/$1/cmdline" 2>/dev/null | tr -d '\0')" ]
}

# Ends the daemon called $2 whose id is in file $1.
stop() {
  local pid
  pid=$(cat "$1" 2>/dev/null) || return 0
  # The number may have gone to another process since.
  [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$2" ] || return 0
  kill "$pid"
  for _ in $(seq 50); do
    runs "$pid" || return 0
    sleep 0.1
  done
  kill -9 "$pid" || true
}

down() {
  grep -qsF "$MARK" "$STATE/slurm.conf" || return 0
  if [ -e "$STATE/slurmctld.pid" ]; then
    timeout 10 scancel --user=root --signal=KILL --full 2>/dev/null || true
    timeout 10 scancel --user=root 2>/dev/null || true
    for _ in $(seq 50); do
      [ -z "$(timeout 5 squeue -h 2>/dev/null)" ] && break
      sleep 0.2
    done
  fi
  for node in "${NODES[@]}"; do
    stop "$STATE/$node.pid" slurmd
  done
  stop "$STATE/slurmctld.pid" slurmctld
  stop "$STATE/munged.pid" munged
  rm -f /etc/slurm/slurm.conf /etc/slurm/gres.conf
  rm -rf "$STATE"
}

case "${1:-}" in
check) check ;;
install) install_packages ;;
up) up ;;
away) away ;;
back) back ;;
down) down ;;
*) fail "usage: loopback.sh check | install | up | away | back | down" ;;
esac
