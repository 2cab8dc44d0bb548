#!/bin/sh
# fetch_prometheus.sh [DEST]: Prometheus and promtool, unpacked from their Debian package into DEST
# (default: build/prometheus of this repository). Nothing is installed and no service is started. Does
# nothing if DEST has them already.
set -eu

dest=${1:-$(cd "$(dirname "$0")/../.." && pwd)/build/prometheus}
[ ! -x "$dest/promtool" ] || exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
# A machine whose list of packages is missing or old needs it first.
(cd "$work" && { apt-get download -q prometheus >&2 || { apt-get update -q >&2 && apt-get download -q prometheus >&2; }; })
dpkg -x "$work"/prometheus_*.deb "$work/tree"
mkdir -p "$dest"
cp "$work/tree/usr/bin/prometheus" "$work/tree/usr/bin/promtool" "$dest/"
