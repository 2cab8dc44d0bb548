"""What the end-to-end tests share: the programs, a private folder, and an end for all they start.

CRESCENDO_BIN names the folder of the programs. Everything started here is stopped when its rig
closes, also when the test fails, and by the kernel if the test itself is killed.
"""
import ctypes
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ["CRESCENDO_BIN"])
PROMETHEUS = Path(os.environ.get("CRESCENDO_PROMETHEUS", ROOT / "build/prometheus"))
SINK = Path(os.environ.get("CRESCENDO_SMTP_SINK", ROOT / "build/smtp-sink"))
PATIENCE = 30.0  # Seconds that anything may take before the test gives up.
DAY = 86400

_libc = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def _die_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Child:
    """A process in a group of its own, its output in files."""

    def __init__(self, name, command, folder, **options):
        self.name = name
        self.out, self.err = folder / f"{name}.out", folder / f"{name}.err"
        with open(self.out, "ab") as out, open(self.err, "ab") as err:
            self.process = subprocess.Popen(
                [str(word) for word in command], stdout=out, stderr=err, start_new_session=True,
                preexec_fn=_die_with_parent, **{"stdin": subprocess.DEVNULL, **options})

    def signal(self, number):
        if self.process.poll() is None:
            self.process.send_signal(number)

    def kill(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        if self.process.stdin:
            self.process.stdin.close()

    def wait(self):
        """The exit code, -N for signal N."""
        return self.process.wait(PATIENCE)

    def ready(self, prefix="ready", skip=0):
        """What follows `prefix` on its first line that begins so, behind `skip` bytes of output."""
        def line():
            for text in self.out.read_bytes()[skip:].decode(errors="replace").splitlines(True):
                if text.startswith(prefix) and text.endswith("\n"):
                    return text[len(prefix):].strip()
            if self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended: {self.err.read_text()}")
            return None
        return until(line, f"{self.name} says \"{prefix}\"")


def until(probe, what, pause=0.02, patience=PATIENCE):
    """The first true answer of `probe`."""
    limit = time.monotonic() + patience
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > limit:
            raise AssertionError(f"not within {patience:.0f} s: {what}")
        time.sleep(pause)


def listening_port(process):
    """Where a process listens that does not tell; of IPv4. See proc(5); 0A is LISTEN."""
    try:
        links = {os.readlink(entry.path) for entry in os.scandir(f"/proc/{process.pid}/fd")}
    except OSError:
        return None
    with open("/proc/net/tcp") as table:
        for line in list(table)[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in links:
                return int(words[1].split(":")[1], 16)
    return None


class Rig:
    """A folder, and what runs in it."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="crescendo-e2e-"))
        self.children = []
        self.clock = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for child in reversed(self.children):
            child.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def start(self, name, *command, **options):
        child = Child(name, command, self.folder, **options)
        self.children.append(child)
        return child

    def run(self, *command, code=0, **options):
        """Runs a command to its end; its output if it ends with `code`."""
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                              timeout=PATIENCE, preexec_fn=_die_with_parent, **options)
        assert done.returncode == code, \
            f"{command}: exit code {done.returncode}, not {code}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr if code else done.stdout

    def scaled_clock(self, day_seconds, lead=0.0):
        """Midnight of 2026-01-01 is `lead` seconds from now; then a day lasts `day_seconds`."""
        self.clock = ["--clock-epoch", f"{time.time() + lead:.3f}", "--clock-start",
                      "2026-01-01T00:00:00Z", "--clock-scale", f"{DAY / day_seconds:.6f}"]

    def sandbox(self):
        """The built-in receivers, on free ports."""
        scenario = self.run(BIN / "crescendo-sandbox", "scenario").replace("port: 2525", "port: 0")
        child = self.start("sandbox", BIN / "crescendo-sandbox", "serve", "--config",
                           self.write("scenario.textproto", scenario), "--ledger",
                           self.folder / "ledger.jsonl", "--routes",
                           self.folder / "routes.textproto", *self.clock)
        child.ready()
        return child

    def configure(self, text="", listen="unix:daemon.sock"):
        self.write("crescendo.textproto", f"""
            data_dir: "data"
            listen: "{listen.replace('unix:', f'unix:{self.folder}/')}"
            route_files: "routes.textproto"
            resolver {{ enabled: false }}
            {text}""")

    def daemon(self):
        """Returns when it serves; `self.server` is where."""
        out = self.folder / "daemon.out"
        skip = out.stat().st_size if out.exists() else 0
        child = self.start("daemon", BIN / "crescendod", "--config",
                           self.folder / "crescendo.textproto", *self.clock)
        self.server = child.ready("ready on ", skip)
        return child

    def crescendo(self, *words, code=0):
        return self.run(BIN / "crescendo", "--server", self.server, "--actor", "e2e", *words,
                        code=code)

    def rows(self, *words):
        """The API's messages."""
        return [json.loads(line) for line in self.crescendo(*words, "-o", "json").splitlines()]

    def campaign(self, recipients, ips=("mta1-a",), name="spring"):
        """A pool, its IPs without a plan, and a campaign with the CSV `recipients`."""
        for number, ip in enumerate(ips, 1):
            self.crescendo("ip", "create", ip, "--address", f"127.0.10.{number}", "--ehlo-name",
                           f"{ip}.shop.example")
        self.crescendo("pool", "create", "cold", *[word for ip in ips for word in ("--ip", ip)])
        self.crescendo("campaign", "create", name, "--pool", "cold", "--from",
                       "Shop <news@shop.example>", "--subject", "Spring, {{first_name}}", "--text",
                       self.write("body.txt", "Hello {{first_name}},\n\n.\nspring is here.\n"),
                       "--list-unsubscribe", "<https://shop.example/u>")
        if recipients is not None:
            self.crescendo("campaign", "import", name, self.write("recipients.csv", recipients))
            self.crescendo("campaign", "start", name)

    def evidence(self, ips):
        """The two files of what the daemon claims, for `crescendo-sandbox verify`."""
        self.write("deliveries.jsonl", self.crescendo("delivery", "list", "spring", "-o", "json"))
        days = []
        for number, ip in enumerate(ips, 1):
            for day in self.rows("plan", "days", f"warm-{ip}"):
                days.append({"egress_ip": ip, "address": f"127.0.10.{number}", "day": day["day"],
                             "cap": int(day["cap"]), "provider_caps": {"gmail": 3000}})
        self.write("days.jsonl", "".join(json.dumps(day) + "\n" for day in days))

    def verify(self, *words, folder=None, code=0):
        folder = folder or self.folder
        return self.run(BIN / "crescendo-sandbox", "verify", "--ledger", folder / "ledger.jsonl",
                        "--recipients", folder / "recipients.csv", "--days", folder / "days.jsonl",
                        "--deliveries", folder / "deliveries.jsonl", "--allow-incomplete", *words,
                        code=code)


class RigTest(unittest.TestCase):
    def setUp(self):
        self.rig = Rig()
        self.rig.__enter__()
        self.addCleanup(self.rig.__exit__)
