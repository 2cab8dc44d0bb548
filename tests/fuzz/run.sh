#!/usr/bin/env bash
# Builds the libFuzzer programs and lets each look for broken promises. What it finds is put into
# build/fuzz/findings as an input; it belongs into tests/fuzz/corpus with the fix.
#
# Usage: tests/fuzz/run.sh [SECONDS | ci [NAME…]]
#   SECONDS   for each property (default 20); what it learns stays in build/fuzz/grown for the next
#   ci        as many inputs for each as take some seconds, the same ones in every run
#   NAME      of a property: a folder of tests/fuzz/corpus (default: all)
set -euo pipefail
cd "$(dirname "$0")/../.."
case "${1:-}" in -h|--help) sed -n '2,8p' "$0" | cut -c3-; exit 0 ;; esac

seconds=${1:-20}
shift || true
names=("$@")
if [[ $# -eq 0 ]]; then mapfile -t names < <(ls tests/fuzz/corpus); fi

mkdir -p build/fuzz/findings
cmake --preset fuzz >build/fuzz/configure.log || { tail -n 30 build/fuzz/configure.log >&2; exit 1; }
NINJA_STATUS='[%f/%t, %e s] ' cmake --build --preset fuzz --parallel "$(nproc)"

total=0 findings=0
for name in "${names[@]}"; do
  log=build/fuzz/$name.log grown=build/fuzz/grown/$name
  found=no
  # The corpus in the repository is only read; what is learnt goes to the folder named first.
  limits=(-max_total_time="$seconds")
  if [[ $seconds == ci ]]; then
    limits=(-runs=3000 -seed=1) grown=build/fuzz/ci/$name
    rm -rf "$grown"
  fi
  mkdir -p "$grown"
  build/fuzz/bin/fuzz_"$name" "${limits[@]}" -timeout=10 -rss_limit_mb=2048 -max_len=4096 \
    -print_final_stats=1 -artifact_prefix=build/fuzz/findings/"$name"- \
    "$grown" tests/fuzz/corpus/"$name" >"$log" 2>&1 || found=yes
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  total=$((total + ${executions:-0}))
  printf '%-14s %10s executions  findings %s\n' "$name" "${executions:-0}" "$([[ $found == yes ]] && echo 1 || echo 0)"
  if [[ $found == yes ]]; then
    findings=$((findings + 1))
    grep -m 5 -E 'broken promise|ERROR:|SUMMARY|Test unit written' "$log" || tail -n 5 "$log"
  fi
done
echo "fuzz: ${#names[@]} properties, $([[ $seconds == ci ]] || echo "$seconds s each, ")$total executions, findings $findings"
[[ $findings -eq 0 ]]
