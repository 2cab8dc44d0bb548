"""Resident bytes per queued recipient, and how soon a daemon that holds so many serves and sends.

For each size, recipients are imported over gRPC into a campaign, and the daemon is killed. Then it is
started with all of them in its store: the time is taken to its "ready", to the first MAIL at the
receiver, and, once it has nothing to do, its resident memory is read, all in: program, gRPC, SQLite.

The filled stores stay in --stores, so that memory and recovery of one build import only once.
"""

import argparse
import contextlib
import hashlib
import json
import pathlib
import shutil
import socket
import subprocess
import sys
import threading
import time

import peers


def memory_of(pid, name):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
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


def fill(bin, size, path):
    """Imports into a new store in `path`; resident bytes then."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    with peers.crescendod(bin, 9, 20, folder=path) as (address, daemon, _):
        subprocess.run([f"{bin}/bench_import", "--server", address, "--campaign", "bench",
                        "--recipients", str(size), "--domains", "1000"],
                       check=True, stdout=subprocess.DEVNULL)
        time.sleep(3)  # Queued, with nothing else to do.
        resident = memory_of(daemon.pid, "VmRSS")
        # Nobody listens on that port yet: the next start finds a campaign that sends, and all in it.
        subprocess.run([f"{bin}/crescendo", "--server", address, "campaign", "start", "bench"],
                       check=True, stdout=subprocess.DEVNULL)
        daemon.kill()
        daemon.wait()
    return resident


def filled(bin, size, stores):
    """The folder of a store with so many recipients, and what the daemon that took them held."""
    path = stores / f"queue-{size}"
    build = hashlib.sha256(pathlib.Path(f"{bin}/crescendod").read_bytes()).hexdigest()
    note = path / "filled.json"
    known = json.loads(note.read_text()) if note.exists() else {}
    if known.get("build") != build:
        known = {"build": build, "resident": fill(bin, size, path)}
        note.write_text(json.dumps(known))
    return path, known["resident"]


def measure(bin, size, stores):
    path, after_import = filled(bin, size, stores)
    receiver = FirstMail()
    begin = time.monotonic()
    with peers.crescendod(bin, receiver.port, 20, folder=path) as (_, daemon, _):
        serving = time.monotonic() - begin
        if not receiver.came.wait(300):
            raise RuntimeError("nothing was sent")
        sending = time.monotonic() - begin
        time.sleep(3)
        loaded = memory_of(daemon.pid, "VmRSS")
        peak = memory_of(daemon.pid, "VmHWM")
        daemon.kill()
        daemon.wait()
    return {"bytes_per_recipient": max(after_import, loaded) / size,
            "bytes_per_recipient_after_start": loaded / size,
            "peak_bytes_per_recipient_in_start": peak / size,
            "serving_seconds": serving, "first_send_seconds": sending}


def run(name, argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--sink")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10**5, 10**6, 10**7])
    parser.add_argument("--stores", type=pathlib.Path, default=pathlib.Path("build/bench"),
                        help="where filled stores are kept; 1.6 GB for the largest")
    arguments = parser.parse_args(argv)
    metrics = {}
    for size in arguments.sizes:
        figures = measure(arguments.bin, size, arguments.stores)
        print(f"{size:10,} queued: " + json.dumps({k: round(v, 2) for k, v in figures.items()}),
              file=sys.stderr)
        metrics.update({f"{figure}_{size}": value for figure, value in figures.items()})
    peers.report(name, metrics, {
        "memory": [("bytes_per_recipient_1000000", "<=", 100),
                   ("bytes_per_recipient_10000000", "<=", 100)],
        "recovery": [("serving_seconds_1000000", "<=", 1), ("first_send_seconds_1000000", "<=", 3)],
    }[name])


if __name__ == "__main__":
    run("memory")
