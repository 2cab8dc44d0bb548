"""Messages a second on one core, filled in and signed, beside `openssl speed` for keys of the same kinds
in the same run.

`ratio_*` is the signer's speed over a whole message (canonical form, body hash, header hash, signature),
by what the bare key operation takes; `ratio_rendered_*` is the same with the message made, too. Medians
of several rounds, in processor time.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

import peers

KEYS = {"ed25519": ["-algorithm", "ed25519"],
        "rsa2048": ["-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:2048"]}


def openssl_speed(seconds):
    """Signatures a second, by kind of key: lines of -mr are +F2:n:bits:signed:verified
    and +F6:n:bits:name:signed:verified."""
    output = subprocess.run(
        ["openssl", "speed", "-mr", "-seconds", str(seconds), "rsa2048", "ed25519"], check=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    rates = {}
    for line in output.splitlines():
        words = line.split(":")
        if words[0] == "+F2":
            rates["rsa2048"] = float(words[3])
        elif words[0] == "+F6":
            rates["ed25519"] = float(words[4])
    return rates


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--sink")
    parser.add_argument("--bytes", type=int, default=10240)
    parser.add_argument("--seconds", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()

    def bench(what, *keys, size=arguments.bytes):
        run = subprocess.run([f"{arguments.bin}/bench_render", what, str(size),
                              str(arguments.seconds), *keys], check=True, stdout=subprocess.PIPE)
        return json.loads(run.stdout)["per_second"]

    taken = {}
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for kind, how in KEYS.items():
            files[kind] = f"{folder}/{kind}.pem"
            subprocess.run(["openssl", "genpkey", *how, "-out", files[kind]], check=True,
                           stderr=subprocess.DEVNULL)
            os.chmod(files[kind], 0o600)
        for number in range(arguments.rounds):
            # One after the other, so that a machine that slows down slows all of them.
            now = {f"openssl_{kind}": rate
                   for kind, rate in openssl_speed(arguments.seconds).items()}
            now["openssl_both"] = 1 / (1 / now["openssl_ed25519"] + 1 / now["openssl_rsa2048"])
            for kind, keys in [("ed25519", [files["ed25519"]]), ("rsa2048", [files["rsa2048"]]),
                               ("both", list(files.values()))]:
                now[f"signed_{kind}"] = bench("signed", *keys)
                now[f"rendered_{kind}"] = bench("rendered", *keys)
                now[f"ratio_{kind}"] = now[f"signed_{kind}"] / now[f"openssl_{kind}"]
                now[f"ratio_rendered_{kind}"] = now[f"rendered_{kind}"] / now[f"openssl_{kind}"]
            now["ratio_ed25519_2kib"] = (bench("signed", files["ed25519"], size=2048)
                                         / now["openssl_ed25519"])
            now["rendered_none"] = bench("rendered")
            for what in ("variable", "parts", "encoded"):
                now[f"{what}_none"] = bench(what)
            for name, value in now.items():
                taken.setdefault(name, []).append(value)
            print(f"round {number + 1}: " + ", ".join(
                f"{name} {value:,.2f}" if name.startswith("ratio") else f"{name} {value:,.0f}/s"
                for name, value in now.items()), file=sys.stderr)
    metrics = {name if name.startswith("ratio") else f"{name}_per_second": peers.median(values)
               for name, values in taken.items()}
    peers.report("render", metrics, [(f"ratio_{kind}", ">=", 0.8) for kind in [*KEYS, "both"]])


if __name__ == "__main__":
    main()
