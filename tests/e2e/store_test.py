"""The store's file by the commands an operator types: backup while mail is sent, check, restore and
compact, and what each prints."""
import signal
import sqlite3
import unittest

import harness

RECIPIENTS = 1000
CHECKS = ["file", "pages", "references", "names", "deliveries", "claims", "ledger", "events",
          "variables", "counts", "addresses", "signals"]


class StoreTest(harness.RigTest):
    def setUp(self):
        super().setUp()
        rig = self.rig
        rig.scaled_clock(harness.DAY)
        rig.sandbox()
        rig.configure()
        self.process = rig.daemon()
        rig.campaign("address,score\n" + "".join(
            f"u{n}@gmail.com,0.5\n" for n in range(RECIPIENTS)))
        harness.until(lambda: self.counts()["accepted"] > 0, "mail leaves")
        self.store = rig.folder / "data/crescendo.db"

    def counts(self):
        counts = self.rig.rows("campaign", "get", "spring")[0]["counts"]
        return {name: int(value) for name, value in counts.items()}

    def stop(self):
        self.process.signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(), 0)

    def tool(self, *words, code=0):
        """A command that needs no daemon."""
        return self.rig.run(harness.BIN / "crescendo", "store", *words, code=code)

    def assert_sound(self, file):
        lines = self.tool("check", file).splitlines()
        self.assertEqual(lines[0].split(), ["CHECK", "RESULT", "DETAIL"])
        self.assertEqual([line.split()[:2] for line in lines[1:]], [[check, "ok"] for check in CHECKS])
        self.assertRegex("\n".join(lines), r"1000 recipients of 1 campaigns")

    def test_a_backup_made_while_mail_is_sent_becomes_a_store(self):
        rig = self.rig
        before = self.counts()
        backup = rig.folder / "backup.db"
        card = rig.crescendo("store", "backup", backup)
        self.assertRegex(card, rf"^BACKUP +{backup}\nSIZE +\d+\.\d MiB\n$")
        self.assertIn("exists; nothing is overwritten", rig.crescendo("store", "backup", backup, code=1))
        self.assert_sound(backup)

        # The daemon's own file is in use, and the message says by whom.
        for verb in ("check", "compact"):
            said = self.tool(verb, self.store, code=1)
            self.assertIn(f"in use by another process (lock held, by process {self.process.process.pid} "
                          "(crescendod))", said)
        said = self.tool("restore", backup, "--to", self.store, code=1)
        self.assertIn("nothing is overwritten: stop the daemon that uses it", said)

        self.stop()
        self.assert_sound(self.store)
        for file in self.store.parent.glob("crescendo.db*"):
            file.rename(rig.folder / f"old-{file.name}")
        self.assertEqual(self.tool("restore", backup, "--to", self.store), "")
        self.assert_sound(self.store)
        self.process = rig.daemon()
        after = self.counts()
        self.assertEqual(after["total"], RECIPIENTS)
        self.assertGreaterEqual(after["accepted"], before["accepted"])
        self.stop()

    def test_a_damaged_file_is_found_and_not_restored(self):
        self.stop()
        with sqlite3.connect(self.store) as database:
            database.execute("UPDATE ledger SET accepted = accepted + 1")
        database.close()
        said = self.tool("check", self.store, code=1)
        self.assertRegex(said, r"ledger +fault +.*mta1-a × gmail on .* says \d+ accepted where the "
                               r"events tell of \d+")
        self.assertIn("1 of 12 checks found a fault; restore the last good backup", said)
        said = self.tool("restore", self.store, "--to", self.rig.folder / "new.db", code=1)
        self.assertIn("is incomplete or damaged: ledger: ", said)
        self.assertFalse((self.rig.folder / "new.db").exists())

    def test_compact_gives_room_back_and_loses_nothing(self):
        self.stop()
        with sqlite3.connect(self.store) as database:
            database.execute("PRAGMA auto_vacuum = NONE")
            database.execute("CREATE TABLE filler (x)")
            database.execute("INSERT INTO filler VALUES (zeroblob(8000000))")
            database.execute("DROP TABLE filler")
        database.close()
        large = self.store.stat().st_size
        self.assertGreater(large, 8_000_000)
        self.assertEqual(self.tool("compact", self.store), "")
        self.assertLess(self.store.stat().st_size, large - 7_000_000)
        self.assert_sound(self.store)
        self.process = self.rig.daemon()
        self.assertEqual(self.counts()["total"], RECIPIENTS)


if __name__ == "__main__":
    unittest.main()
