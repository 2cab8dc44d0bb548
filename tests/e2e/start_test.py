"""crescendod's start and stop: what it refuses, how it says so, and that SIGTERM drains."""
import json
import signal
import unittest

import harness


class StartTest(harness.RigTest):
    def setUp(self):
        super().setUp()
        self.rig.write("routes.textproto", "")
        self.rig.configure()

    def refused(self, code, *words):
        config = self.rig.folder / "crescendo.textproto"
        text = self.rig.run(harness.BIN / "crescendod", "--config", config, *words, code=code)
        self.assertFalse((self.rig.folder / "daemon.sock").exists())
        return text

    def test_a_broken_configuration_is_named_with_its_line(self):
        for name, text, wanted in [
                ("unknown field", "\ndata_dri: 'x'", "crescendo.textproto:2:9: "),
                ("no value", "data_dir:", "crescendo.textproto:1:"),
                ("out of range", "\n\npacing { catch_up_factor: 99 }",
                 "crescendo.textproto:3: pacing.catch_up_factor is 99; it must be from 1 to 24"),
                ("not a number", "pacing { jitter: nan }", "crescendo.textproto:1: pacing.jitter"),
                ("a time that is none", "retry { first { seconds: -1 } }", ":1: retry.first is -1s"),
                ("a missing route file", 'route_files: "none"', "none: No such file"),
                ("another address than loopback", '\nlisten: "0.0.0.0:7070"',
                 'crescendo.textproto:2: listen is "0.0.0.0:7070", which is not loopback'),
                ("no port", 'listen: "localhost"', "write 127.0.0.1:7070"),
                ("a resolver that is none", 'resolver { forwarders: "dns.example" }',
                 'crescendo.textproto:1: resolver.forwarders is "dns.example"; write an address'),
                ("a zone without its server", '\nresolver {\nstub_zones: "corp.example" }',
                 'crescendo.textproto:3: resolver.stub_zones holds "corp.example"; write ZONE=SERVER'),
                ("two sources of forwarders",
                 'resolver { forwarders: "192.0.2.53" use_resolv_conf: true }',
                 "resolver.use_resolv_conf is true and forwarders are given; choose one of them"),
                ("a lost trust anchor", 'resolver { trust_anchor_file: "none.key" }',
                 "none.key\", which is not there; install dns-root-data, name another file"),
                ("a broken trust anchor", 'resolver { trust_anchor_file: "crescendo.textproto" }',
                 "crescendo.textproto holds no DS or DNSKEY records that libunbound can read"),
                ("a range with too many bits", 'allowed_destinations: "10.0.0.1/8"',
                 'allowed_destinations is "10.0.0.1/8", which has bits set behind the first 8'),
                ("a page for everybody", '\nhttp { listen: "0.0.0.0:7080" }',
                 'crescendo.textproto:2: http.listen is "0.0.0.0:7080", which is not loopback'),
                ("no port of the page", 'http { listen: "localhost" }', "write 127.0.0.1:7080"),
                ("a host that is none", 'http { allowed_hosts: "https://x" }', ":1: http.allowed_hosts"),
                ("too few connections", 'http { max_connections: 2 }',
                 "http.max_connections is 2; it must be 8 to 10000"),
                ("a lost token", 'http { operator_token_file: "none.token" }', "none.token"),
                ("a clock without an epoch", "clock { scale: 10 }", "without epoch_time")]:
            with self.subTest(name):
                self.rig.write("crescendo.textproto", text)
                self.assertIn(wanted, self.refused(2))

    def test_a_broken_flag_is_named(self):
        for words, wanted in [(["--listen", "192.0.2.1:70"], "--listen is"),
                              (["--limits-max-connections", "0"], "--limits-max-connections is 0"),
                              (["--smtp-block-kib", "0"], "--smtp-block-kib is 0"),
                              (["--smtp-reply-kib", "2000"], "--smtp-reply-kib is 2000"),
                              (["--smtp-opening-timeout", "2h"], "--smtp-opening-timeout is 2h"),
                              (["--in-doubt", "maybe"], "--in-doubt: \"maybe\""),
                              (["--no-such-flag"], "--no-such-flag")]:
            with self.subTest(words):
                self.assertIn(wanted, self.refused(2, *words))

    def test_sockets_without_descriptors_are_named(self):
        # 500 connections by default, 256 of HTTP, and 256 for all else: gRPC's listener must never go without.
        text = self.rig.run("/bin/sh", "-c", 'ulimit -n 700; exec "$@"', "-",
                            harness.BIN / "crescendod", "--data-dir", self.rig.folder / "data", code=2)
        self.assertIn("limits.max_connections is 500 and http.max_connections 256, for which 1012 open files", text)
        self.assertIn("this process may have 700", text)

    def test_a_broken_route_table_is_named_with_its_line(self):
        for text, wanted in [("hosts { name: 'mx.example' address: 'here' }", "routes.textproto:1:"),
                             ("\nrouts {}", "routes.textproto:2:"),
                             ("domains { domain: 'a..example' }", "routes.textproto:1:"),
                             ("domains { domain: 'Bücher.example' }\n"
                              "domains { domain: 'XN--BCHER-KVA.example' }",
                              'routes.textproto:2: domains[1].domain "xn--bcher-kva.example" is '
                              'listed twice')]:
            with self.subTest(text):
                self.rig.write("routes.textproto", text)
                self.assertIn(wanted, self.refused(2))

    def test_one_daemon_per_data_folder(self):
        self.rig.daemon()
        text = self.rig.run(harness.BIN / "crescendod", "--config",
                            self.rig.folder / "crescendo.textproto", "--listen", "127.0.0.1:0",
                            code=1)
        self.assertIn(str(self.rig.folder / "data"), text)
        self.assertIn("another", text)
        self.assertEqual(self.rig.rows("ip", "list"), [], "the first serves on")

    def test_a_taken_port_is_named(self):
        self.rig.configure(listen="127.0.0.1:0")
        self.rig.daemon()
        text = self.rig.run(harness.BIN / "crescendod", "--data-dir", self.rig.folder / "other",
                            "--listen", self.rig.server, code=1)
        self.assertIn(self.rig.server, text)

    def test_a_page_is_where_it_was_asked_for_or_the_start_fails(self):
        self.rig.configure('http { listen: "127.0.0.1:0" }')
        page = self.rig.daemon().ready("page on http://").rstrip("/")
        text = self.rig.run(harness.BIN / "crescendod", "--data-dir", self.rig.folder / "other",
                            "--listen", "127.0.0.1:0", "--http-listen", page, code=1)
        self.assertIn(f"http.listen: cannot listen on {page}: Address already in use", text)

    def test_a_token_that_is_none_is_refused(self):
        token = self.rig.write("operator.token", "0123456789abcdef")
        for mode, text, wanted in [(0o644, "0123456789abcdef", "operator.token"),
                                   (0o600, "short", "has 5 bytes; a secret has at least 16")]:
            token.write_text(text)
            token.chmod(mode)
            self.assertIn(wanted, self.refused(2, "--http-operator-token-file", token))

    def test_a_signal_drains_what_is_in_flight(self):
        self.rig.scaled_clock(day_seconds=86.4)
        self.rig.sandbox()
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number.name):
                daemon = self.rig.daemon()
                if number == signal.SIGTERM:
                    rows = "".join(f"user{i}@gmail.com\n" for i in range(200))
                    self.rig.campaign("email\n" + rows)
                    ledger = self.rig.folder / "ledger.jsonl"
                    harness.until(lambda: ledger.read_text().count("\n") >= 5, "mail leaves")
                daemon.signal(number)
                self.assertEqual(daemon.wait(), 0)
                self.assertIn("no new mail is started", daemon.err.read_text())
        self.rig.daemon()
        # It sends at once, too: what a stop left claimed is in doubt now, what this one claims ends.
        self.rig.crescendo("campaign", "pause", "spring")

        def at_rest():
            rows = self.rig.rows("delivery", "list", "spring")
            return rows if all(row["state"] != "CLAIMED" for row in rows) else None
        deliveries = harness.until(at_rest, "what is in flight ends")
        self.assertFalse([row for row in deliveries if row["state"] == "IN_DOUBT"])
        # Only a receiver that hung up behind the final dot leaves a doubt; the stops left none.
        records = [json.loads(line) for line in ledger.read_text().splitlines()]
        dropped = [record for record in records
                   if record["outcome"] == "dropped" and record["phase"] == "end_of_data"]
        self.assertEqual(sum(row["in_doubt_count"] for row in deliveries), len(dropped))
        self.assertFalse([record for record in records if record["kind"] == "unconfirmed"])


if __name__ == "__main__":
    unittest.main()
