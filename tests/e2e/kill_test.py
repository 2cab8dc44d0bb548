"""kill -9 at any moment: nothing acknowledged is lost, nobody gets more than the doubts allow, no
cap is passed. The proof is the receivers' own ledger.

CRESCENDO_KILLS and CRESCENDO_SEED change how often and when.
"""
import collections
import json
import os
import random
import signal
import subprocess
import time
import unittest

import harness

KILLS = int(os.environ.get("CRESCENDO_KILLS", 15))
SEED = int(os.environ.get("CRESCENDO_SEED", 1))
RECIPIENTS = 12000
DAY_SECONDS = 4
IPS = ("mta1-a", "mta1-b")


class KillTest(harness.RigTest):
    def set_up(self):
        rig = self.rig
        rig.scaled_clock(DAY_SECONDS, lead=1)
        rig.run(harness.BIN / "crescendo-sandbox", "recipients", "--count", RECIPIENTS, "--seed", SEED,
                "--as-of", "2025-12-31T00:00:00Z", "--out", rig.folder / "recipients.csv")
        rig.sandbox()
        # In a hurry after each kill, so that it is the cap that holds it.
        rig.configure("smtp { idle_connection { seconds: 3600 } } pacing { catch_up_factor: 24 }")
        self.daemon = rig.daemon()
        rig.campaign(None, IPS)
        for ip in IPS:
            rig.crescendo("plan", "create", f"warm-{ip}", "--ip", ip, "--stage", "1:60", "--stage",
                          "1:120", "--stage", "9:200", "--start-date", "2026-01-01")
            rig.crescendo("plan", "start", f"warm-{ip}")
        rig.crescendo("campaign", "start", "spring")

    def start_import(self):
        return self.rig.start("import", harness.BIN / "crescendo", "--server", self.rig.server,
                              "campaign", "import", "spring", self.rig.folder / "recipients.csv",
                              "--chunk-size", 20, "--skip-invalid")

    def counts(self):
        campaign = self.rig.rows("campaign", "get", "spring")[0]
        counts = {name: int(value) for name, value in campaign["counts"].items()}
        states = sum(count for name, count in counts.items() if name != "total")
        self.assertEqual(states, counts["total"], "each is in exactly one state")
        return counts

    def kill_and_restart(self, pause):
        """What was acknowledged before is there after it."""
        rig = self.rig
        before = self.counts()
        number = len(self.suppressed)
        address = f"never{number}@gmail.com"
        rig.crescendo("suppression", "add", address)
        self.suppressed.append(address)
        time.sleep(pause)
        self.daemon.signal(signal.SIGKILL)
        self.assertEqual(self.daemon.wait(), -signal.SIGKILL, self.daemon.err.read_text())
        self.daemon = rig.daemon()
        after = self.counts()
        for name in ("total", "accepted", "bounced"):
            self.assertGreaterEqual(after[name], before[name], name)

    def test_killed_while_it_imports_and_sends(self):
        chance = random.Random(SEED)
        self.suppressed = []
        self.set_up()
        importing = self.start_import()
        during_import = 0
        for kill in range(KILLS):
            during_import += importing.process.poll() is None
            self.kill_and_restart(chance.uniform(0, 0.7))
            if kill == 2:
                # The one who imports dies too; the same command goes on where it stopped.
                importing.signal(signal.SIGKILL)
                importing.wait()
                importing = self.start_import()
        self.assertEqual(importing.wait(), 0, importing.err.read_text())
        self.assertGreaterEqual(during_import, 3, "kills in the middle of the import")

        rig = self.rig
        harness.until(lambda: self.counts()["accepted"] >= 300, "mail leaves")
        rig.crescendo("campaign", "pause", "spring")
        harness.until(lambda: self.counts()["claimed"] == 0, "what is in flight ends")
        self.assertEqual(self.counts()["total"], RECIPIENTS)
        listed = {row["address"] for row in rig.rows("suppression", "list")}
        self.assertLessEqual(set(self.suppressed), listed, "acknowledged suppressions")

        rig.evidence(IPS)
        self.daemon.signal(signal.SIGTERM)
        self.assertEqual(self.daemon.wait(), 0)
        done = subprocess.run(
            [harness.BIN / "crescendo-sandbox", "verify", "--ledger", rig.folder / "ledger.jsonl",
             "--recipients", rig.folder / "recipients.csv", "--days", rig.folder / "days.jsonl",
             "--deliveries", rig.folder / "deliveries.jsonl", "--allow-incomplete", "--json"],
            capture_output=True, text=True)
        proof = json.loads(done.stdout)
        laws = proof["laws"]
        full = sum(day["accepted"] + day["refused"] >= 0.9 * day["cap"] for day in proof["days"])
        self.assertGreaterEqual(full, 2, "days on which the cap was what held it")
        # Not the order: what a killed daemon held in doubt waits, and others pass it.
        for law in ("cap", "once", "accounted"):
            self.assertTrue(laws[law]["ok"], laws[law]["first_violations"])
        # The daemon's own count of doubts bounds the copies too: the receivers' is generous, for
        # they cannot know which of their last replies was read.
        copies = collections.Counter()
        for line in (rig.folder / "ledger.jsonl").read_text().splitlines():
            record = json.loads(line)
            copies[record["rcpt_to"]] += record["kind"] == "transaction" and record["kept"]
        for line in (rig.folder / "deliveries.jsonl").read_text().splitlines():
            row = json.loads(line)
            self.assertLessEqual(copies[row["address"]], 1 + row["in_doubt_count"], row)
        print(f"{KILLS} kills, {during_import} of them while importing, {full} full days:", laws["once"]["notes"],
              laws["accounted"]["notes"])


if __name__ == "__main__":
    unittest.main()
