#!/usr/bin/env bash
# Follows a stream by SSE: sse.sh URL [OFFSET]
# Prints each message as a line, {"offset":…,"time":…,"data":…}, once and in order, until Ctrl-C or the stream is closed. Who keeps the last
# offset goes on there another time. Needs bash 4.4 or newer, curl, and jq.

url=$1 offset=${2:--1} failures=0
trap 'kill $! 2>/dev/null' EXIT
trap exit INT TERM
shopt -s nocasematch
export LC_ALL=C # What is read are bytes.

reset() {
  echo "reset ($1): messages are missing; going on from the earliest" >&2
  offset=-1 failures=0
}

# What a server says is a number only when it has nothing but digits: bash would run what else stands in `$((…))`.
while true; do
  event='' id='' data='' status='' wait=0
  exec 3< <(exec curl -siN "$url?live=sse&envelope=true&offset=$offset")
  # The server's heartbeat is 25 s: whoever is silent for 60 is gone.
  while IFS= read -r -t 60 line <&3; do
    line=${line%$'\r'}
    case $status-$line in
      -http/*) read -r _ status _ <<<"$line" ;;
      410-stream-reset:*) reset "${line#*: }" ;;
      *-retry-after:*) wait=$((10#0${line//[!0-9]/})) ;;
      200-retry:*) wait=$((10#0${line//[!0-9]/} / 1000)) ;;
      200-event:*) event=${line#event: } ;;
      200-id:*) id=${line#id: } ;;
      200-data:*) data+=${line#data:} ;;
      200-)
        case $event in
          data) jq -c '.[]' <<<"$data" || exit ;;
          control) if jq -e .streamClosed <<<"$data" >/dev/null; then exit; fi ;;
          reset) reset "$(jq -r .reason <<<"$data")" ;;
        esac
        if [ "$id" ]; then offset=$id failures=0; fi
        event='' id='' data=''
        ;;
    esac
  done
  kill $! 2>/dev/null
  # Anywhere within a time that doubles: not all come back at once.
  printf -v pause '%d.%03d' $((wait + RANDOM % (1 << failures))) $((RANDOM % 1000))
  failures=$((failures < 5 ? failures + 1 : 5))
  sleep "$pause"
done
