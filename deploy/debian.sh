#!/bin/sh
# Builds the Debian package: program, service, settings, manual pages, completions. Needs cargo-deb (`cargo install cargo-deb --locked`).
# Takes flags of `cargo deb`, such as `--output DIR`. `PROFILE=dev` builds quickly, for a look at the package.
set -eu
cd "$(dirname "$0")/.."
profile=${PROFILE:-release}

cargo build --locked --package tidings-cli --profile "$profile"
case $profile in dev) built=target/debug ;; *) built=target/$profile ;; esac
# The pages and completions are of the program that is packed.
parts=target/debian-parts
rm -rf "$parts"
mkdir -p "$parts"
install -m 0755 "$built/tidings" "$parts/tidings"
"$parts/tidings" man --to "$parts/man"
"$parts/tidings" completions bash > "$parts/tidings.bash"
"$parts/tidings" completions zsh > "$parts/_tidings"
"$parts/tidings" completions fish > "$parts/tidings.fish"
cargo deb --package tidings-cli --no-build "$@"
