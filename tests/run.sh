#!/usr/bin/env bash
# Installs, builds and runs every test. Works on a fresh Debian 12, as root or with sudo.
#
# Usage: tests/run.sh [release|debug|asan|tsan] [ctest arguments…]
#        tests/run.sh fuzz [SECONDS | ci [NAME…]]
#   release   all tests (default)
#   asan      all tests under the address and undefined-behaviour sanitizers
#   tsan      those without gRPC (its packaged library is not instrumented) under the thread sanitizer
#   fuzz      looks for inputs that break a promise: tests/fuzz/run.sh
set -euo pipefail
cd "$(dirname "$0")/.."

preset=release
case "${1:-}" in
  release|debug|asan|tsan) preset=$1; shift ;;
  fuzz) shift; cmd/setup.sh --tests; exec tests/fuzz/run.sh "$@" ;;
  -h|--help) sed -n '2,9p' "$0" | cut -c3-; exit 0 ;;
esac
jobs=$(nproc)

echo "== 1/5 packages"
cmd/setup.sh --tests
echo "== 2/5 peers nobody here wrote: mail servers, NSD, Prometheus (extracted, not installed)"
tests/support/fetch_smtp_sink.sh build/smtp-sink
tests/interop/fetch_receivers.sh build/receivers
tests/support/fetch_nsd.sh build/nsd
tests/support/fetch_prometheus.sh build/prometheus
echo "== 3/5 configure ($preset)"
cmake --preset "$preset" >build/configure.log 2>&1 || { tail -n 30 build/configure.log >&2; exit 1; }
echo "== 4/5 build with $jobs jobs; about 10 minutes on 2 cores the first time"
NINJA_STATUS='[%f/%t, %e s] ' cmake --build --preset "$preset" --parallel "$jobs"
echo "== 5/5 tests"
export CRESCENDO_SMTP_SINK="$PWD/build/smtp-sink" CRESCENDO_NSD="$PWD/build/nsd/nsd"
export CRESCENDO_PROMETHEUS="$PWD/build/prometheus"
export CRESCENDO_RECEIVERS="$PWD/build/receivers"
ctest --preset "$preset" --parallel "$jobs" "$@"
