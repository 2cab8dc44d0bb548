"""Recipients a second that are acknowledged over gRPC, which is after the sync, by 1 and 8 clients.

In each round, in turn: one client, eight clients, each with a new daemon and its share of the rows in
chunks of 10,000; and the same rows put straight into SQLite (bench_raw_sqlite: WAL,
synchronous=FULL, a unique index so that nobody is there twice, 10,000 rows a commit), and into a table
without that index.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import peers


def imported(arguments, clients):
    """Recipients a second, and the daemon's CPU microseconds for each."""
    with peers.crescendod(arguments.bin, peers.free_port(), 20) as (address, daemon, _):
        before = peers.cpu_seconds([daemon.pid])
        client = subprocess.run(
            [f"{arguments.bin}/bench_import", "--server", address, "--campaign", "bench",
             "--recipients", str(arguments.recipients), "--chunk", str(arguments.chunk),
             "--domains", "1000", "--clients", str(clients)], check=True, stdout=subprocess.PIPE)
        cpu = peers.cpu_seconds([daemon.pid]) - before
        return (arguments.recipients / json.loads(client.stdout)["import_seconds"],
                1e6 * cpu / arguments.recipients)


def raw(arguments, *plain):
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(
            [f"{arguments.bin}/bench_raw_sqlite", str(pathlib.Path(folder) / "raw.db"),
             str(arguments.recipients), "1000", "10000", *plain], check=True,
            stdout=subprocess.PIPE)
        return json.loads(run.stdout)["rows_per_second"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--sink")
    parser.add_argument("--recipients", type=int, default=10**6)
    parser.add_argument("--chunk", type=int, default=10000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()

    rounds = []
    for number in range(arguments.rounds):
        runs = {"1 client": lambda: imported(arguments, 1), "8 clients": lambda: imported(arguments, 8),
                "raw SQLite": lambda: (raw(arguments), 0),
                "raw, no index": lambda: (raw(arguments, "plain"), 0)}
        order = list(runs) if number % 2 == 0 else list(reversed(runs))
        rounds.append({})
        for name in order:
            rounds[-1][name], cpu = runs[name]()
            print(f"round {number + 1}: {name:14} {rounds[-1][name]:9,.0f} recipients/s"
                  + (f", {cpu:.2f} us CPU each" if cpu else ""), file=sys.stderr)
    middle = {name: peers.median(one[name] for one in rounds) for name in rounds[0]}

    def ratio(name, to):
        return peers.median(one[name] / one[to] for one in rounds)

    ratios = {name: ratio(name, "raw SQLite") for name in ("1 client", "8 clients")}
    metrics = {
        "recipients_per_second": min(middle["1 client"], middle["8 clients"]),
        "recipients_per_second_1_client": middle["1 client"],
        "recipients_per_second_8_clients": middle["8 clients"],
        "raw_sqlite_rows_per_second": middle["raw SQLite"],
        "raw_sqlite_without_index_rows_per_second": middle["raw, no index"],
        "ratio_to_raw_sqlite": min(ratios.values()),
        "ratio_to_raw_sqlite_without_index": min(ratio("1 client", "raw, no index"),
                                                 ratio("8 clients", "raw, no index")),
    }
    peers.report("import", metrics, [("recipients_per_second", ">=", 150000),
                                     ("ratio_to_raw_sqlite", ">=", 0.5)])


if __name__ == "__main__":
    main()
