"""The daemon's signatures, as they arrive: through the sender, the wire, and a receiver's own reader."""
import json
import re
import signal
import subprocess
import unittest

import harness

BODY = "Hello {{first_name}},\n\n.\n..two  blanks and a tab\there \n\nspring is here.\n\n\n"


class DkimTest(harness.RigTest):
    def setUp(self):
        super().setUp()
        self.records, self.secrets = {}, []
        rig = self.rig
        self.receiver = rig.start(
            "aiosmtpd", "/usr/bin/python3", harness.ROOT / "tests/support/smtp_aiosmtpd.py",
            stdin=subprocess.PIPE)
        port = self.receiver.ready("PORT ")
        rig.write("routes.textproto",
                  f'hosts {{ name: "mx.tls.example" address: "127.0.0.1" port: {port} }}\n'
                  'domains { domain: "tls.example" mx: "mx.tls.example" }\n')

    def key(self, selector, *how):
        path = self.rig.folder / f"{selector}.pem"
        self.rig.run("openssl", "genpkey", "-algorithm", *how, "-out", path)
        path.chmod(0o600)
        self.secrets += [line for line in path.read_text().splitlines() if "-----" not in line]
        return f'keys {{ domain: "shop.example" selector: "{selector}" key_file: "{selector}.pem" }}\n'

    def read_records(self):
        """What the log says must stand in the DNS."""
        log = (self.rig.folder / "daemon.err").read_text()
        for name, record in re.findall(r'the DNS must have (\S+) TXT "([^"]+)"', log):
            self.records[name] = record
        self.rig.write("records", "".join(f"{name} {record}\n"
                                          for name, record in self.records.items()))

    def taken(self, address):
        def found():
            for line in self.receiver.out.read_text().splitlines()[1:]:
                mail = json.loads(line)
                if mail["to"] == [address]:
                    return mail
            return None
        return harness.until(found, f"mail for {address}")

    def verdicts(self, mail):
        path = self.rig.folder / "mail.eml"
        path.write_bytes(mail["data"].encode("latin-1"))
        return self.rig.run("/usr/bin/python3", "-B", harness.ROOT / "tests/support/verify_dkim.py",
                            self.rig.folder / "records", path).split()

    def send(self, name):
        self.rig.crescendo("campaign", "import", "spring", self.rig.write(
            f"{name}.csv", f"email,first_name\n{name}@tls.example,Zoë\n"))

    def reload(self, says):
        log = self.rig.folder / "daemon.err"
        before = log.read_text().count(says)
        self.daemon.signal(signal.SIGHUP)
        harness.until(lambda: log.read_text().count(says) > before, f'the log says "{says}"')

    def test_a_campaign_is_signed_and_its_keys_change(self):
        rig = self.rig
        rig.write("dkim.textproto", self.key("r1", "rsa", "-pkeyopt", "rsa_keygen_bits:2048")
                  + self.key("e1", "ed25519"))
        secret = rig.write("verp.key", "a secret of many bytes\n")
        secret.chmod(0o600)
        self.secrets.append("a secret of many bytes")
        rig.configure('dkim { keys_file: "dkim.textproto" expires_after { seconds: 86400 } }\n'
                      'verp { key_files: "verp.key" }')
        self.daemon = rig.daemon()
        rig.campaign(None)
        rig.crescendo("campaign", "update", "spring", "--text", rig.write("body.txt", BODY),
                      "--html", rig.write("body.html", "<p>{{first_name|friend}}</p>\n.\n"),
                      "--header", "Reply-To: {{first_name}} <help@shop.example>",
                      "--feedback-sender-id", "shop1", "--return-path", "bounce@shop.example",
                      "--list-unsubscribe", "<https://shop.example/u?{{address}}>")
        rig.crescendo("campaign", "start", "spring")
        self.send("one")
        first = self.taken("one@tls.example")
        self.read_records()
        self.assertEqual(self.verdicts(first), ["r1=good", "e1=good"])
        self.assertRegex(first["from"], r"^bounce\+1-[0-9a-f]{16}@shop\.example$")
        self.assertIn("\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", first["data"])
        self.assertIn("\r\nFeedback-ID: spring:cold:shop.example:shop1\r\n", first["data"])
        # A verifier that finds everything good would prove nothing.
        spoiled = dict(first, data=first["data"].replace("spring is here", "spring is over"))
        self.assertEqual(self.verdicts(spoiled), ["r1=bad", "e1=bad"])

        # Another selector, without a restart.
        rig.write("dkim.textproto", self.key("e2", "ed25519"))
        self.reload("SIGHUP: 1 DKIM keys are in force")
        self.send("two")
        second = self.taken("two@tls.example")
        self.read_records()
        self.assertEqual(self.verdicts(second), ["e2=good"])

        # A table that cannot be used changes nothing.
        (rig.folder / "e2.pem").chmod(0o644)
        self.reload("e2.pem: has mode 0644, so group or others can use the key")
        self.send("three")
        self.assertEqual(self.verdicts(self.taken("three@tls.example")), ["e2=good"])

        # Without a key nothing leaves; the campaign says why, and goes on when there is one again.
        rig.write("dkim.textproto", "")
        self.reload("SIGHUP: 0 DKIM keys are in force")
        self.send("four")
        def paused():
            (campaign,) = rig.rows("campaign", "get", "spring")
            return campaign if campaign["state"] == "PAUSED" else None
        campaign = harness.until(paused, "the campaign is paused")
        self.assertIn("there is no DKIM key for shop.example", campaign["state_reason"])
        refused = rig.crescendo("campaign", "resume", "spring", code=1)
        self.assertIn("there is no DKIM key for shop.example; add one", refused)
        rows = {row["address"]: row for row in rig.rows("delivery", "list", "spring")}
        self.assertEqual(rows["four@tls.example"]["state"], "DEFERRED")
        self.assertIn("not sent: ", rows["four@tls.example"]["last_reply"]["text"])

        self.daemon.signal(signal.SIGTERM)
        self.assertEqual(self.daemon.wait(), 0)
        log = (rig.folder / "daemon.err").read_text() + (rig.folder / "daemon.out").read_text()
        store = b"".join(path.read_bytes() for path in (rig.folder / "data").iterdir())
        for secret in self.secrets:
            self.assertNotIn(secret, log)
            self.assertNotIn(secret.encode(), store)

    def refusal(self, config):
        self.rig.configure(config)
        return self.rig.run(harness.BIN / "crescendod", "--config",
                            self.rig.folder / "crescendo.textproto", code=2)

    def test_what_cannot_be_used_refuses_the_start(self):
        rig, dkim = self.rig, 'dkim { keys_file: "dkim.textproto" }'
        good = self.key("e1", "ed25519")
        for text, fault in [
                (good.replace("shop.example", "Shop.Example"), "keys[0].domain is \"Shop.Example\"; write it"),
                (good.replace('"shop.example"', '"example"'), "a top-level domain"),
                (good.replace('"e1"', '"e 1"'), "keys[0].selector is \"e 1\", not a host name"),
                (good.replace('"e1.pem"', '""'), "keys[0].key_file is empty"),
                (good.replace("e1.pem", "no.pem"), "no.pem: cannot be opened: No such file"),
                (good + good, "has two ed25519-sha256 keys"),
                ("keys { selektor", "dkim.textproto:1:")]:
            with self.subTest(fault):
                rig.write("dkim.textproto", text)
                self.assertIn(fault, self.refusal(dkim))
        rig.write("verp.key", "short")
        (rig.folder / "verp.key").chmod(0o600)
        self.assertIn("verp.key: has 5 bytes; a secret has at least 16",
                      self.refusal('verp { key_files: "verp.key" }'))
        rig.write("verp.key", "a secret of many bytes")
        (rig.folder / "verp.key").chmod(0o640)
        self.assertIn("verp.key: has mode 0640", self.refusal('verp { key_files: "verp.key" }'))


if __name__ == "__main__":
    unittest.main()
