#!/usr/bin/env bash
# A Milvus standalone server of its own (embedded etcd, RocksMQ and local files).
#
#   milvus.sh start STATE NAME PORT [SETTING=VALUE...]   starts it and waits until it is healthy
#   milvus.sh stop  STATE NAME                           flushes all collections, and stops it
#
# PORT to PORT+12 are its own. A setting is one of milvus.yaml's, such as COMMON_SECURITY_TLSMODE=1 for
# common.security.tlsMode, and takes precedence over the configuration below.
#
# What this version acknowledged is not durable before a flush: where two shards share one of its physical channels,
# rows that were not flushed can be lost when it stops, even if it is stopped gently. Therefore stop flushes first, and
# the server has more channels than the default of 16, so that a kill loses nothing while fewer shards exist.
#
# lib.sh tells what is kept where. The configuration names only what differs from Milvus's defaults.
source "$(dirname "$0")/lib.sh"

configure() { # DIR PORT
  local dir=$1 port=$2
  mkdir -p "$dir/configs" "$dir/logs"
  cp "$milvus_dist/glog.conf" "$dir/configs/"
  # The session's time to live decides how soon a killed server can start again; a graceful stop can hang in this
  # version. Every service's port is set: two servers would else meet on the defaults.
  cat >"$dir/configs/milvus.yaml" <<YAML
etcd:
  endpoints: 127.0.0.1:$((port + 11))
  use: {embed: true}
  data: {dir: $dir/etcd}
  config: {path: $dir/configs/etcd.yaml}
  log: {level: error, path: $dir/logs/etcd.log}
localStorage: {path: $dir/data}
mq: {type: rocksmq}
rocksmq: {path: $dir/rocksmq}
proxy: {ip: 127.0.0.1, port: $port, internalPort: $((port + 1))}
rootCoord: {ip: 127.0.0.1, port: $((port + 2)), dmlChannelNum: 1024}
queryCoord: {ip: 127.0.0.1, port: $((port + 3))}
queryNode: {ip: 127.0.0.1, port: $((port + 4))}
indexNode: {ip: 127.0.0.1, port: $((port + 5))}
dataCoord: {ip: 127.0.0.1, port: $((port + 6))}
dataNode: {ip: 127.0.0.1, port: $((port + 7))}
quotaAndLimits: {limits: {maxCollectionNumPerDB: 65536}}
log: {level: warn, stdout: false, file: {rootPath: $dir/logs, maxSize: 50, maxBackups: 2}}
common:
  storageType: local
  gracefulStopTimeout: 2
  session: {ttl: 15}
YAML
  cat >"$dir/configs/etcd.yaml" <<YAML
name: default
data-dir: $dir/etcd
log-level: error
listen-client-urls: http://127.0.0.1:$((port + 11))
advertise-client-urls: http://127.0.0.1:$((port + 11))
listen-peer-urls: http://127.0.0.1:$((port + 12))
initial-advertise-peer-urls: http://127.0.0.1:$((port + 12))
initial-cluster: default=http://127.0.0.1:$((port + 12))
YAML
}

start() { # STATE NAME PORT [SETTING=VALUE...]
  local state=$1 name=$2 port=$3
  shift 3
  running_pid "$state" "$name" >/dev/null && return
  [ -x "$milvus_dist/bin/milvus" ] || die "Milvus is not installed; run scripts/install.sh servers"
  need_ports "$name" "${PORT_VARIABLE:-PORT}" "$port" $((port + 12))
  configure "$state/$name" "$port"
  launch "$state" "$name" env "$@" DEPLOY_MODE=STANDALONE METRICS_PORT=$((port + 10)) \
    LD_LIBRARY_PATH="$milvus_dist/bin" "$milvus_dist/bin/milvus" run standalone
  await "$state" "$name" 120 http_ok $((port + 10)) /healthz OK
}

# flush STATE NAME has the server write down what it holds in memory only, within the limits of scripts/flush. A server
# is stopped even if that fails.
flush() {
  local config=$1/$2/configs/milvus.yaml port failed
  running_pid "$1" "$2" >/dev/null || return 0
  port=$(sed -n 's/^proxy: .* port: \([0-9]*\),.*/\1/p' "$config")
  # Built as the worker is, all but the program itself is compiled already.
  failed=$(cd "$root" && with_faiss timeout 120 go run ./scripts/flush "127.0.0.1:$port" 2>&1) ||
    say "warning: $2 stops without a flush of everything; rows that were not flushed may be lost:" "$failed"
}

{ # read whole before it runs, so that a new version of this file does no harm
  command=${1-}
  [ $# -ge 3 ] || die "usage: milvus.sh start STATE NAME PORT | stop STATE NAME"
  mkdir -p "$2"
  state=$(cd "$2" && pwd)
  case $command in
    start) start "$state" "${@:3}" ;;
    stop)
      flush "$state" "$3"
      stop "$state" "$3" 5 # it is killed then: this version seldom ends by itself
      ;;
    *) die "milvus.sh: unknown command $command" ;;
  esac
  exit
}
