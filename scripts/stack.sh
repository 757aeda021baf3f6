#!/usr/bin/env bash
# The embedded stack: Temporal, two Milvus servers and a worker, with their state in .milvusdm/.
#
#   stack.sh up     starts what is not running, and restarts a worker that was built anew since
#   stack.sh env    prints shell settings that say where it is
#   stack.sh down   stops what was started
#   stack.sh clean  the same, and forgets all state
#
# Ports are taken from the environment, else from the last time, else they are those below. A Milvus server takes its
# port and the 12 that follow.
source "$(dirname "$0")/lib.sh"

state=$(realpath -m "${STATE:-$root/.milvusdm}")
scripts=$root/scripts
worker=$bin/milvusdm-worker

# variable, default and the process that uses the port
ports() {
  cat <<LIST
TEMPORAL_PORT 7233 temporal
TEMPORAL_UI_PORT 8233 temporal
MILVUS_SOURCE_PORT 19530 milvus-source
MILVUS_TARGET_PORT 19630 milvus-target
LIST
}

read_ports() {
  local variable default name last twice
  while read -r variable default name; do
    last=$(sed -n "s/^$variable=//p" "$state/ports" 2>/dev/null || true)
    printf -v "$variable" %s "${!variable:-${last:-$default}}"
    [[ ${!variable} =~ ^[1-9][0-9]{0,4}$ ]] && [ "${!variable}" -le 65523 ] ||
      die "$variable=${!variable} is not a port from 1 to 65523"
    if [ "${!variable}" != "${last:-${!variable}}" ] && running_pid "$state" "$name" >/dev/null; then
      die "$name runs already, with $variable=$last; run make down first"
    fi
  done < <(ports)
  twice=$({
    printf '%s\n' "$TEMPORAL_PORT" "$TEMPORAL_UI_PORT"
    seq "$MILVUS_SOURCE_PORT" $((MILVUS_SOURCE_PORT + 12))
    seq "$MILVUS_TARGET_PORT" $((MILVUS_TARGET_PORT + 12))
  } | sort -n | uniq -d | head -n 1)
  [ -z "$twice" ] || die "port $twice would be used twice; Milvus takes its port and the 12 that follow"
}

write_ports() {
  local variable
  while read -r variable _; do echo "$variable=${!variable}"; done < <(ports) >"$state/ports"
}

# start NAME COMMAND... starts a server in the background of this script, unless it runs; join waits for all of them.
starting=() pids=()
start() {
  local name=$1
  shift
  running_pid "$state" "$name" >/dev/null && return
  starting+=("$name")
  "$@" &
  pids+=($!)
}

join() {
  local pid failed=0
  for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
  [ $failed = 0 ] || exit 1
}

start_worker() {
  local pid before
  if pid=$(running_pid "$state" worker); then
    [ "/proc/$pid/exe" -ef "$worker" ] && return
    say "the worker was built anew: restarting it"
    stop "$state" worker 90
  fi
  before=$(wc -l 2>/dev/null <"$state/log/worker.log" || echo 0)
  launch "$state" worker env TEMPORAL_ADDRESS="127.0.0.1:$TEMPORAL_PORT" "$worker" -reports "$state/reports"
  await "$state" worker 60 worker_ready $((before + 1))
}

# worker_ready LINE looks for the worker's word that it takes work, from that line of its log on.
worker_ready() { tail -n "+$1" "$state/log/worker.log" | grep -F 'msg="worker started"'; }

up() {
  read_ports
  write_ports
  start temporal "$scripts/temporal.sh" start "$state" temporal "$TEMPORAL_PORT" "$TEMPORAL_UI_PORT"
  PORT_VARIABLE=MILVUS_SOURCE_PORT \
    start milvus-source "$scripts/milvus.sh" start "$state" milvus-source "$MILVUS_SOURCE_PORT"
  PORT_VARIABLE=MILVUS_TARGET_PORT \
    start milvus-target "$scripts/milvus.sh" start "$state" milvus-target "$MILVUS_TARGET_PORT"
  if [ ${#starting[@]} -gt 0 ]; then
    say "starting ${starting[*]} (about 10 s)"
    [[ ${starting[*]} != *milvus* ]] ||
      say "note: Milvus 2.3 listens on all interfaces, without a password: ports $MILVUS_SOURCE_PORT and" \
        "$MILVUS_TARGET_PORT, each with the 12 that follow"
    join
  fi
  start_worker
  say "Temporal 127.0.0.1:$TEMPORAL_PORT, Web UI http://127.0.0.1:$TEMPORAL_UI_PORT," \
    "Milvus 127.0.0.1:$MILVUS_SOURCE_PORT (source) and 127.0.0.1:$MILVUS_TARGET_PORT (target)"
}

settings() {
  read_ports
  cat <<SETTINGS
export TEMPORAL_ADDRESS=127.0.0.1:$TEMPORAL_PORT
export TEMPORAL_UI=http://127.0.0.1:$TEMPORAL_UI_PORT
export MILVUS_SOURCE=127.0.0.1:$MILVUS_SOURCE_PORT
export MILVUS_TARGET=127.0.0.1:$MILVUS_TARGET_PORT
SETTINGS
}

down() {
  local name
  stop "$state" worker 90 # first: it finishes the calls that are under way
  for name in milvus-source milvus-target; do "$scripts/milvus.sh" stop "$state" "$name" & done
  "$scripts/temporal.sh" stop "$state" temporal
  wait
}

{ # read whole before it runs, so that a new version of this file does no harm
  if [ "${1-}" = env ]; then
    settings
    exit
  fi
  [[ ${1-} =~ ^(up|down|clean)$ ]] || die "usage: stack.sh up | env | down | clean"
  [ "$1" = up ] || [ -d "$state" ] || exit 0 # nothing to stop
  mkdir -p "$state"
  exec 9>"$state/lock"
  flock 9 # one at a time
  case $1 in
    up) up ;;
    down) down ;;
    clean)
      down
      rm -rf "$state"
      ;;
  esac
  exit
}
