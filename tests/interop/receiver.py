"""A receiving server nobody here wrote, on a free port of 127.0.0.1 and [::1], for the table of
interop_test.cc.

  receiver.py certificates FOLDER
  receiver.py NAME FOLDER --certificate FOLDER [--tls12] [--messages N] [--connections N] [--idle SECONDS]

`certificates` makes FOLDER/ca.pem, and with it cert.pem and key.pem for mx.test. NAME is a key of
mail_servers.SERVERS; FOLDER takes all that it writes. Each takes mail for example.net, knows
no `unknown@`, and has no room for `full@`.

Prints one JSON line {"port": …, "version": …, "offers": EHLO keywords}, or {"not_run": why}; then
one {"data": …, in latin-1} for each message delivered. Ends when its standard input does.

Those that are more than one process run as root in name spaces of their own, for mounts and
processes: their users and their fixed paths exist nowhere else, and they end with this script.
"""
import argparse
import json
import os
import pathlib
import select
import shutil
import smtplib
import socket
import subprocess
import sys
import time

import mail_servers

ROOT = pathlib.Path(os.environ.get("CRESCENDO_RECEIVERS")
                    or pathlib.Path(__file__).resolve().parents[2] / "build/receivers")
PATIENCE_SECONDS = 30


def make_certificates(folder):
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, stderr=subprocess.DEVNULL)
    key = ["-newkey", "rsa:2048", "-nodes"]  # OpenSMTPD 6.8 cannot use an elliptic one.
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
            "-subj", "/CN=Private CA", "-addext", "keyUsage=keyCertSign")
    openssl("req", *key, "-keyout", "key.pem", "-out", "cert.csr", "-subj", "/CN=mx.test")
    (folder / "names").write_text("subjectAltName=DNS:mx.test\n")
    openssl("x509", "-req", "-in", "cert.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-set_serial", "2", "-days", "2", "-extfile", "names", "-out", "cert.pem")


def free_port():
    """One that is free on both loopback addresses, as far as that can be known."""
    while True:
        with socket.socket() as four, socket.socket(socket.AF_INET6) as six:
            four.bind(("127.0.0.1", 0))
            port = four.getsockname()[1]
            try:
                six.bind(("::1", port))
            except OSError as error:
                if error.errno == 99:  # No IPv6 here: nothing to be free.
                    return port
                continue
            return port


def await_offers(port, process):
    """What it offers, once it answers; a connection that is refused is tried again."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            sys.exit(f"{process.args[0]} ended with {process.returncode}")
        try:
            with smtplib.SMTP("127.0.0.1", port, "mta1.example.com", 5) as probe:
                probe.ehlo()
                return sorted(keyword.upper() for keyword in probe.esmtp_features)
        except (OSError, smtplib.SMTPException):
            time.sleep(0.01)
    sys.exit(f"{process.args[0]} does not answer on port {port}")


def say(**what):
    print(json.dumps(what), flush=True)


def serve(server, options):
    folder = options.folder.resolve()
    delivered = folder / "delivered/new"
    for name in ("cert.pem", "key.pem"):
        shutil.copy(options.certificate / name, folder / name)
    folder.chmod(0o755)
    (folder / "key.pem").chmod(0o600)
    port = free_port()
    version, command, environment = server(ROOT.resolve(), folder, port, options)
    log = open(folder / "log", "w")
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                               env=dict(os.environ, **environment), start_new_session=True)
    say(port=port, version=version, offers=await_offers(port, process))
    told = set()
    while True:
        # Its standard input says when to end; nothing says when a message arrives.
        if select.select([sys.stdin], [], [], 0.01)[0] and not sys.stdin.read(1):
            break
        names = sorted(os.listdir(delivered)) if delivered.exists() else []
        for name in names:
            if name not in told:
                told.add(name)
                say(data=(delivered / name).read_bytes().decode("latin-1"))
    process.kill()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--certificate", type=pathlib.Path)
    parser.add_argument("--tls12", action="store_true")
    parser.add_argument("--messages", type=int)
    parser.add_argument("--connections", type=int)
    parser.add_argument("--idle", type=int)
    parser.add_argument("--inside", action="store_true")
    options = parser.parse_args()
    if options.name == "certificates":
        return make_certificates(options.folder)
    server, private = mail_servers.SERVERS[options.name]
    fault = mail_servers.missing(options.name, ROOT)
    if not fault and private and os.geteuid() != 0:
        fault = "it runs only as root"
    if not fault and private and not options.inside:
        spaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        if subprocess.run([*spaces, "true"], stderr=subprocess.DEVNULL).returncode == 0:
            os.execvp("unshare", [*spaces, sys.executable, "-B", *sys.argv, "--inside"])
        fault = "this machine allows no name spaces"
    if fault:
        return say(not_run=fault)
    serve(server, options)


if __name__ == "__main__":
    main()
