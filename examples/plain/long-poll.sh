#!/usr/bin/env bash
# Follows a stream by long polling: long-poll.sh URL [OFFSET]
# Prints each message as a line, {"offset":…,"time":…,"data":…}, once and in order, until Ctrl-C or the stream is closed. Who keeps the last
# offset goes on there another time. Needs bash, curl 7.84 or newer, and jq.

url=$1 offset=${2:--1} failures=0
fields='\n%{http_code}|%header{stream-next-offset}|%header{stream-closed}|%header{stream-reset}|%header{retry-after}|'

# What a server says is a number only when it has nothing but digits: bash would run what else stands in `$((…))`.
while true; do
  # 40 s are longer than the server holds the request: whoever is silent for so long is gone.
  answer=$(curl -s -m 40 -w "$fields" "$url?live=long-poll&timeout=25&envelope=true&offset=$offset") || answer=$'\n0'
  IFS='|' read -r status next closed reset retry_after <<<"${answer##*$'\n'}"
  case $status in
    200 | 204)
      jq -c '.[]' <<<"${answer%$'\n'*}" || exit
      if [ "$closed" ]; then exit; fi
      offset=$next failures=0
      ;;
    410)
      echo "reset ($reset): messages are missing; going on from the earliest" >&2
      offset=-1
      ;;
    *) # Anywhere within a time that doubles: not all come back at once.
      printf -v pause '%d.%03d' $((10#0${retry_after//[!0-9]/} + RANDOM % (1 << failures))) $((RANDOM % 1000))
      failures=$((failures < 5 ? failures + 1 : 5))
      sleep "$pause"
      ;;
  esac
done
