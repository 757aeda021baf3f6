#!/usr/bin/env bash
# A Temporal server with its state on disk.
#
#   temporal.sh start STATE NAME PORT [UI_PORT [KEY=VALUE...]]   starts it and waits until it answers; without UI_PORT, no
#       Web UI; the settings are of its dynamic configuration
#   temporal.sh stop  STATE NAME
#
# lib.sh tells what is kept where. Histories are kept for 30 days.
source "$(dirname "$0")/lib.sh"

retention=720h
attributes="MilvusDMState=Keyword MilvusDMDirection=Keyword MilvusDMTarget=Keyword MilvusDMRows=Int MilvusDMError=Keyword"

start() { # STATE NAME PORT [UI_PORT [KEY=VALUE...]]
  local state=$1 name=$2 port=$3 ui_port=${4-} temporal ui setting settings=() attribute create=()
  running_pid "$state" "$name" >/dev/null && return
  temporal=$(temporal_command)
  [ -x "$temporal" ] || die "the Temporal CLI is not installed; run scripts/install.sh servers"
  need_ports "$name" TEMPORAL_PORT "$port" "$port"
  if [ -n "$ui_port" ]; then
    need_ports "$name's Web UI" TEMPORAL_UI_PORT "$ui_port" "$ui_port"
    ui=(--ui-ip 127.0.0.1 --ui-port "$ui_port")
  else
    ui=(--headless)
  fi
  for setting in "${@:5}"; do
    settings+=(--dynamic-config-value "$setting")
  done
  for attribute in $attributes; do
    settings+=(--search-attribute "$attribute")
    create+=(--name "${attribute%=*}" --type "${attribute#*=}")
  done
  # A poll rate that fits one machine: with the default, an activity waits 40 ms to be started.
  launch "$state" "$name" "$temporal" server start-dev --ip 127.0.0.1 --port "$port" "${ui[@]}" \
    --db-filename "$state/$name/temporal.db" --sqlite-pragma journal_mode=wal --sqlite-pragma synchronous=1 \
    --dynamic-config-value history.transferProcessorMaxPollRPS=1000 \
    --dynamic-config-value frontend.enableServerVersionCheck=false "${settings[@]}" --log-level warn
  await "$state" "$name" 60 "$temporal" operator namespace update --address "127.0.0.1:$port" \
    --retention "$retention" --namespace default
  # The flags above reach new databases only.
  "$temporal" operator search-attribute create --address "127.0.0.1:$port" "${create[@]}" >/dev/null
}

{ # read whole before it runs, so that a new version of this file does no harm
  command=${1-}
  [ $# -ge 3 ] || die "usage: temporal.sh start STATE NAME PORT [UI_PORT [KEY=VALUE...]] | stop STATE NAME"
  mkdir -p "$2"
  state=$(cd "$2" && pwd)
  case $command in
    start) start "$state" "$3" "$4" "${@:5}" ;;
    stop) stop "$state" "$3" 15 ;;
    *) die "temporal.sh: unknown command $command" ;;
  esac
  exit
}
