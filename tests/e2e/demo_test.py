"""cmd/demo.sh: it proves what it says, the proof can fail, and Ctrl-C leaves nothing behind."""
import json
import os
import signal
import subprocess
import unittest
from pathlib import Path

import harness

DEMO = harness.ROOT / "cmd/demo.sh"
SHORT = ["--no-build", "--days", "2", "--day-seconds", "3", "--recipients", "3000"]


def users_of(folder):
    """The processes that name `folder` in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str(folder).encode() in (entry / "cmdline").read_bytes():
                found.append(entry.name)
        except OSError:
            pass  # It ended meanwhile.
    return found


class DemoTest(harness.RigTest):
    def start_demo(self, name, *words):
        temporary = self.rig.folder / f"{name}.tmp"
        temporary.mkdir()
        return self.rig.start(name, DEMO, *SHORT, *words,
                              env={**os.environ, "TMPDIR": str(temporary)}), temporary

    def test_proves_itself_and_the_proof_can_fail(self):
        kept = self.rig.folder / "kept"
        demo, _ = self.start_demo("demo", "--once", "--keep", kept)
        code = demo.wait()
        text = demo.out.read_text()
        self.assertEqual(code, 0, text + demo.err.read_text())
        for wanted in ("2 plan days of 3 s", "--- plan day 2 of 2", "spread over the day",
                       "2026-01-01  mta1-a 127.0.10.1             200",
                       "2026-01-02  mta1-b 127.0.10.2             200", "cap        PASS",
                       "once       PASS", "accounted  PASS", "order      PASS", "done in "):
            self.assertIn(wanted, text)
        self.assertEqual(users_of(kept), [])

        # The same evidence, tampered with.
        lines = (kept / "ledger.jsonl").read_text().splitlines()
        accepted = [line for line in lines if json.loads(line)["outcome"] == "accepted"
                    and json.loads(line)["start"].startswith("2026-01-01")]
        stranger = {**json.loads(accepted[0]), "rcpt_to": "nobody@gmail.com"}
        one = json.loads(accepted[0])["rcpt_to"]
        over = [json.dumps({**stranger, "rcpt_to": f"nobody{i}@gmail.com"}) for i in range(200)]
        for name, ledger, wanted in [
                ("one sent twice", lines + [accepted[0]], f"{one}: 2 copies, 0 in-doubt events"),
                ("one over", lines + over, "accepted or refused for good, cap 200"),
                ("a stranger", lines + [json.dumps(stranger)],
                 "nobody@gmail.com got mail, but is not in the list"),
                ("one lost", [line for line in lines if one not in line],
                 f"{one} is ACCEPTED, but no receiver accepted it")]:
            with self.subTest(name):
                (kept / "ledger.jsonl").write_text("\n".join(ledger) + "\n")
                self.assertIn(wanted, self.rig.verify(folder=kept, code=1))

    def test_ctrl_c_leaves_nothing_behind(self):
        for number, moment in [(signal.SIGTERM, "receivers: "), (signal.SIGINT, "import: "),
                               (signal.SIGINT, "--- plan day 1")]:
            with self.subTest(moment):
                demo, temporary = self.start_demo(f"stopped at {moment[:5]}")
                harness.until(lambda: moment in demo.out.read_text(), moment)
                self.assertNotEqual(users_of(temporary), [])
                demo.signal(number)
                self.assertEqual(demo.wait(), 130, demo.err.read_text())
                self.assertIn("stopped", demo.err.read_text())
                self.assertEqual(users_of(temporary), [])
                self.assertEqual(list(temporary.iterdir()), [])
                with self.assertRaises(ProcessLookupError):
                    os.killpg(demo.process.pid, 0)

    def test_wrong_options_are_named(self):
        for words, wanted in [
                (["--days"], "--days needs a value"), (["--days", "x"], 'is "x"; it must be a whole'),
                (["--day-seconds", "0"], "from 1 to 3600"), (["--keep", "/"], "not an empty folder"),
                (["--keep", ""], "--keep needs a value"), (["--fast"], "unknown argument --fast")]:
            with self.subTest(words):
                done = subprocess.run([DEMO, "--no-build", *words], capture_output=True, text=True)
                self.assertEqual(done.returncode, 2)
                self.assertIn(wanted, done.stderr)
        empty = {**os.environ, "CRESCENDO_BIN": str(self.rig.folder)}
        done = subprocess.run([DEMO, "--no-build"], env=empty, capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("is not there; run this without --no-build", done.stderr)


if __name__ == "__main__":
    unittest.main()
