#!/usr/bin/env bash
# Installs, builds, and runs the main job: two cold IPs warm up against receivers that defer, block
# and bounce, all on this machine's loopback, on a clock that makes a day last some seconds.
#
# Usage: cmd/demo.sh [--once] [--days N] [--day-seconds S] [--recipients N] [--keep DIR] [--no-build]
#   --once          end after --days plan days with the proof from the receivers' own log; exit 0
#                   only if no cap was passed, nobody was sent twice, everyone is accounted for and
#                   the most engaged went first
#   --days N        plan days that --once runs (default 10)
#   --day-seconds S real seconds that a plan day lasts, 1 to 3600 (default 10)
#   --recipients N  length of the list (default 20000)
#   --keep DIR      keep the store, the logs and the receivers' ledger in DIR, which must be new
#   --no-build      use what is built
# Ctrl-C stops everything and leaves nothing behind.
# Exit codes: 0 done, and proven with --once; 1 failed; 2 wrong usage; 130 stopped.
set -euo pipefail
started=$SECONDS

die() { echo "demo.sh: $1" >&2; exit "${2:-1}"; }
# number OPTION VALUE LOW HIGH
number() {
  [[ $2 =~ ^[0-9]{1,9}$ ]] && [ "$2" -ge "$3" ] && [ "$2" -le "$4" ] ||
    die "$1 is \"$2\"; it must be a whole number from $3 to $4" 2
}

once=0 days=10 day_seconds=10 recipients=20000 keep="" build=1
while [ $# -gt 0 ]; do
  case "$1" in
    --once) once=1; shift; continue ;;
    --no-build) build=0; shift; continue ;;
    -h|--help) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit 0 ;;
    --days|--day-seconds|--recipients|--keep) ;;
    *) die "unknown argument $1; see --help" 2 ;;
  esac
  [ $# -ge 2 ] && [ -n "$2" ] || die "$1 needs a value; see --help" 2
  case "$1" in
    --days) number "$1" "$2" 1 365; days=$2 ;;
    --day-seconds) number "$1" "$2" 1 3600; day_seconds=$2 ;;
    --recipients) number "$1" "$2" 1 5000000; recipients=$2 ;;
    --keep) keep=$(realpath -m -- "$2") ;;
  esac
  shift 2
done
[ -z "$keep" ] || [ ! -e "$keep" ] || [ -z "$(ls -A "$keep" 2>&1)" ] ||
  die "--keep $keep is not an empty folder; name a new one" 2
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Seconds as people say them.
span() { if [ "$1" -lt 60 ]; then echo "$1 s"; else echo "$(($1 / 60)) min $(($1 % 60)) s"; fi; }
# DAYS and some for the start: real seconds until midnight of the first plan day.
lead=5
echo "Two cold IPs warm up on the classic plan, against receivers that defer, block and bounce."
if [ "$once" = 1 ]; then
  echo "$days plan days of $day_seconds s: about $(span $((lead + days * day_seconds + 3))), then the proof."
else
  echo "A plan day lasts $day_seconds s. Ctrl-C ends it; --once runs $days days and ends with the proof."
fi

bin=${CRESCENDO_BIN:-$PWD/build/release/bin}
if [ "$build" = 1 ]; then
  echo "== 1/3 packages"
  cmd/setup.sh
  echo "== 2/3 build; about 4 minutes on 2 cores the first time"
  mkdir -p build
  # An existing tree keeps its tests; a new one needs no test packages.
  [ -f build/release/CMakeCache.txt ] || cmake --preset release -DCRESCENDO_TESTS=OFF >build/configure.log 2>&1 ||
    { tail -n 30 build/configure.log >&2; die "cmake could not configure; all of it is in build/configure.log"; }
  NINJA_STATUS='[%f/%t, %e s] ' cmake --build --preset release --target crescendod crescendo crescendo-sandbox ||
    die "the build failed: the first line above with \"error:\" or \"FAILED:\" says why"
  echo "== 3/3 run"
