#!/usr/bin/env bash
# One benchmark. Its last line is one JSON object:
#   {"bench": NAME, "metrics": {name: number, …}, "goals": [{"metric", "op", "goal", "value", "met"}, …]}
# Exits 0 when it could measure, whether or not a goal was met.
#
# Usage: tests/bench.sh NAME [arguments]
#   end_to_end   messages a second, import to the last 250, beside raw smtp-source and Postfix
#   import       acknowledged recipients a second over gRPC, beside rows put straight into SQLite
#   release      ranked claims a second in the core, at 10^4 to 10^7 queued
#   render       messages filled in and signed a second, beside openssl speed
#   smtp         the sender alone, plain and STARTTLS, beside smtp-source (--only CASE)
#   warmup       60 simulated days with faults: laws broken, and how much faster than real time
#   memory       resident bytes per queued recipient, at 10^5 to 10^7 (--sizes N …)
#   recovery     from start to serving and to the first send, the same
#   adapt        the throttle against receivers with hidden limits, beside other senders' policies
set -euo pipefail
cd "$(dirname "$0")/.."

name=${1:-}
case "$name" in
  end_to_end) targets=(crescendod bench_import) ;;
  import) targets=(crescendod bench_import bench_raw_sqlite) ;;
  release) targets=(bench_release) ;;
  render) targets=(bench_render) ;;
  smtp) targets=(bench_smtp bench_tls_sink) ;;
  warmup) targets=(bench_warmup) ;;
  adapt) targets=(bench_adapt throttle_ext) ;;
  memory|recovery) targets=(crescendod crescendo bench_import) ;;
  -h|--help|"") sed -n '2,14p' "$0" | cut -c3-; exit 0 ;;
  *) echo "bench.sh: there is no benchmark $name; see --help" >&2; exit 2 ;;
esac
shift

{
  cmd/setup.sh --tests
  tests/support/fetch_smtp_sink.sh build/smtp-sink
  mkdir -p build
  cmake --preset release >build/configure.log || { cat build/configure.log; exit 1; }
  NINJA_STATUS='[%f/%t, %e s] ' cmake --build --preset release --target "${targets[@]}"
} >&2
exec python3 "tests/bench/$name.py" --bin build/release/bin --sink build/smtp-sink "$@"
