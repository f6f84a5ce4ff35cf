#!/bin/sh
# Installs the Debian package into a copy of this system that is thrown away (an overlay in a mount namespace of its own; needs root),
# looks at it, runs the server as its user, removes and purges it:
#
#   sh deploy/debian.sh --output tidings.deb && sudo sh deploy/check-debian.sh tidings.deb
set -eu
package=$(realpath "$1")

if [ "${INSIDE:-}" != namespace ]; then
    place=$(mktemp -d)
    trap 'rmdir "$place"' EXIT
    INSIDE=namespace PLACE=$place unshare --mount sh "$0" "$package"
    exit
fi

mount -t tmpfs none "$PLACE"
mkdir "$PLACE/changes" "$PLACE/work" "$PLACE/system"
mount -t overlay overlay -o "lowerdir=/,upperdir=$PLACE/changes,workdir=$PLACE/work" "$PLACE/system"
mount --bind /proc "$PLACE/system/proc"
mount --bind /dev "$PLACE/system/dev"
cp "$package" "$PLACE/system/tidings.deb"
chroot "$PLACE/system" sh -eu <<'INSTALLED'
fail() {
    echo "wrong: $1" >&2
    exit 1
}

dpkg --install /tidings.deb
tidings --version
[ "$(stat -c '%U %a' /var/lib/tidings)" = "tidings 750" ] || fail "the data folder is not its user's alone"
[ "$(stat -c '%G %a' /etc/tidings/tidings.toml)" = "tidings 640" ] || fail "the settings can be read by others"
[ -f /usr/share/man/man1/tidings.1.gz ] || fail "there is no manual page"
if command -v systemd-analyze > /dev/null; then
    systemd-analyze verify /usr/lib/systemd/system/tidings.service
    systemd-analyze security --offline=true /usr/lib/systemd/system/tidings.service | tail -n 1
fi
tidings config check --config /etc/tidings/tidings.toml

TIDINGS_DATA=/var/lib/tidings setpriv --reuid tidings --regid tidings --clear-groups \
    tidings serve --config /etc/tidings/tidings.toml --listen 127.0.0.1:0 > /printed 2>&1 &
server=$!
for _ in $(seq 100); do
    grep -q '^tidings listens on' /printed && break
    sleep 0.1
done
url=$(sed -n 's/^tidings listens on //p' /printed)
curl -sS -H 'Content-Type: application/json' -d '{"hello":"world"}' "$url/v1/stream/demo?create=true"
[ "$(curl -sS "$url/v1/stream/demo?offset=-1")" = '[{"hello":"world"}]' ] || fail "the message does not come back"
kill "$server"
wait "$server" || fail "it does not end as it should"

dpkg --remove tidings
[ -d /var/lib/tidings ] && [ -f /etc/tidings/tidings.toml ] || fail "data or settings are gone with the program"
dpkg --purge tidings
[ ! -e /var/lib/tidings ] && [ ! -e /etc/tidings ] || fail "something is left after a purge"
echo "the package is as it should be"
INSTALLED
