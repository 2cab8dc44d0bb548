"""/metrics as a real Prometheus reads it, and the example alerts in a provoked incident."""
import json
import re
import unittest
import urllib.request

import harness

SHIPPED = harness.ROOT / "cmd/crescendod/observability"


def get(url):
    with urllib.request.urlopen(url, timeout=harness.PATIENCE) as answer:
        return answer.read().decode()


class MetricsTest(harness.RigTest):
    def setUp(self):
        super().setUp()
        for program in ("prometheus", "promtool"):
            self.assertTrue((harness.PROMETHEUS / program).exists(),
                            "get it with tests/support/fetch_prometheus.sh")

    def promtool(self, *words, **options):
        return self.rig.run(harness.PROMETHEUS / "promtool", *words, **options)

    def daemon(self):
        self.rig.sandbox()
        self.rig.configure('http { listen: "127.0.0.1:0" }')
        self.page = self.rig.daemon().ready("page on ")

    def prometheus(self):
        """Scrapes the daemon five times a second, with alerts that wait for nothing."""
        rules = re.sub(r"( +)for: .*\n", "", (SHIPPED / "alerts.yaml").read_text())
        self.rig.write("alerts.yaml", rules)
        target = self.page.removeprefix("http://").removesuffix("/")
        self.rig.write("prometheus.yml", f"""
            global: {{scrape_interval: 200ms, evaluation_interval: 200ms}}
            rule_files: [alerts.yaml]
            scrape_configs: [{{job_name: crescendo, static_configs: [{{targets: ["{target}"]}}]}}]
            """)
        child = self.rig.start("prometheus", harness.PROMETHEUS / "prometheus",
                               f"--config.file={self.rig.folder}/prometheus.yml",
                               f"--storage.tsdb.path={self.rig.folder}/series",
                               "--web.listen-address=127.0.0.1:0")
        port = harness.until(lambda: harness.listening_port(child.process), "Prometheus listens")
        return f"http://127.0.0.1:{port}/api/v1/"

    def test_the_shipped_files_are_right(self):
        self.assertIn("SUCCESS: 10 rules", self.promtool("check", "rules", SHIPPED / "alerts.yaml"))
        self.assertIn("SUCCESS", self.promtool("test", "rules", "alerts_test.yaml", cwd=SHIPPED))

    def test_each_metric_that_is_asked_for_is_there(self):
        self.daemon()
        self.rig.campaign("email\n" + "".join(f"user{i}@gmail.com\n" for i in range(10)))
        self.rig.crescendo("plan", "create", "warm-a", "--ip", "mta1-a", "--target", "5000")
        self.rig.crescendo("plan", "start", "warm-a")

        def sent():
            text = get(self.page + "metrics")
            return text if 'outcome="accepted"' in text and "ip_daily_cap" in text else None
        text = harness.until(sent, "mail is counted")
        self.assertEqual(self.promtool("check", "metrics", input=text), "")
        told = set(re.findall(r"^# TYPE (\S+)", text, re.M))
        # Those of failures come with the first.
        told |= {"crescendo_store_commit_failures_total", "up"}
        for name in ("alerts.yaml", "grafana.json"):
            asked = set(re.findall(r"\bcrescendo_\w+", (SHIPPED / name).read_text()))
            asked = {re.sub(r"_(bucket|count|sum)$", "", word) for word in asked}
            self.assertEqual(asked - told, set(), name)
            self.assertGreater(len(asked), 3)
        dashboard = json.loads((SHIPPED / "grafana.json").read_text())
        self.assertGreater(len(dashboard["panels"]), 5)

    def test_an_incident_is_an_alert(self):
        self.daemon()
        api = self.prometheus()

        def firing():
            alerts = json.loads(get(api + "alerts"))["data"]["alerts"]
            return {alert["labels"]["alertname"]: alert["labels"] for alert in alerts
                    if alert["state"] == "firing"}
        harness.until(lambda: "crescendo" in get(api + "targets"), "the daemon is scraped")
        self.assertEqual(firing(), {}, "nothing is wrong yet")
        # Without a plan an IP is not paced: Gmail says at the fifteenth message that it is too fast.
        self.rig.campaign("email\n" + "".join(f"user{i}@gmail.com\n" for i in range(100)))
        alerts = harness.until(lambda: (found := firing()) and "CrescendoLaneThrottled" in found
                               and found, "Gmail's answer is an alert")
        self.assertEqual(alerts["CrescendoLaneThrottled"]["provider"], "gmail")
        self.assertEqual(alerts["CrescendoLaneThrottled"]["egress_ip"], "mta1-a")
        lane = self.rig.rows("lane", "get", "mta1-a/gmail")[0]
        self.assertEqual(lane["wait"]["reason"], "THROTTLED")
        # What Prometheus has is what the API says.
        answer = json.loads(get(api + "query?query=crescendo_lane_accepted_today"))
        values = {point["metric"]["provider"]: point["value"][1] for point in answer["data"]["result"]}
        self.assertEqual(values["gmail"], str(lane["today"]["accepted"]))
        self.rig.children[-2].kill()
        harness.until(lambda: "CrescendoDown" in firing(), "a daemon that is gone is an alert")


if __name__ == "__main__":
    unittest.main()
