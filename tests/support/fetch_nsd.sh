#!/bin/sh
# fetch_nsd.sh [DEST]: the name server NSD, unpacked from its Debian package into DEST (default:
# build/nsd of this repository). Nothing is installed and no service is started; the libraries it
# needs come with cmd/setup.sh --tests. Does nothing if DEST has it already.
set -eu

dest=${1:-$(cd "$(dirname "$0")/../.." && pwd)/build/nsd}
[ ! -x "$dest/nsd" ] || exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
# A machine whose list of packages is missing or old needs it first.
(cd "$work" && { apt-get download -q nsd >&2 || { apt-get update -q >&2 && apt-get download -q nsd >&2; }; })
dpkg -x "$work"/nsd_*.deb "$work/tree"
mkdir -p "$dest"
cp "$work/tree/usr/sbin/nsd" "$dest/"
