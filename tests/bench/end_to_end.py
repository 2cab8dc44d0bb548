"""Messages a second from import to the last 250: durable, through the whole daemon.

In each round, in turn: smtp-source straight to smtp-sink (many messages a connection, nothing kept
on disk); the daemon with one body for all; the daemon with a body of its own for each recipient,
which it stores, as a mail server stores every message. Same sink, size and connections.
"""

import argparse
import json
import subprocess
import sys

import peers


def deliver(arguments, port, distinct):
    """One run of a new daemon: messages a second, and CPU seconds per 1,000 messages."""
    with peers.crescendod(arguments.bin, port, arguments.sessions) as (address, daemon, _):
        before = peers.cpu_seconds([daemon.pid])
        client = subprocess.run(
            [f"{arguments.bin}/bench_import", "--server", address, "--campaign", "bench",
             "--recipients", str(arguments.messages), "--chunk", "100" if distinct else "1000",
             "--body-bytes", str(arguments.size if distinct else 0), "--await-accepted"],
            check=True, stdout=subprocess.PIPE)
        cpu = peers.cpu_seconds([daemon.pid]) - before
        figures = json.loads(client.stdout)
        return (arguments.messages / figures["seconds"],
                arguments.messages / figures["import_seconds"], 1000 * cpu / arguments.messages)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--sink", required=True)
    parser.add_argument("--messages", type=int, default=40000)
    parser.add_argument("--size", type=int, default=10240)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()

    rates = {"raw": [], "shared": [], "distinct": []}
    ratios = {"shared": [], "distinct": []}
    cpu = {"shared": [], "distinct": []}
    for number in range(arguments.rounds):
        port = peers.free_port()
        with peers.smtp_sink(arguments.sink, port):
            order = ["raw", "shared", "distinct"] if number % 2 == 0 else ["distinct", "shared", "raw"]
            for kind in order:
                if kind == "raw":
                    seconds = peers.smtp_source(arguments.sink, port, arguments.messages,
                                                arguments.size, arguments.sessions)
                    rates[kind].append(arguments.messages / seconds)
                else:
                    rate, _, cost = deliver(arguments, port, kind == "distinct")
                    rates[kind].append(rate)
                    cpu[kind].append(cost)
                print(f"round {number + 1}: {kind:8} {rates[kind][-1]:8.0f} messages/s",
                      file=sys.stderr)
        for kind in ratios:
            ratios[kind].append(rates[kind][-1] / rates["raw"][-1])

    metrics = {
        "messages_per_second": peers.median(rates["distinct"]),
        "messages_per_second_shared_body": peers.median(rates["shared"]),
        "raw_messages_per_second": peers.median(rates["raw"]),
        "ratio_to_raw": peers.median(ratios["distinct"]),
        "ratio_to_raw_shared_body": peers.median(ratios["shared"]),
        "cpu_seconds_per_1000": peers.median(cpu["distinct"]),
        "cpu_seconds_per_1000_shared_body": peers.median(cpu["shared"]),
    }
    peers.report("end_to_end", metrics, [("ratio_to_raw", ">=", 0.5)])


if __name__ == "__main__":
    main()
