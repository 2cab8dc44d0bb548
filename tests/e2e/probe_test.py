"""What an operator sees of a receiver: probes, traces and transcripts of a real daemon."""
import json
import socket
import subprocess
import threading
import unittest

from harness import BIN, RigTest, until


class Receiver:
    """Plays one script a connection: bytes are said, a str is the line that must come first."""

    def __init__(self, *script):
        self.script = script
        self.lines, self.gone = [], threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as lines:
                self.play(connection, lines)
            self.gone.set()

    def play(self, connection, lines):
        for step in self.script:
            if isinstance(step, bytes):
                connection.sendall(step)
                continue
            line = lines.readline().decode().strip()
            self.lines.append(line)
            if not line.startswith(step):
                return
        while lines.readline():  # Until the client goes.
            pass

    def close(self):
        self.listener.close()


HELLO = (b"220 mx.test ESMTP\r\n", "EHLO", b"250-mx.test\r\n250 SIZE 1000000\r\n")
MAIL = ("MAIL", b"250 2.1.0 ok\r\n")
RCPT = ("RCPT", b"250 2.1.5 ok\r\n")
END = ("RSET", b"250 2.0.0 ok\r\n", "QUIT", b"221 bye\r\n")


class ProbeTest(RigTest):
    def receivers(self, **scripts):
        """Domains NAME.test, each with the receiver that plays its script; and one without mail."""
        text = 'domains { domain: "null.test" }\n'
        self.played = {}
        for name, script in scripts.items():
            self.played[name] = Receiver(*script)
            self.addCleanup(self.played[name].close)
            # The Gmail rules know a reply by its host.
            host = "mx.google.com" if name == "gmail" else f"mx.{name}.test"
            text += (f'hosts {{ name: "{host}" address: "127.0.0.1" port: {self.played[name].port} }}\n'
                     f'domains {{ domain: "{name}.test" mx: "{host}" }}\n')
        self.rig.write("routes.textproto", text)

    def serve(self, text=""):
        self.rig.configure(text)
        self.rig.daemon()
        self.rig.crescendo("ip", "create", "mta1-a", "--address", "127.0.10.1", "--ehlo-name",
                           "mta1-a.shop.example")

    def probe(self, *words, code=0):
        """The steps, as the API's messages."""
        done = subprocess.run([str(word) for word in (
            BIN / "crescendo", "--server", self.rig.server, "probe", *words, "-o", "json")],
            capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_a_session_as_it_should_be(self):
        self.receivers(good=HELLO + MAIL + RCPT + END)
        self.serve()
        steps = self.probe("good.test")
        self.assertEqual([step["kind"] for step in steps],
                         ["RESOLVE", "CONNECT", "BANNER", "EHLO", "MAIL", "RCPT", "RSET", "QUIT",
                          "RESULT"])
        self.assertEqual(self.played["good"].lines,
                         ["EHLO mta1-a.shop.example", "MAIL FROM:<postmaster@mta1-a.shop.example>",
                          "RCPT TO:<postmaster@good.test>", "RSET", "QUIT"])
        self.assertEqual(steps[-1]["verdict"], "OK")
        host = steps[0]["resolution"]["hosts"][0]
        self.assertEqual((host["name"], host["port"], host["chosen"]),
                         ("mx.good.test", self.played["good"].port, True))
        self.assertEqual(steps[3]["capabilities"],
                         [{"keyword": "SIZE 1000000", "text": "messages up to 1.0 MB"}])
        text = self.rig.crescendo("probe", "ann@good.test")
        self.assertIn("ann@good.test would be accepted from mta1-a; nothing was sent", text)

    def test_each_way_to_fail(self):
        cases = {
            # name: (script, failed at, of the last step's text, of its advice)
            "banner": ((b"554 5.7.1 no\r\n", "QUIT", b"221 bye\r\n"), "BANNER", "554 5.7.1 no", ""),
            "silent": (("never",), "BANNER", "no banner in 1s", "lets this IP wait"),
            "plain": (HELLO + ("QUIT", b"221 bye\r\n"), "STARTTLS", "STARTTLS",
                      "under its TLS policy"),
            "gmail": (HELLO + ("MAIL", b"421-4.7.28 Gmail has detected an unusual rate of mail\r\n"
                               b"421 4.7.28 originating from your IP address.\r\n"), "MAIL",
                      "421-4.7.28", "stop mta1-a/gmail for at least 10m"),
            "unknown": (HELLO + MAIL + ("RCPT", b"550 5.1.1 no such user\r\n", "QUIT",
                                        b"221 bye\r\n"), "RCPT", "550 5.1.1 no such user",
                        "suppress the address"),
            "hangs": (HELLO + MAIL + ("RCPT",), "RCPT", "no reply to RCPT in 1s", ""),
        }
        self.receivers(**{name: case[0] for name, case in cases.items()})
        self.serve("smtp { banner_timeout { seconds: 1 } rcpt_timeout { seconds: 1 } }")
        for name, (_, failed_at, text, advice) in cases.items():
            with self.subTest(name):
                options = ["--tls", "required" if name == "plain" else "opportunistic"]
                result = self.probe(f"{name}.test", *options, code=1)[-1]
                self.assertEqual((result["kind"], result["verdict"], result["failed_at"]),
                                 ("RESULT", "FAILED", failed_at))
                self.assertIn(text, result["text"])
                self.assertIn(advice, result["advice"])

    def test_what_is_not_there_and_what_is_forbidden(self):
        self.receivers(good=HELLO)
        self.serve()
        port = self.played["good"].port
        for target, words, text in [
                ("null.test", (), "null MX"), ("nowhere.test", (), "no route for nowhere.test"),
                ("127.0.0.1", ("--port", port), "no host of 127.0.0.1 can be reached"),
                # Another port of a host that the operator named is not what he named.
                ("good.test", ("--port", 1), "no host of good.test can be reached")]:
            with self.subTest(target):
                steps = self.probe(target, *words, code=1)
                self.assertEqual(steps[-1]["failed_at"], "RESOLVE")
                self.assertIn(text, steps[-1]["text"])
        self.assertEqual(self.played["good"].lines, [])

    def test_a_caller_that_goes_closes_the_socket(self):
        self.receivers(slow=HELLO + MAIL + ("RCPT",))
        self.serve()
        child = self.rig.start("probe", BIN / "crescendo", "--server", self.rig.server, "probe",
                               "slow.test")
        until(lambda: len(self.played["slow"].lines) == 3, "RCPT has come")
        child.signal(2)
        self.assertEqual(child.wait(), 130)
        self.assertTrue(self.played["slow"].gone.wait(30))

    def test_no_more_than_four_at_once(self):
        self.receivers(slow=HELLO + MAIL + ("RCPT",))
        self.serve()
        self.played["slow"].listener.listen(10)
        for number in range(4):
            child = self.rig.start(f"probe{number}", BIN / "crescendo", "--server",
                                   self.rig.server, "probe", "slow.test")
            until(lambda: "RESOLVE" in child.out.read_text(), "it runs")
        text = self.rig.crescendo("probe", "slow.test", code=1)
        self.assertIn("4 probes are open, which is the most", text)

    def test_a_message_is_sent_only_when_no_plan_counts(self):
        self.receivers(good=HELLO + MAIL + RCPT + ("DATA", b"354 go\r\n", "", "", "", "", "", "", "",
                                                   "", "", "", "", "", "", b"250 2.0.0 queued\r\n"))
        self.serve()
        self.rig.crescendo("plan", "create", "warm-a", "--ip", "mta1-a", "--target", "1000")
        # Also one that waits, stands still, or bounds what grows on after its last stage.
        for verb, state in ((None, "DRAFT"), ("start", "ACTIVE"), ("pause", "PAUSED"),
                            ("resume", "ACTIVE"), ("hold", "HELD"), ("complete", "GRADUATED")):
            if verb:
                self.rig.crescendo("plan", verb, "warm-a")
            text = self.rig.crescendo("probe", "ann@good.test", "--data", code=1)
            self.assertIn(f"has the plan warm-a, which is {state} and counts every message", text)
        self.assertEqual(self.played["good"].lines, [])

    def test_a_message_is_an_event(self):
        self.rig.sandbox()
        self.serve()
        result = self.probe("ann@gmx.de", "--data", "--from", "news@shop.example")[-1]
        self.assertIn("the message to ann@gmx.de was accepted", result["text"])
        events = self.rig.rows("event", "list", "--type", "probed")
        self.assertEqual(len(events), 1)
        self.assertIn("to ann@gmx.de at ", events[0]["text"])

    def test_lanes_of_unknown_receivers_have_names_too(self):
        self.receivers(good=HELLO + MAIL + RCPT + END)
        self.serve()
        lane = self.probe("good.test")[0]["resolution"]["lane"]
        self.assertEqual(lane, "egressIps/mta1-a/lanes/default.good.test")
        child = self.rig.start("lane", BIN / "crescendo", "--server", self.rig.server, "lane",
                               "trace", lane)
        until(lambda: "watching" in child.err.read_text(), "it watches")
        child.signal(2)
        self.assertEqual(child.wait(), 130)
        self.assertNotIn("whose {provider}", child.err.read_text())

    def test_trace_and_transcript(self):
        self.rig.sandbox()
        self.rig.configure()
        self.rig.daemon()
        self.rig.campaign(None)
        lane = self.rig.start("lane", BIN / "crescendo", "--server", self.rig.server, "lane",
                              "trace", "mta1-a/gmx", "-o", "json")
        ann = self.rig.start("ann", BIN / "crescendo", "--server", self.rig.server, "delivery",
                             "trace", "ann@gmx.de")
        for child in (lane, ann):
            until(lambda: "watching" in child.err.read_text(), "it watches")
        self.rig.crescendo("campaign", "import", "spring", self.rig.write(
            "recipients.csv", "email,score\nann@gmx.de,1\nbob@gmx.de,0.5\n"))
        self.rig.crescendo("campaign", "start", "spring")
        until(lambda: "< 250" in ann.out.read_text() and "RCPT TO:<ann@gmx.de>" in
              ann.out.read_text(), "ann's dialogue")
        until(lambda: "RCPT TO:<bob@gmx.de>" in lane.out.read_text(), "bob's in the lane")
        self.assertNotIn("bob", ann.out.read_text())
        deliveries = until(lambda: [row for row in self.rig.rows("delivery", "list", "spring")
                                    if row["state"] == "ACCEPTED"][1:], "both are accepted")
        text = self.rig.crescendo("delivery", "transcript", "spring/" +
                                  deliveries[0]["name"].rsplit("/", 1)[1])
        self.assertTrue(text.startswith("* "), text)
        self.assertIn("> EHLO mta1-a.shop.example", text)
        self.assertIn("> RCPT TO:<bob@gmx.de>", text)


if __name__ == "__main__":
    unittest.main()
