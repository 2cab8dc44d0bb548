"""The daemon against receivers nobody here wrote: Postfix's smtp-sink and aiosmtpd with STARTTLS."""
import email
import json
import os
import signal
import subprocess
import unittest

import harness

# What smtp-sink is told, and what must become of a recipient there: state, category, a part of the
# last reply, doubts.
MODES = {
    "fine": ([], "ACCEPTED", "ACCEPTED", "250 2.0.0 Ok", 0),
    "mail4": (["-r", "MAIL"], "DEFERRED", "TEMPORARY_SYSTEM", "450 4.3.0 Error: command failed", 0),
    "rcpt4": (["-r", "RCPT"], "DEFERRED", "TEMPORARY_SYSTEM", "450 4.3.0 Error: command failed", 0),
    "mail5": (["-f", "MAIL"], "BOUNCED", "OTHER_PERMANENT", "500 5.3.0 Error: command failed", 0),
    "data5": (["-f", "DATA"], "BOUNCED", "OTHER_PERMANENT", "500 5.3.0 Error: command failed", 0),
    "leave": (["-Q", "RCPT"], "DEFERRED", "TEMPORARY_SYSTEM", "421 4.0.0 Server closing", 0),
    "drop": (["-q", "DATA"], "DEFERRED", "TEMPORARY_SYSTEM", "closed by the server, at DATA", 0),
    # RFC 1047: whether a copy arrived is not known.
    "doubt": (["-q", "."], "DEFERRED", "CATEGORY_UNSPECIFIED", "the server, at end of data", 1),
}


class ReceiversTest(harness.RigTest):
    def route(self, domain, port):
        return (f'hosts {{ name: "mx.{domain}" address: "127.0.0.1" port: {port} }}\n'
                f'domains {{ domain: "{domain}" mx: "mx.{domain}" }}\n')

    def sink(self, name, *modes):
        program = harness.SINK / "usr/sbin/smtp-sink"
        self.assertTrue(program.exists(), "get it with tests/support/fetch_smtp_sink.sh")
        folder = self.rig.folder / name
        folder.mkdir()
        folder.chmod(0o777)
        self.rig.folder.chmod(0o711)
        # It insists on another user when root starts it.
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        child = self.rig.start(name, program, *user, *modes, "-d", f"{folder}/mail.", "127.0.0.1:0",
                               64, env={**os.environ, "LD_LIBRARY_PATH":
                                        f"{harness.SINK}/usr/lib/postfix:{harness.SINK}/lib"})
        return harness.until(lambda: harness.listening_port(child.process),
                             f"smtp-sink {name} listens"), folder

    def outcomes(self):
        return {row["address"]: row for row in self.rig.rows("delivery", "list", "spring")}

    def all_tried(self):
        def tried():
            rows = self.outcomes()
            return rows if all(row["attempts"] for row in rows.values()) else None
        return harness.until(tried, "each has been tried")

    def test_smtp_sink_in_every_mood(self):
        routes, folders = "", {}
        for name, (modes, *_) in MODES.items():
            port, folders[name] = self.sink(name, *modes)
            routes += self.route(f"{name}.example", port)
        self.rig.write("routes.textproto", routes)
        self.rig.configure("smtp { connect_timeout { seconds: 5 } }")
        daemon = self.rig.daemon()
        self.rig.campaign("email,first_name\n" + "".join(
            f"anna@{name}.example,Anna\n" for name in MODES))
        rows = self.all_tried()
        for name, (_, state, category, reply, doubts) in MODES.items():
            with self.subTest(name):
                row = rows[f"anna@{name}.example"]
                self.assertEqual((row["state"], row["in_doubt_count"], row["attempts"]),
                                 (state, doubts, 1), row)
                self.assertEqual(row["last_reply"]["category"], category)
                self.assertIn(reply, row["last_reply"]["text"])
                self.assertEqual("next_attempt_time" in row, state == "DEFERRED")
                mails = [file.read_text() for file in folders[name].iterdir()]
                self.assertEqual(sum("Hello Anna," in mail for mail in mails),
                                 name in ("fine", "doubt"), mails)
        self.assertEqual(self.rig.rows("suppression", "list"), [],
                         "none of these says that the address is wrong")
        # What is over is over, also for the next daemon.
        daemon.signal(signal.SIGTERM)
        self.assertEqual(daemon.wait(), 0)
        self.rig.daemon()
        self.assertEqual({address: row["state"] for address, row in self.outcomes().items()},
                         {f"anna@{name}.example": mode[1] for name, mode in MODES.items()})

    def test_aiosmtpd_takes_the_very_bytes_over_tls(self):
        rig = self.rig
        rig.run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                "/CN=mx.tls.example", "-keyout", rig.folder / "key.pem", "-out",
                rig.folder / "cert.pem")
        receiver = rig.start("aiosmtpd", "/usr/bin/python3",
                             harness.ROOT / "tests/support/smtp_aiosmtpd.py", "--require-tls",
                             "--tls", rig.folder / "cert.pem", rig.folder / "key.pem",
                             stdin=subprocess.PIPE)
        rig.write("routes.textproto", self.route("tls.example", int(receiver.ready("PORT "))))
        rig.configure()
        rig.daemon()
        rig.campaign("email,first_name\nanna@tls.example,Anna\nunknown@tls.example,No\n"
                     "full@tls.example,Full\njürgen@tls.example,Jürgen\nspam@tls.example,Spam\n")
        rows = self.all_tried()
        wanted = {"anna@tls.example": "ACCEPTED", "unknown@tls.example": "BOUNCED",
                  "full@tls.example": "DEFERRED", "jürgen@tls.example": "ACCEPTED",
                  "spam@tls.example": "BOUNCED"}
        self.assertEqual({address: row["state"] for address, row in rows.items()}, wanted)
        suppressed = [row["address"] for row in rig.rows("suppression", "list")]
        self.assertEqual(suppressed, ["unknown@tls.example"], "content is not about the recipient")

        taken = [json.loads(line) for line in receiver.out.read_text().splitlines()[1:]]
        self.assertEqual(len(taken), 2)
        self.assertTrue(all(one["tls"] for one in taken))
        (anna,) = [one for one in taken if one["to"] == ["anna@tls.example"]]
        self.assertEqual(anna["from"], "news@shop.example")
        mail = email.message_from_bytes(anna["data"].encode("latin-1"))
        for header, value in [("From", '"Shop" <news@shop.example>'), ("To", "<anna@tls.example>"),
                              ("Subject", "Spring, Anna"),
                              ("List-Unsubscribe", "<https://shop.example/u>")]:
            self.assertEqual(mail[header], value)
        self.assertRegex(mail["Message-ID"], r"^<.+@shop\.example>$")
        self.assertIsNotNone(email.utils.parsedate_to_datetime(mail["Date"]))
        # A line of a dot arrives as one, and nothing of the text is lost or changed.
        body = anna["data"].split("\r\n\r\n", 1)[1]
        self.assertEqual(body, "Hello Anna,\r\n\r\n.\r\nspring is here.\r\n")
        self.assertNotRegex(anna["data"].replace("\r\n", ""), "[\r\n]")


if __name__ == "__main__":
    unittest.main()
