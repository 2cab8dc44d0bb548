"""Messages a second from import to the last 250: durable, through the whole daemon.

In each round, in turn: smtp-source straight to smtp-sink (many messages a connection, nothing kept
on disk); the daemon with one body for all; the daemon with a body of its own for each recipient,
which it stores, as a mail server stores every message; and a private Postfix that relays the
messages of smtp-source, with fsync as it ships and nothing that would listen to its log. Same sink,
size and connections. CPU is that of the daemon, and of all of Postfix's processes. Postfix needs
root: for others it is left out, and so are its metrics.
"""

import argparse
import json
import os
import subprocess
import sys
import time

import peers


def raw(arguments, port):
    seconds = peers.smtp_source(arguments.sink, port, arguments.messages, arguments.size,
                                arguments.sessions)
    return {"rate": arguments.messages / seconds}


def deliver(arguments, port, distinct):
    """One run of a new daemon."""
    with peers.crescendod(arguments.bin, port, arguments.sessions) as (address, daemon, _):
        before = peers.cpu_seconds([daemon.pid])
        client = subprocess.run(
            [f"{arguments.bin}/bench_import", "--server", address, "--campaign", "bench",
             "--recipients", str(arguments.messages), "--chunk", "100" if distinct else "1000",
             "--body-bytes", str(arguments.size if distinct else 0), "--await-accepted"],
            check=True, stdout=subprocess.PIPE)
        cpu = peers.cpu_seconds([daemon.pid]) - before
        figures = json.loads(client.stdout)
        return {"rate": arguments.messages / figures["seconds"],
                "taken": arguments.messages / figures["import_seconds"],
                "cpu": 1000 * cpu / arguments.messages}


def relay(arguments, port):
    """One run of a new Postfix."""
    messages = arguments.postfix_messages
    with peers.postfix(arguments.sink, port, arguments.sessions) as (own_port, master, queue):
        used = lambda: peers.cpu_seconds([master.pid, *peers.children(master.pid)])
        before, start = used(), time.monotonic()
        taking = peers.smtp_source(arguments.sink, own_port, messages, arguments.size,
                                   arguments.sessions)
        peers.await_empty(queue)
        return {"rate": messages / (time.monotonic() - start), "taken": messages / taking,
                "cpu": 1000 * (used() - before) / messages}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--sink", required=True)
    parser.add_argument("--messages", type=int, default=40000)
    parser.add_argument("--postfix-messages", type=int, default=6000)
    parser.add_argument("--size", type=int, default=10240)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()

    kinds = {"raw": lambda port: raw(arguments, port),
             "shared": lambda port: deliver(arguments, port, False),
             "distinct": lambda port: deliver(arguments, port, True),
             "postfix": lambda port: relay(arguments, port)}
    if os.geteuid() != 0:
        print("Postfix is left out: only root may start it", file=sys.stderr)
        del kinds["postfix"]
    rounds = []
    for number in range(arguments.rounds):
        port = peers.free_port()
        figures = {}
        with peers.smtp_sink(arguments.sink, port):
            for kind in list(kinds) if number % 2 == 0 else reversed(kinds):
                figures[kind] = kinds[kind](port)
                print(f"round {number + 1}: {kind:8} " + "  ".join(
                    f"{name} {value:.{4 if name == 'cpu' else 0}f}"
                    for name, value in figures[kind].items()), file=sys.stderr)
        rounds.append(figures)

    def middle(kind, figure, beside=None):
        """Of the rounds; a ratio to another kind is taken in each round."""
        return peers.median(one[kind][figure] / (one[beside][figure] if beside else 1)
                            for one in rounds)

    metrics = {
        "messages_per_second": middle("distinct", "rate"),
        "messages_per_second_shared_body": middle("shared", "rate"),
        "raw_messages_per_second": middle("raw", "rate"),
        "ratio_to_raw": middle("distinct", "rate", "raw"),
        "ratio_to_raw_shared_body": middle("shared", "rate", "raw"),
        "taken_per_second": middle("distinct", "taken"),
        "taken_per_second_shared_body": middle("shared", "taken"),
        "cpu_seconds_per_1000": middle("distinct", "cpu"),
        "cpu_seconds_per_1000_shared_body": middle("shared", "cpu"),
    }
    if "postfix" in kinds:
        metrics |= {
            "postfix_messages_per_second": middle("postfix", "rate"),
            "postfix_taken_per_second": middle("postfix", "taken"),
            "postfix_cpu_seconds_per_1000": middle("postfix", "cpu"),
            "ratio_to_postfix": middle("distinct", "rate", "postfix"),
            "ratio_to_postfix_shared_body": middle("shared", "rate", "postfix"),
            "cpu_ratio_to_postfix": middle("distinct", "cpu", "postfix"),
            "cpu_ratio_to_postfix_shared_body": middle("shared", "cpu", "postfix"),
        }
    peers.report("end_to_end", metrics, [
        ("ratio_to_postfix", ">=", 10), ("ratio_to_raw", ">=", 0.5),
        ("cpu_ratio_to_postfix", "<=", 0.1)])


if __name__ == "__main__":
    main()
