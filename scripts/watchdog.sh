#!/usr/bin/env bash
# watchdog.sh STATE waits for the end of its standard input, then kills the processes of the state folder and removes
# it. The tests hold the other end, so that nothing is left behind however they end.
source "$(dirname "$0")/lib.sh"

cat >/dev/null
for file in "$1"/run/*.pid; do
  pid=$(running_pid "$1" "$(basename "$file" .pid)") && kill -KILL "$pid"
done
sleep 0.2 # for what they still write
rm -rf "$1"
