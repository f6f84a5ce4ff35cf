#!/usr/bin/env bash
# Follows a stream by polling: poll.sh URL [OFFSET [SECONDS]]
# Prints each message as a line, {"offset":…,"time":…,"data":…}, once and in order, until Ctrl-C or the stream is closed. Who keeps the last
# offset goes on there another time. Needs bash, curl 7.84 or newer, and jq.

url=$1 offset=${2:--1} every=${3:-1} failures=0
fields='\n%{http_code}|%header{stream-next-offset}|%header{stream-up-to-date}|%header{stream-closed}'
fields+='|%header{stream-poll-interval}|%header{stream-reset}|%header{retry-after}|'

# What a server says is a number only when it has nothing but digits: bash would run what else stands in `$((…))`.
while true; do
  answer=$(curl -s -m 20 -w "$fields" "$url?envelope=true&offset=$offset") || answer=$'\n0'
  IFS='|' read -r status next up_to_date closed interval reset retry_after <<<"${answer##*$'\n'}"
  pause=0
  case $status in
    200)
      jq -c '.[]' <<<"${answer%$'\n'*}" || exit
      if [ "$closed" ]; then exit; fi
      offset=$next failures=0
      if [ "$up_to_date" ]; then interval=10#0${interval//[!0-9]/} pause=$((every > interval ? every : interval)); fi
      ;;
    410)
      echo "reset ($reset): messages are missing; going on from the earliest" >&2
      offset=-1
      ;;
    *) # Anywhere within a time that doubles: not all come back at once.
      printf -v pause '%d.%03d' $((10#0${retry_after//[!0-9]/} + RANDOM % (1 << failures))) $((RANDOM % 1000))
      failures=$((failures < 5 ? failures + 1 : 5))
      ;;
  esac
  sleep "$pause"
done