fi
for program in crescendo crescendod crescendo-sandbox; do
  [ -x "$bin/$program" ] || die "$bin/$program is not there; run this without --no-build"
done

dir=${keep:-$(mktemp -d)}
mkdir -p "$dir"
sandbox_pid="" daemon_pid="" nap_pid=""
# end PID: asks it to stop and waits until it has. A trap may interrupt the wait.
end() {
  kill "$1" 2>/dev/null || true
  wait "$1"
}
stop() {
  trap - EXIT
  trap '' INT TERM HUP
  for pid in $nap_pid $daemon_pid $sandbox_pid; do end "$pid" 2>/dev/null || true; done
  if [ -n "$keep" ]; then echo "kept in $keep"; else rm -rf "$dir"; fi
}
trap stop EXIT
# To stderr: a trap inside a function has its redirections.
trap 'printf "\nstopped\n" >&2; exit 130' INT TERM HUP

# A trap waits for the foreground command, but not for `wait`.
nap() { sleep "$1" & nap_pid=$!; wait "$nap_pid"; nap_pid=""; }
# nap_until T: until the real time `epoch` + T seconds.
nap_until() { nap "$(awk -v e="$epoch" -v t="$1" -v n="$(date +%s.%N)" 'BEGIN { d = e + t - n; printf "%.3f", (d > 0 ? d : 0) }')"; }
# await_ready NAME PID: until its output begins with "ready".
await_ready() {
  for _ in $(seq 200); do
    grep -q '^ready' "$dir/$1.out" && return
    kill -0 "$2" 2>/dev/null || break
    nap 0.1
  done
  cat "$dir/$1.log" >&2
  die "$1 did not start: what it said stands above"
}

# Midnight of the first plan day is `lead` seconds from now: time to set up.
epoch=$(awk -v n="$(date +%s.%N)" -v l="$lead" 'BEGIN { printf "%.3f", n + l }')
clock=(--clock-epoch "$epoch" --clock-start 2026-01-01T00:00:00Z
       --clock-scale "$(awk -v s="$day_seconds" 'BEGIN { printf "%.6f", 86400 / s }')")
as_of=2025-12-31T00:00:00Z
# Choosing a recipient, the disk and a new connection: 0.2 s at most, of this clock.
order_slack=$(awk -v s="$day_seconds" 'BEGIN { printf "%.0fs", 0.2 * 86400 / s }')

"$bin/crescendo-sandbox" recipients --count "$recipients" --seed 1 --as-of "$as_of" --out "$dir/recipients.csv"
# The built-in receivers, on any free ports.
"$bin/crescendo-sandbox" scenario | sed 's/port: 2525$/port: 0/' >"$dir/scenario.textproto"
"$bin/crescendo-sandbox" serve --config "$dir/scenario.textproto" --ledger "$dir/ledger.jsonl" \
  --routes "$dir/routes.textproto" "${clock[@]}" >"$dir/sandbox.out" 2>"$dir/sandbox.log" &
sandbox_pid=$!
await_ready sandbox "$sandbox_pid"
echo "receivers: $(grep -c '^  name: ' "$dir/scenario.textproto") providers on 127.0.20.*"

cat >"$dir/crescendo.textproto" <<END
data_dir: "$dir/data"
listen: "127.0.0.1:0"
route_files: "$dir/routes.textproto"
resolver { enabled: false }
# A day lasts $day_seconds s here: connections stay open for a while of that clock.
smtp { idle_connection { seconds: 3600 } }
limits { drain_limit { seconds: 5 } }
END
"$bin/crescendod" --config "$dir/crescendo.textproto" "${clock[@]}" >"$dir/daemon.out" 2>"$dir/daemon.log" &
daemon_pid=$!
await_ready daemon "$daemon_pid"
CRESCENDO_SERVER=$(sed -n 's/^ready on //p' "$dir/daemon.out")
export CRESCENDO_SERVER
echo "daemon: crescendod on $CRESCENDO_SERVER"
page=$(sed -n 's/^page on //p' "$dir/daemon.out")
[ -z "$page" ] || echo "page: $page"
# To look closer meanwhile, from another terminal.
echo "try: $bin/crescendo --server $CRESCENDO_SERVER lane list"
crescendo() { "$bin/crescendo" --actor demo "$@"; }

