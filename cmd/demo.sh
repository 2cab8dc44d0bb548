#!/usr/bin/env bash
# Installs, builds, and runs the main job: two cold IPs warm up against receivers that defer, block
# and bounce, all on this machine's loopback, on a clock that makes a day last some seconds.
#
# Usage: cmd/demo.sh [--once] [--days N] [--day-seconds S] [--recipients N] [--keep DIR] [--no-build]
#   --once         end after --days plan days (default 10) with the proof from the receivers' own log;
#                  exit 0 only if no cap was passed, nobody was sent twice, everyone is accounted for
#                  and the most engaged went first
#   --day-seconds  real seconds that a plan day lasts (default 10)
#   --keep DIR     keep store, logs and the receivers' ledger there
# Ctrl-C stops everything.
set -euo pipefail
cd "$(dirname "$0")/.."

once=0 days=10 day_seconds=10 recipients=20000 keep="" build=1
while [ $# -gt 0 ]; do
  case "$1" in
    --once) once=1 ;;
    --days) days=$2; shift ;;
    --day-seconds) day_seconds=$2; shift ;;
    --recipients) recipients=$2; shift ;;
    --keep) keep=$2; shift ;;
    --no-build) build=0 ;;
    -h|--help) sed -n '2,13p' "$0" | cut -c3-; exit 0 ;;
    *) echo "demo.sh: unknown argument $1; see --help" >&2; exit 2 ;;
  esac
  shift
done

if [ "$build" = 1 ]; then
  echo "== 1/3 packages"
  cmd/setup.sh
  echo "== 2/3 build; about 4 minutes on 2 cores the first time"
  mkdir -p build
  # An existing tree keeps its tests; a new one needs no test packages.
  [ -f build/release/CMakeCache.txt ] || cmake --preset release -DCRESCENDO_TESTS=OFF >build/configure.log 2>&1 ||
    { tail -n 30 build/configure.log >&2; exit 1; }
  NINJA_STATUS='[%f/%t, %e s] ' cmake --build --preset release --target crescendod crescendo crescendo-sandbox
  echo "== 3/3 run"
fi
bin=$PWD/build/release/bin

dir=${keep:-$(mktemp -d)}
mkdir -p "$dir"
sandbox_pid="" daemon_pid=""
stop() {
  trap - EXIT INT TERM
  [ -n "$daemon_pid" ] && kill "$daemon_pid" 2>/dev/null && wait "$daemon_pid" 2>/dev/null || true
  [ -n "$sandbox_pid" ] && kill "$sandbox_pid" 2>/dev/null && wait "$sandbox_pid" 2>/dev/null || true
  [ -n "$keep" ] || rm -rf "$dir"
}
trap stop EXIT
trap 'echo; echo "stopped"; stop; exit 130' INT TERM

# Prints the rest of the first line of FILE that begins with `ready`, when it comes.
await_ready() {
  local i
  for i in $(seq 100); do
    grep -m1 '^ready' "$1" 2>/dev/null && return 0
    kill -0 "$2" 2>/dev/null || break
    sleep 0.1
  done
  echo "it did not start:" >&2
  cat "$1" "$3" >&2
  return 1
}

epoch=$(date +%s)
scale=$((86400 / day_seconds))
start=2025-12-31T12:00:00Z   # Half a day before the plans begin: time to set up.
clock=(--clock-epoch "$epoch" --clock-start "$start" --clock-scale "$scale")

"$bin/crescendo-sandbox" recipients --count "$recipients" --seed 1 --as-of 2025-12-31T00:00:00Z --out "$dir/recipients.csv"
"$bin/crescendo-sandbox" serve --ledger "$dir/ledger.jsonl" --routes "$dir/routes.textproto" "${clock[@]}" \
  >"$dir/sandbox.out" 2>"$dir/sandbox.log" &
sandbox_pid=$!
await_ready "$dir/sandbox.out" "$sandbox_pid" "$dir/sandbox.log"

