"""Messages a second of the SMTP sender alone, beside Postfix's smtp-source on the same receiver in the
same run: connections x sizes x plain or STARTTLS x one or many messages a connection.

The receiver of plain sessions is Postfix's smtp-sink. smtp-source cannot STARTTLS: there the sessions
beside ours are in the clear, to the same receiver (bench_tls_sink). Medians of several rounds; the order
alternates. CPU is that of the sending process, in seconds per 1,000 messages.
"""

import argparse
import contextlib
import itertools
import json
import resource
import subprocess
import sys

import peers

GOAL = "20_10k_many_plain"


def ours(arguments, port, connections, messages, size, reuse, tls):
    run = subprocess.run([f"{arguments.bin}/bench_smtp", str(port), str(connections), str(messages),
                          str(size), reuse, tls], check=True, stdout=subprocess.PIPE)
    figures = json.loads(run.stdout)
    return figures["seconds"], figures["cpu_seconds"]


def theirs(arguments, port, connections, messages, size, reuse, tls):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = peers.smtp_source(arguments.sink, port, messages, size, connections,
                                reuse=reuse == "many")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@contextlib.contextmanager
def tls_sink(bin):
    with peers.running([f"{bin}/bench_tls_sink"], stdout=subprocess.PIPE, text=True) as process:
        yield int(process.stdout.readline())


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--sink", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1, help="of each measurement, about")
    parser.add_argument("--only", help="one case, as %s" % GOAL)
    arguments = parser.parse_args()

    cases = {}
    for tls, reuse, connections, size in itertools.product(
            ("plain", "starttls"), ("many", "one"), (1, 20, 100), (1, 10, 50)):
        # About so many a second go through.
        rate = {"many": {"plain": 12000, "starttls": 9000},
                "one": {"plain": 3000, "starttls": 500}}[reuse][tls]
        messages = int(max(arguments.seconds * rate / (1 + size / 20), 10 * connections))
        cases[f"{connections}_{size}k_{reuse}_{tls}"] = (connections, messages, size * 1024, reuse,
                                                         tls)
    if arguments.only:
        cases = {arguments.only: cases[arguments.only]}

    metrics, goals = {}, []
    plain_port = peers.free_port()
    with peers.smtp_sink(arguments.sink, plain_port), tls_sink(arguments.bin) as tls_port:
        print(f"{'connections, size, messages each, TLS':38}{'messages/s':>11}{'smtp-source':>12}"
              f"{'ratio':>7}{'CPU s/1,000':>13}{'smtp-source':>12}", file=sys.stderr)
        for name, case in cases.items():
            port = plain_port if case[-1] == "plain" else tls_port
            messages = case[1]
            rounds = []
            for number in range(arguments.rounds):
                figures = {}
                for sender in (ours, theirs) if number % 2 == 0 else (theirs, ours):
                    seconds, cpu = sender(arguments, port, *case)
                    figures[sender] = messages / seconds, 1000 * cpu / messages
                rounds.append(figures)
            middle = lambda value: peers.median(value(one) for one in rounds)
            rate = middle(lambda one: one[ours][0])
            ratio = middle(lambda one: one[ours][0] / one[theirs][0])
            cpu = middle(lambda one: one[ours][1])
            cpu_ratio = middle(lambda one: one[ours][1] / one[theirs][1])
            print(f"{name:38}{rate:11.0f}{middle(lambda one: one[theirs][0]):12.0f}{ratio:7.2f}"
                  f"{cpu:13.4f}{middle(lambda one: one[theirs][1]):12.4f}", file=sys.stderr)
            metrics |= {f"rate_{name}": rate, f"ratio_{name}": ratio, f"cpu_{name}": cpu,
                        f"cpu_ratio_{name}": cpu_ratio}
    if GOAL in cases:
        metrics = {"ratio_to_smtp_source": metrics[f"ratio_{GOAL}"],
                   "cpu_ratio_to_smtp_source": metrics[f"cpu_ratio_{GOAL}"]} | metrics
        goals = [("ratio_to_smtp_source", ">=", 1), ("cpu_ratio_to_smtp_source", "<=", 1)]
    peers.report("smtp", metrics, goals)


if __name__ == "__main__":
    main()
