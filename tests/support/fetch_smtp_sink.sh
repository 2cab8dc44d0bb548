#!/bin/sh
# fetch_smtp_sink.sh [DEST]: Postfix's smtp-sink, and with it its smtp-source, postconf and daemons, unpacked
# from its Debian package into DEST (default: build/smtp-sink of this repository). Nothing is
# installed and no service is started.
# Does nothing if DEST has it already.
set -eu

dest=${1:-$(cd "$(dirname "$0")/../.." && pwd)/build/smtp-sink}
sink=$dest/usr/sbin/smtp-sink

missing() {
  for program in "$sink" "$dest"/usr/lib/postfix/sbin/master "$dest"/usr/lib/postfix/sbin/smtpd; do
    LD_LIBRARY_PATH=$dest/usr/lib/postfix:$dest/lib ldd "$program"
  done | awk '/not found/ { print $1 }' | sort -u
}
if [ -x "$sink" ] && [ -x "$dest/usr/sbin/postconf" ] && [ -z "$(missing)" ]; then
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
unpack() {
  # A machine whose list of packages is missing or old needs it first.
  (cd "$work" && { apt-get download -q "$1" >&2 || { apt-get update -q >&2 && apt-get download -q "$1" >&2; }; })
  mkdir -p "$work/tree"
  dpkg -x "$work/$1"_*.deb "$work/tree"
}
unpack postfix
mkdir -p "$dest/usr/sbin" "$dest/usr/lib" "$dest/lib"
cp -a "$work/tree/usr/lib/postfix" "$dest/usr/lib/"
for program in smtp-sink smtp-source postconf; do
  cp "$work/tree/usr/sbin/$program" "$dest/usr/sbin/"
done

# What a small machine may lack; the names of bookworm's packages.
for library in $(missing); do
  case $library in
    libdb-5.3.so) package=libdb5.3 ;;
    libicu*.so.72) package=libicu72 ;;
    libnsl.so.2) package=libnsl2 ;;
    libsasl2.so.2) package=libsasl2-2 ;;
    libtirpc.so.3) package=libtirpc3 ;;
    libgssapi_krb5.so.2) package=libgssapi-krb5-2 ;;
    libkrb5.so.3) package=libkrb5-3 ;;
    libk5crypto.so.3) package=libk5crypto3 ;;
    libkrb5support.so.0) package=libkrb5support0 ;;
    libcom_err.so.2) package=libcom-err2 ;;
    libkeyutils.so.1) package=libkeyutils1 ;;
    *) continue ;;
  esac
  ls "$work/$package"_*.deb >/dev/null 2>&1 || unpack "$package"
done
find "$work/tree" -path '*-linux-gnu/*.so*' -exec cp -a {} "$dest/lib/" \;

left=$(missing)
if [ -n "$left" ]; then
  echo "smtp-sink needs libraries that were not found: $left" >&2
  exit 1
fi