cat >"$dir/crescendo.textproto" <<EOF
data_dir: "$dir/data"
listen: "127.0.0.1:0"
route_files: "$dir/routes.textproto"
allow_private_destinations: true
# A day lasts $day_seconds s here: connections stay open for a while of that clock.
smtp { idle_connection { seconds: 3600 } }
EOF
"$bin/crescendod" --config "$dir/crescendo.textproto" "${clock[@]}" >"$dir/daemon.out" 2>"$dir/daemon.log" &
daemon_pid=$!
ready=$(await_ready "$dir/daemon.out" "$daemon_pid" "$dir/daemon.log")
echo "$ready"
export CRESCENDO_SERVER=${ready##* }
crescendo() { "$bin/crescendo" "$@"; }

crescendo ip create mta1-a --address 127.0.10.1 --ehlo-name mta1-a.shop.example >/dev/null
crescendo ip create mta1-b --address 127.0.10.2 --ehlo-name mta1-b.shop.example >/dev/null
crescendo pool create cold --ip mta1-a --ip mta1-b >/dev/null
for ip in a b; do
  crescendo plan create "warm-$ip" --ip "mta1-$ip" --target 50000 --start-date 2026-01-01 >/dev/null
  crescendo plan start "warm-$ip" --reason "demo" >/dev/null
done
printf 'Hello {{first_name}},\n\nspring is here.\n' >"$dir/body.txt"
crescendo campaign create spring --pool cold --from 'Shop <news@shop.example>' \
  --subject 'Spring, {{first_name}}' --text "$dir/body.txt" \
  --list-unsubscribe '<https://shop.example/u>' >/dev/null
crescendo campaign import spring "$dir/recipients.csv"
crescendo campaign start spring >/dev/null

day=1
while [ "$once" = 0 ] || [ "$day" -le "$days" ]; do
  # Half-way through each day: what each IP did, and what its lanes wait for.
  half=$(awk -v e="$epoch" -v d="$day" -v s="$day_seconds" 'BEGIN { printf "%.3f", e + s / 2 + (d - 0.5) * s }')
  wait_for=$(awk -v t="$half" -v n="$(date +%s.%N)" 'BEGIN { printf "%.3f", (t > n) ? t - n : 0 }')
  sleep "$wait_for"
  echo
  echo "--- plan day $day, half-way"
  for ip in a b; do crescendo plan progress "warm-$ip"; echo; done
  day=$((day + 1))
done

# The end of the last day, then nothing new: what is in flight finishes.
end=$(awk -v e="$epoch" -v d="$days" -v s="$day_seconds" 'BEGIN { printf "%.3f", e + s / 2 + d * s - 0.3 }')
sleep "$(awk -v t="$end" -v n="$(date +%s.%N)" 'BEGIN { printf "%.3f", (t > n) ? t - n : 0 }')"
crescendo campaign pause spring --reason "the demo ends" >/dev/null
for _ in $(seq 50); do
  crescendo campaign get spring -o json >"$dir/campaign.json"
  grep -q '"claimed":0' "$dir/campaign.json" && break
  sleep 0.1
done
echo
crescendo campaign get spring
crescendo delivery list spring --all -o json >"$dir/deliveries.jsonl"
: >"$dir/days.jsonl"
for ip in a b; do
  address=$([ "$ip" = a ] && echo 127.0.10.1 || echo 127.0.10.2)
  crescendo plan days "warm-$ip" -o json | sed -E \
    's/.*"day":"([0-9-]+)".*"cap":([0-9]+).*/{"egress_ip":"mta1-'"$ip"'","address":"'"$address"'","day":"\1","cap":\2,"provider_caps":{"gmail":3000}}/' \
    >>"$dir/days.jsonl"
done
kill "$daemon_pid"
wait "$daemon_pid" || { echo "the daemon did not stop cleanly" >&2; exit 1; }
daemon_pid=""
kill "$sandbox_pid"; wait "$sandbox_pid" || true
sandbox_pid=""
echo
echo "== the proof, from the receivers' own log"
"$bin/crescendo-sandbox" verify --ledger "$dir/ledger.jsonl" --recipients "$dir/recipients.csv" \
  --days "$dir/days.jsonl" --deliveries "$dir/deliveries.jsonl" --as-of 2025-12-31T00:00:00Z --allow-incomplete
