#!/usr/bin/env bash
# The page in Debian's Chromium, against a daemon and the sandbox: that it loads, shows the right
# numbers, changes by itself, and asks no other host.
#
# Usage: tests/e2e/dashboard.sh [--shots DIR]
#   --shots DIR   also screenshots of every page, light and dark, wide and 390 px: DIR/*.png
set -euo pipefail
cd "$(dirname "$0")/../.."
case "${1:-}" in
  "") ;;
  --shots) [ $# -eq 2 ] || { echo "--shots needs a folder" >&2; exit 2; }
           mkdir -p "$2"; CRESCENDO_SHOTS=$(realpath "$2"); export CRESCENDO_SHOTS ;;
  *) sed -n '2,7p' "$0" | cut -c3-; exit 2 ;;
esac
export CRESCENDO_BIN=${CRESCENDO_BIN:-$PWD/build/release/bin}
exec /usr/bin/python3 -B tests/e2e/dashboard_test.py
