#!/usr/bin/env bash
# Repeats the measurements of docs/which-transport.md: docs/which-transport.sh [FOLDER [NAME…]]
#
# Takes the command lines out of that page, all of them or those that are named, and writes what each finds to the folder (default:
# which-transport): NAME.txt as a person reads it, NAME.json, NAME.html with the charts, NAME/*.svg, and NAME.md with all figures as tables where
# there is jq. All together take about 23 minutes on a machine with nothing else to do; nothing leaves the machine.
#
# TIDINGS names the program (default: the built release, else the one in the path). BRIEF=1 only shows that all of it runs, in three minutes: its
# figures say nothing.

set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 2
page=$here/which-transport.md
folder=${1:-which-transport}
[ $# -gt 0 ] && shift

release=$here/../target/release/tidings
[ -x "$release" ] || release=tidings
tidings=${TIDINGS:-$release}

say() { printf '%s\n' "$*" >&2; }

"$tidings" compare --help >/dev/null 2>&1 || {
  say "$tidings can't compare: build it (cargo build --release), or name it in TIDINGS"
  exit 2
}

# What stands in the page as ```sh NAME, with the lines that a backslash joins: NAME, a tab, the arguments.
measurements() {
  awk '
    /^```sh [a-z-]+$/ { name = $2; line = ""; next }
    /^```/ { name = ""; next }
    name != "" {
      joined = sub(/ *\\$/, "")
      sub(/^ +/, "")
      line = (line == "" ? $0 : line " " $0)
      if (!joined && sub(/^tidings compare /, "", line)) print name "\t" line
      if (!joined) line = ""
    }
  ' "$page"
}

# Is anybody else at work? Then figures of processor time and latency are theirs too.
load=$(cut -d ' ' -f 1 /proc/loadavg 2>/dev/null || echo 0)
case $load in
  0.[0-4]*) ;;
  *) say "the machine is busy (load $load): what is measured now is not worth keeping" ;;
esac
# 5,000 followers take as many open files in the program, and as many in the server; the program raises its own limit as far as it may.
files=$(ulimit -Hn)
if [ "$files" != unlimited ] && [ "$files" -lt 20000 ]; then
  say "only $files files may be open, which is too few for 5,000 followers: \`ulimit -Hn 20000\`, as root"
fi

brief() {
  sed -E 's/--duration [^ ]+/--duration 1s/; s/--followers 5000/--followers 100/; s/--followers 10,100,1000/--followers 5,20/
    s/--messages 0.1\/s,1\/s,10\/s/--messages 1\/s,5\/s/; s/--messages 6\/min/--messages 2\/s/; s/--poll-every [^ ]+/--poll-every 1s/; s/$/ --quick/; /--sweep|--quick.*--quick/s/ --quick$//'
}

mkdir -p "$folder" || exit 2
trap 'say stopped; exit 130' INT TERM
began=$(date +%s)
all=0 failed=0
tab=$(printf '\t')
list=$(measurements)
for name in "$@"; do
  printf '%s\n' "$list" | grep -q "^$name$tab" || { say "$page has no measurement \"$name\""; exit 2; }
done

while IFS="$tab" read -r name arguments; do
  case " $* " in
    "  " | *" $name "*) ;;
    *) continue ;;
  esac
  [ "${BRIEF:-}" ] && arguments=$(printf '%s\n' "$arguments" | brief)
  all=$((all + 1))
  say
  say "$name: tidings compare $arguments"
  # The arguments are words of the page: none of them holds a space.
  # shellcheck disable=SC2086
  "$tidings" compare $arguments --json="$folder/$name.json" --report "$folder/$name.html" --charts "$folder/$name" \
    >"$folder/$name.txt" </dev/null || { failed=$((failed + 1)); say "$name: failed"; }
  if command -v jq >/dev/null && [ -s "$folder/$name.json" ]; then
    jq -r -f "$here/which-transport.jq" "$folder/$name.json" >"$folder/$name.md"
  fi
done <<END
$list
END

seconds=$(($(date +%s) - began))
say
say "measurements: $all, of which $failed failed, in $((seconds / 60)) min $((seconds % 60)) s: $folder"
[ "$failed" -eq 0 ]