declare -A address=([mta1-a]=127.0.10.1 [mta1-b]=127.0.10.2)
ips=(mta1-a mta1-b)
for ip in "${ips[@]}"; do
  crescendo ip create "$ip" --address "${address[$ip]}" --ehlo-name "$ip.shop.example" >/dev/null
done
crescendo pool create cold --ip mta1-a --ip mta1-b >/dev/null
for ip in "${ips[@]}"; do
  crescendo plan create "warm-$ip" --ip "$ip" --target 50000 --start-date 2026-01-01 >/dev/null
  crescendo plan start "warm-$ip" --reason "demo" >/dev/null
done
printf 'Hello {{first_name}},\n\nspring is here.\n' >"$dir/body.txt"
crescendo campaign create spring --pool cold --from 'Shop <news@shop.example>' \
  --subject 'Spring, {{first_name}}' --text "$dir/body.txt" \
  --list-unsubscribe '<https://shop.example/u>' >/dev/null
echo "import: $recipients recipients, with clicks, opens, unknown users and full mailboxes among them"
crescendo campaign import spring "$dir/recipients.csv" >"$dir/import.out"
crescendo campaign start spring >/dev/null

day=1
while [ "$once" = 0 ] || [ "$day" -le "$days" ]; do
  # Late in each day: what each IP did, and what its lanes wait for.
  nap_until "$(awk -v d="$day" -v s="$day_seconds" 'BEGIN { print (d - 0.25) * s }')"
  echo
  echo "--- plan day $day$([ "$once" = 0 ] || echo " of $days"), 18:00"
  for ip in "${ips[@]}"; do crescendo plan progress "warm-$ip"; echo; done
  day=$((day + 1))
done

# Just before the last midnight nothing new starts; what is in flight finishes.
nap_until "$(awk -v d="$days" -v s="$day_seconds" 'BEGIN { print d * s - 0.3 }')"
crescendo campaign pause spring --reason "the demo ends" >/dev/null
for _ in $(seq 100); do
  crescendo campaign get spring -o json >"$dir/campaign.json"
  grep -q '"claimed":0' "$dir/campaign.json" && break
  nap 0.1
done
echo "== the campaign, as the daemon tells it"
crescendo campaign get spring
crescendo delivery list spring -o json >"$dir/deliveries.jsonl"
: >"$dir/days.jsonl"
for ip in "${ips[@]}"; do
  crescendo plan days "warm-$ip" -o json | sed -E \
    's/.*"day":"([0-9-]+)".*"cap":([0-9]+).*/{"egress_ip":"'"$ip"'","address":"'"${address[$ip]}"'","day":"\1","cap":\2,"provider_caps":{"gmail":3000}}/' \
    >>"$dir/days.jsonl"
done
end "$daemon_pid" || die "the daemon did not stop cleanly"
daemon_pid=""
end "$sandbox_pid" || die "the receivers did not stop cleanly"
sandbox_pid=""
echo
echo "== the proof, from the receivers' own log"
"$bin/crescendo-sandbox" verify --ledger "$dir/ledger.jsonl" --recipients "$dir/recipients.csv" \
  --days "$dir/days.jsonl" --deliveries "$dir/deliveries.jsonl" --as-of "$as_of" --allow-incomplete \
  --order-slack "$order_slack" ||
  die "the receivers' log does not bear out what the daemon claims: see FAIL above"
echo
echo "done in $(span $((SECONDS - started))): no cap passed, nobody sent twice (but where a reply was lost), everyone accounted for, most engaged first"
