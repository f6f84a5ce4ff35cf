#!/usr/bin/env bash
# Follows a stream by WebSocket: websocket.sh URL [OFFSET]
# Prints each message as a line, {"offset":…,"time":…,"data":…}, once and in order, until Ctrl-C or the stream is closed. Who keeps the last
# offset goes on there another time. Needs bash 4.4 or newer, jq, and websocat: curl speaks WebSocket from version 8.11 on, and the curl that
# most systems bring is older.

url=ws${1#http} offset=${2:--1} failures=0 pid=
trap 'kill $pid 2>/dev/null' EXIT
trap exit INT TERM
export LC_ALL=C # What is read are bytes.

# What a server says is a number only when it has nothing but digits: bash would run what else stands in `$((…))`.
while true; do
  within=0 silence=60
  exec 3< <(exec websocat -nU -B 20000000 "$url?offset=$offset" 2>/dev/null)
  pid=$!
  while IFS= read -r -t "$silence" line <&3; do
    IFS='|' read -r type next detail < <(jq -r '"\(.type)|\(.offset // "")|\(.reason // .within // .heartbeat // "")"' <<<"$line")
    case $type in
      hello) silence=$((10#0${detail//[!0-9]/} * 5 / 2 + 1)) ;;
      message) jq -c 'del(.type, .stream)' <<<"$line" || exit ;;
      live) failures=0 ;;
      drain) within=$((10#0${detail//[!0-9]/})) ;;
      closed) exit ;;
      error) break ;;
      reset)
        echo "reset ($detail): messages are missing; going on from the earliest" >&2
        offset=-1
        break
        ;;
    esac
    offset=${next:-$offset}
  done
  kill "$pid" 2>/dev/null
  # Anywhere within a time that doubles, or that the server says: not all come back at once.
  most=$((within > 1 << failures ? within : 1 << failures))
  printf -v pause '%d.%03d' $((RANDOM % most)) $((RANDOM % 1000))
  failures=$((failures < 5 ? failures + 1 : 5))
  sleep "$pause"
done
