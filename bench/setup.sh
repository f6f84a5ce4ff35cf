#!/usr/bin/env bash
# Puts the servers that `tidings-bench http` compares with tidings into place: redis-server from the packages of the
# system (Debian's), the others built from their published source into bench/.peers.
#
# Needs apt, Go and cargo. Nothing is started here; the benchmark runs each server by itself, over its own folder.
set -euo pipefail

peers=$(dirname "$(realpath "$0")")/.peers
durable_streams=0.1.5
mkdir -p "$peers"

if ! command -v redis-server > /dev/null; then
  as_root=()
  if [ "$(id -u)" != 0 ]; then as_root=(sudo); fi
  "${as_root[@]}" apt-get update -q
  "${as_root[@]}" apt-get install -y --no-install-recommends redis-server
fi

if [ ! -x "$peers/nats-server" ]; then
  GOBIN=$peers go install github.com/nats-io/nats-server/v2@latest
fi

if [ ! -x "$peers/bin/durable-streams-server" ]; then
  cargo install durable-streams --version "$durable_streams" --locked --root "$peers"
fi

redis-server --version
"$peers/nats-server" --version
echo "durable-streams $durable_streams"
