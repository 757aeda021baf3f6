# Shared by the scripts of this folder: where things are kept, what is said, and the life of a server process.
#
# A state folder holds any number of named processes:
#   STATE/NAME/         the process's own files and working directory
#   STATE/run/NAME.pid  its process ID, and nothing else
#   STATE/log/NAME.log  what it prints
# A pid file is believed only while that process has STATE/NAME as its working directory, so a number that was given
# to another program since, or a process that is dead and not yet reaped, counts as not running.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${MILVUSDM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/milvusdm}

milvus_version=2.3.5
milvus_lite_cpp_version=2.4.12   # Milvus's own engine in C++
milvus_lite_version=3.2.2        # one in Python
pymilvus_version=3.0.2
h5py_version=3.14.0
temporal_version=1.5.1
golangci_lint_version=v2.6.0
workflowcheck_version=v0.6.0

milvus_dist=$cache/milvus-$milvus_version
milvus_lite_cpp=$cache/milvus-lite-$milvus_lite_cpp_version
# Python packages, for PYTHONPATH: pymilvus and the later milvus-lite, which needs it.
python_peers=$cache/python-pymilvus-$pymilvus_version-milvus-lite-$milvus_lite_version
python_h5py=$cache/python-h5py-$h5py_version # beside them: it takes their numpy

bin=$(realpath -m "${BIN:-$root/bin}") # our own programs

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# What an installation changes is a function below, not a variable above: it is worked out when it is used.

# go_version prints the version of Go that builds this project, which go.mod may choose, such as go1.26.8.
go_version() { (cd "$root" && go env GOVERSION); }

# A linter reads only code of a Go no newer than the one that it was built with.
golangci_lint() { echo "$cache/golangci-lint-$golangci_lint_version-$(go_version)"; }
workflowcheck() { echo "$cache/workflowcheck-$workflowcheck_version-$(go_version)"; }

# faiss_c_dir prints where Faiss's C API is kept; it belongs to one version of the library.
faiss_c_dir() {
  local version
  version=$(dpkg-query -W -f '${Version}' libfaiss-dev 2>/dev/null) && [ -n "$version" ] ||
    die "libfaiss-dev is not installed; run scripts/install.sh libraries"
  echo "$cache/faiss-c-$version"
}

# with_faiss COMMAND... runs a command that links go-faiss, which needs Faiss's C API.
with_faiss() {
  local dir
  dir=$(faiss_c_dir) || return
  CGO_LDFLAGS="-O2 -g -L$dir" "$@"
}

# temporal_command prints the Temporal CLI to use: the one on PATH when it is recent enough, else the one in the cache.
temporal_command() {
  local found version
  if found=$(type -P temporal) && version=$("$found" --version 2>/dev/null | awk '{print $3}') &&
    [ "$(printf '%s\n' "$temporal_version" "$version" | sort -V | head -n 1)" = "$temporal_version" ]; then
    echo "$found"
  else
    echo "$cache/temporal-$temporal_version"
  fi
}

# beside COMMAND... starts a command in the background, in a process group of its own. A script that uses it calls
# end_lanes when it exits.
lanes=()
beside() {
  set -m
  "$@" </dev/null &
  set +m
  lanes+=($!)
}

