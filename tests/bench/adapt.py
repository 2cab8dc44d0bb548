"""The throttle against receivers with hidden limits, beside models of other senders' policies.

Scenarios, receivers, peers and scores are throttle_sim.py's (CRESCENDO_THROTTLE_SIM, or --sim; by
default ../shared/tools/throttle_sim.py beside the repository): random seeds x 40 scenarios through
throttle_ext, a thin adapter over the library that the daemon uses. The C++ simulator (bench_adapt)
plays the same scenarios natively; every scenario's figures are in build/bench/adapt.json, and a
picture of each (hidden limit, our rate, refusals) in build/bench/adapt/.

Without throttle_sim.py only --scenarios FILE.json can be played, natively.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys

import peers

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DEFAULT_SIM = ROOT.parent / "shared" / "tools" / "throttle_sim.py"
OUT = ROOT / "build" / "bench"
# Of the policies in throttle_sim.py: those that model other senders, not control references.
PEERS = ["postfix", "postfix_delay1s", "kumomta_tsa", "kumomta_plan", "powermta_backoff",
         "powermta_deliv", "powermta_plan", "momentum_ad*", "greenarrow*"]


def mean(values):
    values = list(values)
    return sum(values) / len(values) if values else 0.0


def run_sim(sim, ext, policies, selection, jobs):
    out = OUT / "adapt_sim.json"
    command = [sys.executable, str(sim), "--policies", ",".join(policies), "--jobs", str(jobs),
               "--brief", "--json", str(out), *selection]
    if ext:
        command += ["--ext", str(ext)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return json.loads(out.read_text())


def scenarios_of(sim, selection):
    run = subprocess.run([sys.executable, str(sim), "--dump", *selection], check=True,
                         stdout=subprocess.PIPE)
    return json.loads(run.stdout)


def run_native(program, scenarios):
    path = OUT / "adapt_scenarios.json"
    path.write_text(json.dumps(scenarios))
    run = subprocess.run([str(program), str(path), "--series"], check=True, stdout=subprocess.PIPE)
    return [json.loads(line) for line in run.stdout.splitlines()]


def draw(row, path):
    """Hidden limit, our rate and refusals over time, as an SVG."""
    width, height, left, top = 900, 260, 60, 30
    limit, rate, refused = row["limit"], row["rate"], row["refused_by_bin"]
    delivered = [count / 600 for count in row["delivered_by_bin"]]
    highest = max(max(limit), sorted(rate)[int(len(rate) * 0.98)]) * 1.25 or 1
    bins = max(len(limit), 2)

    def at(index, value):
        x = left + (width - left - 10) * index / (bins - 1)
        y = top + (height - top - 30) * (1 - min(value, highest) / highest)
        return f"{x:.1f},{y:.1f}"

    def line(values, color, more=""):
        points = " ".join(at(i, value) for i, value in enumerate(values[:bins]))
        return f'<polyline fill="none" stroke="{color}" {more} points="{points}"/>'

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
             'font-family="sans-serif" font-size="12">',
             '<rect width="100%" height="100%" fill="white"/>',
             f'<text x="{left}" y="18">{row["scenario"]}: score {row["score"]:.1f}, goodput '
             f'{100 * row["goodput"]:.1f} %, refused {100 * row["deferred"]:.2f} % '
             f'({row["refusals"]} of {row["attempts"]})</text>',
             f'<text x="4" y="{top + 8}">{highest * 3600:.0f}/h</text>',
             f'<text x="4" y="{height - 30}">0/h</text>']
    for day in range(bins // 144 + 1):
        x = at(day * 144, 0).split(",")[0]
        parts.append(f'<text x="{x}" y="{height - 10}">day {day + 1}</text>')
    parts.append(line(delivered, "#9bbf8a", 'stroke-width="1"'))
    parts.append(line(limit, "#333333", 'stroke-width="1.5" stroke-dasharray="6 3"'))
    parts.append(line(rate, "#1f6fb4", 'stroke-width="1.2"'))
    for index, count in enumerate(refused[:bins]):
        if count:
            x, y = at(index, 0).split(",")
            parts.append(f'<circle cx="{x}" cy="{y}" r="{1.5 + count ** 0.5:.1f}" fill="#c0392b"/>')
    parts.append(f'<text x="{width - 430}" y="18" fill="#333333">- - hidden limit</text>'
                 f'<text x="{width - 320}" y="18" fill="#1f6fb4">our rate</text>'
                 f'<text x="{width - 250}" y="18" fill="#5f8f4a">delivered</text>'
                 f'<text x="{width - 170}" y="18" fill="#c0392b">refusals</text></svg>')
    path.write_text("\n".join(parts))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--sink")
    parser.add_argument("--sim", type=pathlib.Path,
                        default=os.environ.get("CRESCENDO_THROTTLE_SIM", DEFAULT_SIM))
    parser.add_argument("--seeds", type=int, nargs="+", default=[20261, 20262, 20263])
    parser.add_argument("--count", type=int, default=40, help="scenarios of each seed")
    parser.add_argument("--scenarios", type=pathlib.Path, help="this file instead of seeds")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--native-only", action="store_true",
                        help="the C++ simulator alone, without peers: seconds instead of minutes")
    arguments = parser.parse_args()
    sim = pathlib.Path(arguments.sim)
    pictures = OUT / "adapt"
    pictures.mkdir(parents=True, exist_ok=True)
    binaries = pathlib.Path(arguments.bin)

    if arguments.scenarios:
        sets = [("file", ["--scenario-file", str(arguments.scenarios)])]
    else:
        sets = [(seed, ["--random", str(arguments.count), "--seed", str(seed)])
                for seed in arguments.seeds]
    if not sim.exists() and not arguments.scenarios:
        sys.exit(f"adapt: there is no {sim}; set CRESCENDO_THROTTLE_SIM to throttle_sim.py, "
                 "or give --scenarios FILE.json")
    native, ours, others = [], [], {}
    for seed, selection in sets:
        scenarios = (json.loads(arguments.scenarios.read_text()) if arguments.scenarios
                     else scenarios_of(sim, selection))
        rows = run_native(binaries / "bench_adapt", scenarios)
        for row in rows:
            row["seed"] = seed
            draw(row, pictures / f"{seed}_{row['scenario']}.svg")
        native += rows
        print(f"seed {seed}: native mean {mean(r['score'] for r in rows):.2f}", file=sys.stderr)
        if arguments.native_only or not sim.exists():
            continue
        for row in run_sim(sim, binaries / "throttle_ext", PEERS, selection, arguments.jobs):
            row["seed"] = seed
            if row["policy"] == "ext":
                ours.append(row)
            elif row["policy"] in PEERS:
                others.setdefault(row["policy"], []).append(row["score"])
        print(f"seed {seed}: throttle_sim.py mean "
              f"{mean(r['score'] for r in ours if r['seed'] == seed):.2f}", file=sys.stderr)

    judged = ours or native
    for row in native:
        for series in ("limit", "rate", "refused_by_bin", "delivered_by_bin"):
            row.pop(series, None)
    peer_means = {name: mean(scores) for name, scores in others.items()}
    (OUT / "adapt.json").write_text(json.dumps(
        {"seeds": [seed for seed, _ in sets], "throttle_sim": ours, "native": native,
         "peer_means": peer_means}, indent=1))
    metrics = {
        "mean_score": mean(row["score"] for row in judged),
        "worst_score": min(row["score"] for row in judged),
        "goodput": mean(row["goodput"] for row in judged),
        "refused": mean(row["deferred"] for row in judged),
        "penalty": mean(row["penalty"] for row in judged),
        "native_mean_score": mean(row["score"] for row in native),
        "native_worst_score": min(row["score"] for row in native),
    }
    goals = [("mean_score", ">=", 97.5), ("worst_score", ">=", 80), ("goodput", ">=", 0.985),
             ("refused", "<=", 0.0015), ("penalty", "<=", 0.03)]
    if peer_means:
        metrics["best_peer"] = max(peer_means.values())
        metrics["lead_over_best_peer"] = metrics["mean_score"] - metrics["best_peer"]
        goals.append(("lead_over_best_peer", ">=", 18))
    print(f"scenarios: {len(judged)}; seeds: {' '.join(str(seed) for seed, _ in sets)}; "
          f"figures in {OUT / 'adapt.json'}, pictures in {pictures}", file=sys.stderr)
    peers.report("adapt", metrics, goals)


if __name__ == "__main__":
    main()
