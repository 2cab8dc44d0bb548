"""Events a second to those who follow them, and what a watcher that has nothing to do costs.

For 1, 10 and 100 subscribers: a new daemon sends messages to smtp-sink while each of them reads every
event, live; then each reads them all again from the start, as one does that was away. Then 1,000
watchers of a plan that stands still. Memory is the daemon's resident set; CPU is its own.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import time

import peers


def resident_mib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no process {pid}")


def follow(bin, address, subscribers, events):
    process = subprocess.Popen(
        [f"{bin}/bench_stream", "--server", address, "--subscribers", str(subscribers),
         "--events", str(events)], stdout=subprocess.PIPE, text=True)
    if process.stdout.readline() != "ready\n":
        raise RuntimeError("bench_stream could not connect")
    return process


def send(bin, address, messages):
    return json.loads(subprocess.run(
        [f"{bin}/bench_import", "--server", address, "--campaign", "bench", "--recipients",
         str(messages), "--await-accepted"], check=True, stdout=subprocess.PIPE).stdout)


def subscribed(arguments, port, subscribers):
    messages = arguments.messages
    with peers.crescendod(arguments.bin, port, 20) as (address, daemon, _):
        reader = follow(arguments.bin, address, subscribers, messages) if subscribers else None
        sent = send(arguments.bin, address, messages)
        figures = {"messages": messages / sent["seconds"]}
        if reader is None:
            return figures
        live = json.loads(reader.communicate()[0])
        figures["live"] = live["events"] / live["seconds"]
        before = resident_mib(daemon.pid)
        reader = follow(arguments.bin, address, subscribers, messages)
        most = before
        while reader.poll() is None:
            most = max(most, resident_mib(daemon.pid))
            time.sleep(0.01)
        again = json.loads(reader.communicate()[0])
        figures["replayed"] = again["events"] / again["seconds"]
        figures["growth_mib"] = most - before
        figures["disordered"] = live["disordered"] + again["disordered"]
        return figures


def watched(arguments, port):
    cli = lambda address, *words: subprocess.run(
        [f"{arguments.bin}/crescendo", "--server", address, *words], check=True,
        stdout=subprocess.DEVNULL)
    with peers.crescendod(arguments.bin, port, 20, "limits { max_streams: 2000 }\n") as (
            address, daemon, _):
        cli(address, "ip", "create", "a", "--address", "127.0.0.1", "--ehlo-name", "a.example.com")
        cli(address, "plan", "create", "warm", "--ip", "a", "--target", "50000")
        before = resident_mib(daemon.pid)
        watchers = subprocess.Popen(
            [f"{arguments.bin}/bench_stream", "--server", address, "--watchers",
             str(arguments.watchers), "--plan", "warm"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        if watchers.stdout.readline() != "ready\n":
            raise RuntimeError("the watchers could not connect")
        cpu, start = peers.cpu_seconds([daemon.pid]), time.monotonic()
        time.sleep(arguments.idle_seconds)
        cpu = peers.cpu_seconds([daemon.pid]) - cpu
        seconds = time.monotonic() - start
        kib = 1024 * (resident_mib(daemon.pid) - before) / arguments.watchers
        watchers.communicate("")
        return {"watcher_kib": kib, "watcher_cpu_us": 1e6 * cpu / seconds / arguments.watchers}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--sink", required=True)
    parser.add_argument("--messages", type=int, default=40000)
    parser.add_argument("--watchers", type=int, default=1000)
    parser.add_argument("--idle-seconds", type=float, default=10)
    arguments = parser.parse_args()
    port = peers.free_port()
    metrics = {}
    with peers.smtp_sink(arguments.sink, port):
        alone = subscribed(arguments, port, 0)
        metrics["messages_alone"] = alone["messages"]
        for subscribers in (1, 10, 100):
            figures = subscribed(arguments, port, subscribers)
            print(f"{subscribers} subscribers: {figures}", file=sys.stderr)
            for name, value in figures.items():
                metrics[f"{name}_{subscribers}"] = value
        figures = watched(arguments, port)
        print(f"{arguments.watchers} idle watchers: {figures}", file=sys.stderr)
        metrics.update(figures)
    metrics["disordered"] = sum(value for name, value in metrics.items()
                                if name.startswith("disordered_"))
    peers.report("stream", metrics, [("disordered", "<=", 0)])


if __name__ == "__main__":
    main()
