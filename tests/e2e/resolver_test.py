"""The daemon and the DNS: a name server (NSD) with a zone of its own, on loopback."""
import os
import socket
import unittest
from pathlib import Path

import harness

NSD = Path(os.environ.get("CRESCENDO_NSD", harness.ROOT / "build/nsd/nsd"))
ZONE = """$ORIGIN .
$TTL 300
. IN SOA ns.example. h.example. 1 3600 600 86400 120
. IN NS ns.example.
gmail.example.         IN MX 10 gmail-smtp-in.l.google.com.
gmail-smtp-in.l.google.com. IN A 192.0.2.1
xn--bcher-kva.example. IN MX 10 mx.inside.example.
null.example.          IN MX 0 .
inside.example.        IN MX 10 mx.inside.example.
mx.inside.example.     IN A 127.0.0.1
mx.inside.example.     IN AAAA ::1
"""


def free_port():
    """Free for UDP and TCP."""
    while True:
        with socket.socket(type=socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind(("127.0.0.1", 0))
            try:
                tcp.bind(udp.getsockname())
                return udp.getsockname()[1]
            except OSError:
                continue


class ResolverTest(harness.RigTest):
    def name_server(self):
        self.assertTrue(NSD.exists(), "get it with tests/support/fetch_nsd.sh")
        rig = self.rig
        rig.write("zone", ZONE)
        config = rig.write("nsd.conf", "".join([
            'server:\n username: ""\n chroot: ""\n database: ""\n pidfile: ""\n xfrdfile: ""\n',
            f' zonelistfile: ""\n cookie-secret-file: ""\n xfrdir: "{rig.folder}"\n',
            f' zonesdir: "{rig.folder}"\n server-count: 1\nremote-control:\n control-enable: no\n',
            'zone:\n name: "."\n zonefile: "zone"\n']))
        port = free_port()
        child = rig.start("nsd", NSD, "-d", "-c", config, "-a", "127.0.0.1", "-p", port)
        harness.until(lambda: b"nsd started" in child.err.read_bytes(), "nsd starts")
        return port

    def configure(self, port, text=""):
        self.rig.write("routes.textproto", "")
        self.rig.configure(text)
        config = self.rig.folder / "crescendo.textproto"
        config.write_text(config.read_text().replace(
            "resolver { enabled: false }",
            f'resolver {{ forwarders: "127.0.0.1:{port}" dnssec: false timeout {{ seconds: 5 }} }}'))

    def test_domains_are_found_or_bounce_with_the_reason(self):
        self.configure(self.name_server())
        rig = self.rig
        rig.daemon()
        (found,) = rig.rows("provider", "find", "Jo@GMAIL.example")
        self.assertEqual(found["provider"]["name"], "providers/gmail")
        (found,) = rig.rows("provider", "find", "Bücher.example")
        self.assertEqual(found["mx_hosts"], ["mx.inside.example"])
        self.assertIn("null.example says that it takes no mail (null MX, RFC 7505) (not found)",
                      rig.crescendo("provider", "find", "null.example", code=1))
        rig.campaign("email\nann@null.example\nbob@none.example\ncai@inside.example\n"
                     "dan@bücher.example\n")
        inside = "mx.inside.example [127.0.0.1] is loopback, where mail does not go unless " \
                 "allowed_destinations lists it"
        wanted = {
            "ann@null.example": "the domain null.example takes no mail: null.example says that it "
                                "takes no mail (null MX, RFC 7505)",
            "bob@none.example": "the domain none.example takes no mail: none.example does not exist "
                                "(NXDOMAIN)",
            "cai@inside.example": f"the domain inside.example takes no mail: {inside}",
            "dan@xn--bcher-kva.example": f"the domain xn--bcher-kva.example takes no mail: {inside}",
        }

        def bounced():
            rows = rig.rows("delivery", "list", "spring")
            return rows if all(row["state"] == "BOUNCED" for row in rows) else None
        rows = harness.until(bounced, "each has bounced")
        texts = {event["delivery"]: event["text"]
                 for event in rig.rows("event", "list", "--type", "bounced")}
        self.assertEqual({row["address"]: texts[row["name"]] for row in rows}, wanted)

    def test_a_dead_name_server_is_named(self):
        with socket.socket(type=socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            self.configure(silent.getsockname()[1])
            daemon = self.rig.daemon()
            self.assertIn("no answer from the DNS for gmail.example in 5s; try again later",
                          self.rig.crescendo("provider", "find", "gmail.example", code=1))
            self.rig.campaign("email\nann@gmail.example\n")
            (row,) = self.rig.rows("delivery", "list", "spring")
            self.assertEqual(row["state"], "QUEUED", "it waits, and does not bounce")
            daemon.signal(harness.signal.SIGTERM)
            self.assertEqual(daemon.wait(), 0)


if __name__ == "__main__":
    unittest.main()
