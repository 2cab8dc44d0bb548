#!/usr/bin/env bash
# Installs what building (and, with --tests, testing) Crescendo needs on Debian 12. Asks the package
# system only for what is missing, so a second run is quick.
#
# Usage: cmd/setup.sh [--tests]
set -euo pipefail

build_packages=(
  clang-19 mold ninja-build cmake pkg-config
  libgrpc++-dev protobuf-compiler-grpc libprotobuf-dev protobuf-compiler libabsl-dev
  libasio-dev libcli11-dev libre2-dev libsqlite3-dev libssl-dev libspdlog-dev nlohmann-json3-dev
  libboost1.81-dev prometheus-cpp-dev libjs-chart.js  # The page, the JSON API and the metrics.
  libcurl4-openssl-dev libxxhash-dev libidn2-dev libunbound-dev dns-root-data libgmime-3.0-dev
)
# smtp-sink and aiosmtpd are receivers that the sender is tested against; no service is started.
# strace kills it at system calls. dkim and libopendkim verify what it signs.
test_packages=(libgtest-dev libgmock-dev libclang-rt-19-dev python3-aiosmtpd strace openssl
  python3-dkim python3-nacl libopendkim-dev
  chromium python3-websocket  # The page, in a browser.
  ldnsutils libevent-2.1-7 libfstrm0 libprotobuf-c1)  # For the name server: tests/support/fetch_nsd.sh.

packages=("${build_packages[@]}")
case "${1:-}" in
  "") ;;
  --tests) packages+=("${test_packages[@]}") ;;
  *) echo "usage: cmd/setup.sh [--tests]" >&2; exit 2 ;;
esac

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' ||
    missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  echo "packages: all ${#packages[@]} are installed"
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "run this as root, or install sudo" >&2; exit 1; }
  as_root=(sudo)
fi
echo "packages: installing ${#missing[@]} of ${#packages[@]}: ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y "$@" >"$log" 2>&1; }
# The list of packages of a new machine is often old or empty: bring it up to date first.
if ! { apt update && apt install --no-install-recommends "${missing[@]}"; }; then
  tail -n 20 "$log" >&2
  echo "the packages could not be installed; Crescendo is built and tested on Debian 12 (bookworm)" >&2
  exit 1
fi
echo "packages: done"
