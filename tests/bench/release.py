"""Ranked claims a second in the core, at 10^4 to 10^7 queued: 100 lanes, 5,000 domains, 3 campaigns.

A claim is all of the core's work for a message: choose it, claim it, hand it over, settle it.
"""

import argparse
import json
import subprocess
import sys

import peers


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--sink")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10**4, 10**5, 10**6, 10**7])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()

    rates = {size: [] for size in arguments.sizes}
    for number in range(arguments.rounds):
        for size in arguments.sizes:
            run = subprocess.run([f"{arguments.bin}/bench_release", str(size)], check=True,
                                 stdout=subprocess.PIPE)
            rates[size].append(json.loads(run.stdout)["claims_per_second"])
            print(f"round {number + 1}: {size:9,} queued {rates[size][-1]:9,.0f} claims/s",
                  file=sys.stderr)
    metrics = {f"claims_per_second_{size}": peers.median(rates[size]) for size in arguments.sizes}
    metrics["least_claims_per_second"] = min(metrics.values())
    smallest, largest = arguments.sizes[0], arguments.sizes[-1]
    metrics["slower_by"] = peers.median(
        a / b for a, b in zip(rates[smallest], rates[largest]))
    peers.report("release", metrics, [("least_claims_per_second", ">=", 200000),
                                      ("slower_by", "<=", 2)])


if __name__ == "__main__":
    main()