# all_done waits until all commands that beside started have ended. If one fails, the script exits with 1: what failed
# has said why.
all_done() {
  local pid running
  while [ ${#lanes[@]} -gt 0 ]; do
    running=()
    for pid in "${lanes[@]}"; do
      if kill -0 "$pid" 2>/dev/null; then
        running+=("$pid")
      else
        wait "$pid" || exit 1
      fi
    done
    lanes=("${running[@]}")
    sleep 0.1
  done
}

# end_lanes ends what beside started and still runs, with all its children, and waits for its end.
end_lanes() {
  local pid
  for pid in "${lanes[@]}"; do
    kill -TERM -- "-$pid" 2>/dev/null || true
  done
  wait
}

# running_pid STATE NAME prints the process ID if that process runs, else fails.
running_pid() {
  local pid
  pid=$(cat "$1/run/$2.pid" 2>/dev/null) && [ -n "$pid" ] || return 1
  { [ "/proc/$pid/cwd" -ef "$1/$2" ] || dying "$pid"; } && echo "$pid"
}

# dying PID succeeds while the first thread of a process is dead and others are not: its ports are still taken.
dying() { awk '/^State:/ {dead = $2 == "Z"} /^Threads:/ {more = $2 > 1} END {exit !(dead && more)}' "/proc/$1/status" 2>/dev/null; }

# launch STATE NAME COMMAND... starts a process of its own session in STATE/NAME and records its ID.
# Descriptor 9 is where callers hold their lock; a server must not inherit it.
launch() {
  local state=$1 name=$2
  shift 2
  mkdir -p "$state/$name" "$state/run" "$state/log"
  (
    cd "$state/$name"
    setsid "$@" >>"../log/$name.log" 2>&1 </dev/null 9>&- &
    echo $! >"../run/$name.pid"
  )
}

# await STATE NAME SECONDS COMMAND... waits until the command succeeds. A process that ends meanwhile, or is not ready
# in time, is an error that shows the end of its log.
await() {
  local state=$1 name=$2 seconds=$3 deadline=$((SECONDS + $3)) why
  shift 3
  while ! "$@" >/dev/null 2>&1; do
    why=
    running_pid "$state" "$name" >/dev/null || why="ended while starting"
    [ $SECONDS -lt $deadline ] || why="was not ready after $seconds s"
    if [ -n "$why" ]; then
      tail -n 15 "$state/log/$name.log" >&2
      die "$name $why; its log is $state/log/$name.log"
    fi
    sleep 0.1
  done
}

# stop STATE NAME SECONDS ends a process that was started here, and nothing else: it is asked to end, and killed when it
# has not after the given time.
stop() {
  local state=$1 name=$2 deadline=$((SECONDS + $3)) pid
  if pid=$(running_pid "$state" "$name"); then
    kill -CONT "$pid" 2>/dev/null || true # one that is stopped would not hear the next signal
    kill -TERM "$pid" 2>/dev/null || true
    while running_pid "$state" "$name" >/dev/null; do
      if [ $SECONDS -ge $deadline ]; then
        kill -KILL "$pid" 2>/dev/null || true
        deadline=$((SECONDS + 3600)) # once is enough
      fi
      sleep 0.1
    done
  fi
  rm -f "$state/run/$name.pid"
}

# holder PORT succeeds when something listens on the port, and prints what, as far as this user may see.
holder() {
  local hex inode fd pid
  hex=$(printf ':%04X' "$1")
  inode=$(awk -v port="$hex" '$4 == "0A" && substr($2, length($2) - 4) == port {print $10; exit}' \
    /proc/net/tcp /proc/net/tcp6 2>/dev/null)
  [ -n "$inode" ] || return 1
  fd=$(find /proc/[0-9]*/fd -lname "socket:\[$inode\]" -print -quit 2>/dev/null || true)
  pid=$(cut -d/ -f3 <<<"$fd")
  if [ -n "$pid" ]; then
    echo "process $pid ($(tr '\0' ' ' <"/proc/$pid/cmdline" | cut -c1-80 | sed 's/ *$//'))"
  else
    echo "a process of another user"
  fi
}

# need_ports WHAT VARIABLE FIRST LAST fails if something listens on one of the ports.
need_ports() {
  local port who
  for ((port = $3; port <= $4; port++)); do
    if who=$(holder "$port"); then
      die "port $port, which $1 needs, is in use by $who; stop that, or choose another port with $2=..."
    fi
  done
}

# http_ok PORT PATH TEXT succeeds when a GET on the loopback address answers 200 with a body that is the text.
http_ok() {
  local answer
  exec 8<>"/dev/tcp/127.0.0.1/$1" || return 1
  printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$2" >&8
  answer=$(timeout 3 cat <&8) || true
  exec 8>&-
  [[ $answer == HTTP/1.?" 200 "* && $answer == *$'\n'"$3" ]]
}
