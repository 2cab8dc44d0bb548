"""Sixty simulated days of warm-up, 20 IPs to 12 providers, with faults and incidents: the laws and
the speed. The planned ramp of one IP stands beside what happened."""

import argparse
import json
import subprocess
import sys

import peers


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--sink")
    parser.add_argument("--recipients", type=int, default=400_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    arguments = parser.parse_args()

    runs = []
    for seed in arguments.seeds:
        run = subprocess.run([f"{arguments.bin}/bench_warmup", str(arguments.recipients), str(seed)],
                             check=True, stdout=subprocess.PIPE, text=True)
        *ramp, last = run.stdout.splitlines()
        if not runs:
            print("\n".join(ramp), file=sys.stderr)
        runs.append(json.loads(last))
        print(f"seed {seed}: {last}", file=sys.stderr)
    metrics = {name: sum(run[name] for run in runs)
               for name in ("caps_passed", "order_violations", "other_violations", "decisions")}
    metrics["speedup"] = peers.median(run["speedup"] for run in runs)
    # By the CPU time used: what it is on a machine that does nothing else.
    metrics["speedup_of_cpu"] = peers.median(run["speedup_of_cpu"] for run in runs)
    metrics["messages_per_second"] = peers.median(run["messages_per_second"] for run in runs)
    metrics["forecast_cpu_seconds"] = peers.median(run["forecast_cpu_seconds"] for run in runs)
    metrics["sends"] = peers.median(run["sends"] for run in runs)
    peers.report("warmup", metrics, [("caps_passed", "<=", 0), ("order_violations", "<=", 0),
                                     ("other_violations", "<=", 0), ("speedup", ">=", 100000)])


if __name__ == "__main__":
    main()
