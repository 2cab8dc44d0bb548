"""Resident bytes per queued recipient, and how soon a daemon that holds so many serves and sends.

For each size: recipients are imported over gRPC into a campaign that does not send yet; the daemon's
resident memory is read; it is started again and read again. Then the campaign is started, the daemon
killed, and the time taken from its next start to its first answer and to its first MAIL at the sink.
"""

import argparse
import contextlib
import json
import pathlib
import socket
import subprocess
import sys
import threading
import time

import peers


def resident(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no process {pid}")


class FirstMail(threading.Thread):
    """A receiver that notes when the first MAIL comes, and answers each command with 4yz."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.came = threading.Event()
        self.start()

    def run(self):
        while True:
            peer, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        peer.sendall(b"220 bench\r\n")
        with contextlib.suppress(ConnectionError):  # The daemon is killed.
            for line in peer.makefile("rb"):
                verb = line[:4].upper()
                if verb == b"MAIL":
                    self.came.set()
                peer.sendall(b"250 bench\r\n" if verb == b"EHLO" else
                             b"221 bye\r\n" if verb == b"QUIT" else b"450 4.3.0 later\r\n")


def start(bin, path):
    begin = time.monotonic()
    log = open(path / "log", "a")
    process = subprocess.Popen([f"{bin}/crescendod", "--config", str(path / "daemon.textproto")],
                               stdout=subprocess.PIPE, stderr=log, text=True)
    ready = process.stdout.readline()
    if not ready.startswith("ready on "):
        raise RuntimeError((path / "log").read_text())
    return process, ready.split()[-1], begin, time.monotonic() - begin


def measure(bin, size):
    receiver = FirstMail()
    with peers.crescendod(bin, receiver.port, 20) as (address, daemon, path):
        client = subprocess.run(
            [f"{bin}/bench_import", "--server", address, "--campaign", "bench", "--recipients",
             str(size), "--domains", "1000"], check=True, stdout=subprocess.PIPE)
        rate = size / json.loads(client.stdout)["import_seconds"]
        time.sleep(3)  # Queued, with nothing else to do.
        imported = resident(daemon.pid)
        daemon.terminate()
        daemon.wait()
        again, address, _, _ = start(bin, path)
        try:
            time.sleep(3)
            loaded = resident(again.pid)
            subprocess.run([f"{bin}/crescendo", "--server", address, "campaign", "start", "bench"],
                           check=True, stdout=subprocess.DEVNULL)
        finally:
            again.kill()
            again.wait()
        receiver.came.clear()
        last, _, begin, serving = start(bin, path)
        try:
            if not receiver.came.wait(120):
                raise RuntimeError("nothing was sent")
            sending = time.monotonic() - begin
        finally:
            last.kill()
            last.wait()
    return {"import_rate": rate, "after_import": imported / size, "after_start": loaded / size,
            "serving_seconds": serving, "first_send_seconds": sending}


def run(name, argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--sink")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10**5, 10**6, 10**7])
    arguments = parser.parse_args(argv)
    metrics = {}
    for size in arguments.sizes:
        figures = measure(arguments.bin, size)
        print(f"{size:9,} queued: " + json.dumps({k: round(v, 2) for k, v in figures.items()}),
              file=sys.stderr)
        metrics[f"bytes_per_recipient_{size}"] = max(figures["after_import"],
                                                     figures["after_start"])
        metrics[f"bytes_per_recipient_after_start_{size}"] = figures["after_start"]
        metrics[f"serving_seconds_{size}"] = figures["serving_seconds"]
        metrics[f"first_send_seconds_{size}"] = figures["first_send_seconds"]
    peers.report(name, metrics, {
        "memory": [("bytes_per_recipient_1000000", "<=", 100),
                   ("bytes_per_recipient_10000000", "<=", 100)],
        "recovery": [("serving_seconds_1000000", "<=", 1), ("first_send_seconds_1000000", "<=", 3)],
    }[name])


if __name__ == "__main__":
    run("memory")
