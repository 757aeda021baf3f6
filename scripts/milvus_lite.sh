#!/usr/bin/env bash
# A milvus-lite server of its own, on the loopback address.
#
#   milvus_lite.sh start STATE NAME PORT VERSION   starts it and waits until it listens
#   milvus_lite.sh stop  STATE NAME
#
# VERSION is one of the two that scripts/install.sh peers installs. lib.sh tells what is kept where.
source "$(dirname "$0")/lib.sh"

start() { # STATE NAME PORT VERSION
  local state=$1 name=$2 port=$3 version=$4
  running_pid "$state" "$name" >/dev/null && return
  need_ports "$name" PORT "$port" "$port"
  case $version in
    "$milvus_lite_cpp_version")
      [ -d "$milvus_lite_cpp" ] || die "milvus-lite $version is not installed; run scripts/install.sh peers"
      launch "$state" "$name" env LD_LIBRARY_PATH="$milvus_lite_cpp" \
        "$milvus_lite_cpp/milvus" "$state/$name/milvus.db" "127.0.0.1:$port" ERROR
      ;;
    "$milvus_lite_version")
      [ -d "$python_peers" ] || die "milvus-lite $version is not installed; run scripts/install.sh peers"
      launch "$state" "$name" env PYTHONPATH="$python_peers" \
        python3 -m milvus_lite server --data-dir "$state/$name/data" --host 127.0.0.1 --port "$port"
      ;;
    *) die "milvus-lite $version is not one of $milvus_lite_cpp_version and $milvus_lite_version" ;;
  esac
  await "$state" "$name" 60 listens "$port"
}

listens() { exec 8<>"/dev/tcp/127.0.0.1/$1" && exec 8>&-; }

{ # read whole before it runs, so that a new version of this file does no harm
  command=${1-}
  [ $# -ge 3 ] || die "usage: milvus_lite.sh start STATE NAME PORT VERSION | stop STATE NAME"
  mkdir -p "$2"
  state=$(cd "$2" && pwd)
  case $command in
    start) start "$state" "${@:3}" ;;
    stop) stop "$state" "$3" 5 ;;
    *) die "milvus_lite.sh: unknown command $command" ;;
  esac
  exit
}
