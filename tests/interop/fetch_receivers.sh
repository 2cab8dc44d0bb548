#!/bin/sh
# fetch_receivers.sh [DEST]: Exim and OpenSMTPD, unpacked from their Debian packages, and npm's
# smtp-server and Haraka, into DEST (default: build/receivers of this repository). Nothing is
# installed and no service is started. Does nothing for what DEST has already.
#
# Where npm or its registry is missing, says so and goes on: their rows of the table say "not run".
set -eu

here=$(cd "$(dirname "$0")" && pwd)
dest=${1:-$here/../../build/receivers}
mkdir -p "$dest/tree" "$dest/lib"
dest=$(cd "$dest" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"

unpack() {
  # A machine whose list of packages is missing or old needs it first.
  (cd "$work" && { apt-get download -q "$1" >&2 || { apt-get update -q >&2 && apt-get download -q "$1" >&2; }; })
  dpkg -x "$work/$1"_*.deb "$2"
}
missing() {
  for program in "$dest/tree/usr/sbin/exim4" "$dest/tree/usr/sbin/smtpd"; do
    LD_LIBRARY_PATH=$dest/lib ldd "$program"
  done | awk '/not found/ { print $1 }' | sort -u
}

for package in exim4-daemon-light opensmtpd; do
  [ ! -f "$dest/$package.version" ] || continue
  unpack "$package" "$dest/tree"
  dpkg-deb -f "$work/$package"_*.deb Version >"$dest/$package.version"
done

# What a small machine may lack; the names of bookworm's packages.
for library in $(missing); do
  case $library in
    libdb-5.3.so) package=libdb5.3 ;;
    libgnutls-dane.so.0) package=libgnutls-dane0 ;;
    libidn.so.12) package=libidn12 ;;
    libnsl.so.2) package=libnsl2 ;;
    libtirpc.so.3) package=libtirpc3 ;;
    libpcre2-8.so.0) package=libpcre2-8-0 ;;
    libevent-2.1.so.7) package=libevent-2.1-7 ;;
    *) continue ;;
  esac
  ls "$work/$package"_*.deb >/dev/null 2>&1 || unpack "$package" "$work/libraries"
done
[ ! -d "$work/libraries" ] ||
  find "$work/libraries" -path '*-linux-gnu/*.so*' -exec cp -a {} "$dest/lib/" \;
left=$(missing)
if [ -n "$left" ]; then
  echo "Exim or OpenSMTPD needs libraries that were not found: $left" >&2
  exit 1
fi

if ! command -v npm >/dev/null; then
  echo "no npm here: smtp-server and Haraka stay out of the interoperability table" >&2
elif ! cmp -s "$here/package-lock.json" "$dest/npm/installed"; then
  mkdir -p "$dest/npm"
  cp "$here/package.json" "$here/package-lock.json" "$dest/npm/"
  if (cd "$dest/npm" && npm ci --ignore-scripts --omit=optional --no-audit --no-fund) >"$work/npm" 2>&1; then
    cp "$here/package-lock.json" "$dest/npm/installed"
  else
    tail -n 5 "$work/npm" >&2
    echo "npm gave neither smtp-server nor Haraka: they stay out of the interoperability table" >&2
  fi
fi
