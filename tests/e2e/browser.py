"""Debian's Chromium without a screen, over its DevTools protocol (python3-websocket).

Every request and every message on the console is kept, so that a test can say that there were none it
did not expect.
"""
import base64
import json
import time
import urllib.request

import websocket

import harness


class Browser:
    def __init__(self, rig):
        self.child = rig.start(
            "chromium", "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0",
            "--remote-allow-origins=*", f"--user-data-dir={rig.folder}/chromium", "--hide-scrollbars",
            "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
            "--no-first-run", "--lang=en-US", "about:blank", env={"TZ": "Europe/Berlin", "HOME": str(rig.folder),
                                                                 "PATH": "/usr/bin:/bin"})
        port_file = rig.folder / "chromium/DevToolsActivePort"
        port = harness.until(lambda: port_file.exists() and port_file.read_text().split("\n")[0],
                             "Chromium listens", pause=0.05)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
            page = next(one for one in json.load(answer) if one["type"] == "page")
        self.socket = websocket.create_connection(page["webSocketDebuggerUrl"], timeout=harness.PATIENCE)
        self.number = 0
        self.requests, self.console = [], []
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def note(self, message):
        method, params = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.console.append(" ".join(str(one.get("value", one.get("description")))
                                         for one in params["args"]))
        elif method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.console.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.console.append(f'{params["entry"]["text"]} {params["entry"].get("url", "")}')

    def call(self, method, **params):
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": params}))
        while True:
            message = json.loads(self.socket.recv())
            if message.get("id") == self.number:
                assert "error" not in message, f"{method}: {message}"
                return message["result"]
            self.note(message)

    def run(self, script):
        """The value of a JavaScript expression; promises are awaited."""
        result = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, f"{script}: {result['exceptionDetails']}"
        return result["result"].get("value")

    def until(self, script, what):
        return harness.until(lambda: self.run(script), what, pause=0.05)

    def view(self, width=1280, height=900, dark=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def open(self, url):
        """Seconds until the page shows what it is about."""
        start = time.monotonic()
        self.call("Page.navigate", url=url)
        self.until("document.readyState === 'complete' && document.querySelector('.live.on') !== null"
                   " && document.querySelector('main .tile, main .empty') !== null", f"{url} is drawn")
        return time.monotonic() - start

    def go(self, place, shown):
        """Another page of the same document, by its hash, until the selector `shown` is there."""
        self.run(f"location.hash = {json.dumps(place)}")
        self.until(f"document.querySelector({json.dumps(shown)}) !== null", f"{place} shows {shown}")

    def shot(self, path):
        metrics = self.call("Page.getLayoutMetrics")["cssContentSize"]
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip={
            "x": 0, "y": 0, "width": metrics["width"], "height": min(metrics["height"], 4000), "scale": 1})
        path.write_bytes(base64.b64decode(data["data"]))
