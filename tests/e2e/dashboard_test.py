"""The page in a real browser, against a daemon that warms up an IP with the sandbox.

CRESCENDO_SHOTS names a folder for screenshots of every page: tests/e2e/dashboard.sh --shots DIR.
"""
import json
import os
import unittest
import urllib.request
from pathlib import Path

import browser
import harness

SHOTS = os.environ.get("CRESCENDO_SHOTS")
PAGES = {"overview": ("#/", ".grid .cell"), "plans": ("#/plans", "main table td a"),
         "plan": ("#/plans/warm-mta1-a", "main canvas"),
         "lane": ("#/egressIps/mta1-a/lanes/gmail", "main table td"),
         "campaigns": ("#/campaigns", ".campaign .bar"),
         "deliverability": ("#/deliverability", "main canvas"), "events": ("#/events", ".event")}


class DashboardTest(harness.RigTest):
    def start(self, days=0, day_seconds=6):
        """A daemon with its page; with `days`, two IPs that have warmed up for about so many."""
        token = self.rig.write("operator.token", "correct horse battery staple")
        token.chmod(0o600)
        if days:
            self.rig.scaled_clock(day_seconds, lead=2)
        self.rig.sandbox()
        self.rig.configure('http { listen: "127.0.0.1:0" operator_token_file: "operator.token" }'
                           'smtp { idle_connection { seconds: 3600 } }')
        self.page = self.rig.daemon().ready("page on ")
        if days:
            recipients = self.rig.folder / "recipients.csv"
            self.rig.run(harness.BIN / "crescendo-sandbox", "recipients", "--count", "20000", "--seed", "1",
                         "--as-of", "2025-12-31T00:00:00Z", "--out", recipients)
            self.rig.campaign(None, ips=("mta1-a", "mta1-b"))
            for ip in ("mta1-a", "mta1-b"):
                self.rig.crescendo("plan", "create", f"warm-{ip}", "--ip", ip, "--target", "50000",
                                   "--provider-cap", "gmail=3000")
                self.rig.crescendo("plan", "start", f"warm-{ip}")
            self.rig.crescendo("campaign", "import", "spring", recipients)
            self.rig.crescendo("campaign", "start", "spring")

            def days_done():
                return len(self.rig.rows("plan", "days", "warm-mta1-a")) > days
            harness.until(days_done, f"{days} plan days pass", patience=days * day_seconds + 30, pause=0.2)
        self.browser = browser.Browser(self.rig)

    def api(self, path):
        with urllib.request.urlopen(f"{self.page}api/v1/{path}", timeout=harness.PATIENCE) as answer:
            return json.load(answer)

    def assert_quiet(self):
        """No request to another host, no error on the console."""
        strangers = [url for url in self.browser.requests
                     if not url.startswith((self.page, "data:", "about:"))]
        self.assertEqual(strangers, [])
        self.assertEqual(self.browser.console, [])

    def test_an_empty_daemon_says_what_to_do_next(self):
        self.start()
        self.browser.view()
        self.browser.open(self.page)
        for place, command in {"#/": "crescendo ip create", "#/plans": "crescendo plan create",
                               "#/campaigns": "crescendo campaign create",
                               "#/deliverability": "crescendo suppression add",
                               "#/plans/none": "crescendo plan list"}.items():
            with self.subTest(place):
                self.browser.go(place, "main .empty pre")
                self.browser.until(f"document.querySelector('main').textContent.includes({json.dumps(command)})",
                                   command)
                if SHOTS:
                    self.browser.shot(Path(SHOTS) / f"empty-{place.strip('#/') or 'overview'}.png".replace("/", "-"))
        self.assert_quiet()

    def test_it_shows_the_daemons_figures_as_they_change(self):
        self.start(days=3 if not SHOTS else 7)
        self.browser.view()
        # Once, so that it is not the browser's own start that is measured.
        self.browser.open(self.page)
        self.browser.call("Network.setCacheDisabled", cacheDisabled=True)
        # The best of three, for other tests run beside this one.
        self.assertLess(min(self.browser.open(self.page) for _ in range(3)), 1.0)

        before = self.browser.run("document.querySelector('.tile .value').textContent")
        self.browser.until(f"document.querySelector('.tile .value').textContent !== {json.dumps(before)}",
                           "the overview changes by itself")
        for name, (place, shown) in PAGES.items():
            with self.subTest(name):
                self.browser.go(place, shown)
                self.assertEqual(self.browser.run("document.querySelectorAll('main h1').length"), 1)
                self.assertEqual(self.browser.run("document.querySelectorAll('main .fault:not([hidden])').length"), 0)
        self.accessible()
        self.dialogue()
        self.tail()
        if SHOTS:
            self.take_shots()
            self.browser.view()
        self.operator()
        self.rig.crescendo("campaign", "pause", "spring")
        self.figures()
        self.assert_quiet()

    def figures(self):
        """What is shown is what the API says, once all is at rest."""
        harness.until(lambda: self.api("campaigns/spring")["counts"]["claimed"] == 0, "all is answered")
        campaign = self.api("campaigns/spring")["counts"]
        self.browser.go("#/campaigns", ".campaign .legend")
        text = "document.querySelector('.campaign .legend').textContent"
        self.browser.until(f"{text}.includes('{campaign['accepted']:,} accepted')", "the accepted are right")
        self.assertIn(f"{campaign['bounced']:,} bounced", self.browser.run(text))
        self.assertIn(f"{campaign['deferred']:,} deferred", self.browser.run(text))
        self.browser.go("#/plans/warm-mta1-a", "main table td")

        def table():
            # Days pass meanwhile; both are of the same moment if nothing has changed between.
            first = self.api("plans/warm-mta1-a/history?page_size=1000")["history"]
            rows = self.browser.run("[...document.querySelectorAll('main table tbody tr')].map((row) =>"
                                    " [...row.children].slice(1, 4).map((cell) => cell.textContent))")
            wanted = [[f"{day['day']['stage_index'] + 1}.{day['day']['day_in_stage'] + 1}",
                       f"{day['day']['cap']:,}", f"{day['total']['accepted']:,}"] for day in reversed(first)]
            return rows == wanted
        harness.until(table, "the plan's days are the API's", pause=0.3)

    def accessible(self):
        """Names for what can be used, a label for each field, and everything by the keyboard."""
        for place, shown, width in [(*page, width) for width in (390, 1280) for page in PAGES.values()]:
            self.browser.view(width)
            self.browser.go(place, shown)
            unnamed = self.browser.run(
                "[...document.querySelectorAll('a, button, select, input, canvas')].filter((node) =>"
                " !(node.textContent.trim() || node.getAttribute('aria-label') || node.closest('label'))).length")
            self.assertEqual(unnamed, 0, place)
            self.assertLessEqual(self.browser.run("document.documentElement.scrollWidth"), width,
                                 f"{place} is no wider than its window")
        self.browser.go("#/", ".grid .cell")
        for shift, wanted in ((0, {"mta1-a"}), (8, {"Events", "Campaigns", "Skip to the content"})):
            # Where a new page puts it.
            self.browser.run("document.getElementById('main').focus()")
            focused = set()
            for _ in range(12):
                for kind in ("keyDown", "keyUp"):
                    self.browser.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab",
                                      windowsVirtualKeyCode=9, modifiers=shift)
                focused.add(self.browser.run("document.activeElement.textContent.trim()"))
            self.assertTrue(wanted <= focused, focused)

    def dialogue(self):
        self.browser.go("#/egressIps/mta1-a/lanes/gmail", "main table button")
        self.browser.run("document.querySelector('main table button').click()")
        self.browser.until("document.querySelector('dialog[open] pre')?.textContent.includes('MAIL FROM')",
                           "a refused message's dialogue is shown")
        self.browser.run("document.getElementById('dialog').close()")

    def tail(self):
        self.browser.go("#/events", ".event")
        self.rig.crescendo("ip", "create", "mta1-z", "--address", "127.0.10.9", "--ehlo-name", "z.shop.example")
        self.browser.until("document.querySelector('.event').textContent.includes('mta1-z')",
                           "a new event is shown first")

    def operator(self):
        self.browser.go("#/plans/warm-mta1-b", "main canvas")
        button = "[...document.querySelectorAll('button')].find((one) => one.textContent === {})"
        self.assertFalse(self.browser.run(f"!!{button.format(json.dumps('Pause'))}"), "a viewer changes nothing")
        for token, accepted in (("guess", False), ("correct horse battery staple", True)):
            self.browser.run("document.getElementById('operator').click()")
            self.browser.run("document.getElementById('who').value = 'ann';"
                             f"document.getElementById('token').value = {json.dumps(token)};"
                             "document.querySelector('dialog form').requestSubmit()")
            if accepted:
                self.browser.until(f"!!{button.format(json.dumps('Pause'))}", "the operator may pause")
            else:
                self.browser.until("document.querySelector('dialog .fault:not([hidden])') !== null", "a guess is told")
                # It was answered 401, and the browser says so too.
                self.browser.console = [line for line in self.browser.console if "401" not in line]
                self.browser.run("document.getElementById('dialog').close()")
        self.browser.run(f"{button.format(json.dumps('Pause'))}.click()")
        if SHOTS:
            self.browser.shot(Path(SHOTS) / "dialog.png")
        self.browser.run("document.getElementById('reason').value = 'a test of the page';"
                         "document.querySelector('dialog form').requestSubmit()")
        self.browser.until("document.querySelector('main .badge').textContent === 'paused'", "the plan is shown paused")
        plan = self.api("plans/warm-mta1-b")
        self.assertEqual(plan["state"], "PAUSED")
        self.assertIn("http:ann", plan["state_reason"])
        self.browser.console = [line for line in self.browser.console if "401" not in line]

    def take_shots(self):
        for name, (place, shown) in PAGES.items():
            for width, dark in ((1280, False), (1280, True), (390, False), (390, True)):
                self.browser.view(width=width, height=900, dark=dark)
                self.browser.go("#/none", "main")
                self.browser.go(place, shown)
                self.browser.until("!document.querySelector('main').textContent.includes('being made…')"
                                   " && !document.querySelector('main').textContent.includes('Loading…')", "all is drawn")
                self.browser.shot(Path(SHOTS) / f"{name}-{width}-{'dark' if dark else 'light'}.png")


if __name__ == "__main__":
    unittest.main()
