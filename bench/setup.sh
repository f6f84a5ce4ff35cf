#!/usr/bin/env bash
# Puts the servers that `tidings-bench http` and `follow` compare with tidings into place: redis-server from the packages
# of the system, nginx and Nchan from Debian's packages, unpacked into bench/.peers, others built from their published
# source into bench/.peers, and those of npm into bench/peers-npm.
#
# Needs apt, Go, cargo, Node and npm. Nothing is started here; the benchmark runs each server by itself, over its own folder.
set -euo pipefail

bench=$(dirname "$(realpath "$0")")
peers=$bench/.peers
durable_streams=0.1.5
mkdir -p "$peers"
as_root=()
if [ "$(id -u)" != 0 ]; then as_root=(sudo); fi

if ! command -v redis-server > /dev/null; then
  "${as_root[@]}" apt-get update -q
  "${as_root[@]}" apt-get install -y --no-install-recommends redis-server
fi

# Unpacked, not installed: an installed nginx begins to serve port 80.
if [ ! -x "$peers/nginx/usr/sbin/nginx" ]; then
  packages=$(mktemp -d)
  (cd "$packages" && apt-get download nginx libnginx-mod-nchan)
  for package in "$packages"/*.deb; do dpkg-deb -x "$package" "$peers/nginx"; done
  dpkg-deb -f "$packages"/libnginx-mod-nchan*.deb Version > "$peers/nginx/nchan-version"
  rm -r "$packages"
  if ldd "$peers/nginx/usr/sbin/nginx" | grep "not found"; then
    echo "nginx wants these libraries: apt-get install libpcre2-8-0 libssl3 zlib1g libcrypt1" >&2
    exit 1
  fi
fi
# A path in the program that no setting changes for Nchan; nothing is written there.
if [ ! -d /var/lib/nginx ]; then "${as_root[@]}" mkdir -p /var/lib/nginx; fi

if [ ! -x "$peers/nats-server" ]; then
  GOBIN=$peers go install github.com/nats-io/nats-server/v2@latest
fi

if [ ! -x "$peers/bin/durable-streams-server" ]; then
  cargo install durable-streams --version "$durable_streams" --locked --root "$peers"
fi

# The scripts of the packages are not needed: they build optional parts that no server here uses.
npm ci --prefix "$bench/peers-npm" --ignore-scripts --no-audit --no-fund

redis-server --version
"$peers/nginx/usr/sbin/nginx" -v
"$peers/nats-server" --version
echo "durable-streams $durable_streams"
npm ls --prefix "$bench/peers-npm" --depth 0
