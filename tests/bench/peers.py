"""Processes that a benchmark starts on loopback, and what they cost."""

import contextlib
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import tempfile
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def await_port(port, process, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} ended with {process.returncode}")
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        time.sleep(0.02)
    raise RuntimeError(f"nothing listens on port {port}")


def cpu_seconds(pids):
    """User and system time that these processes have used."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += sum(int(fields[i]) for i in (11, 12, 13, 14))  # Own and waited-for children.
    return total / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def running(arguments, **options):
    process = subprocess.Popen(arguments, **options)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def postfix_environment(sink):
    root = pathlib.Path(sink).resolve()
    return dict(os.environ, LD_LIBRARY_PATH=f"{root}/usr/lib/postfix:{root}/lib")


@contextlib.contextmanager
def smtp_sink(sink, port):
    """Postfix's smtp-sink: takes everything and drops it."""
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    arguments = [f"{sink}/usr/sbin/smtp-sink", *user, f"127.0.0.1:{port}", "1000"]
    with running(arguments, env=postfix_environment(sink)) as process:
        await_port(port, process)
        yield process


def smtp_source(sink, port, messages, size, sessions, reuse=True):
    """Seconds that smtp-source takes, without pipelining. `reuse`: many messages a connection."""
    start = time.monotonic()
    subprocess.run(
        [f"{sink}/usr/sbin/smtp-source", *(["-d"] if reuse else []), "-s", str(sessions), "-l", str(size), "-m",
         str(messages), "-f", "news@sender.example", "-t", "user@domain0.example",
         f"127.0.0.1:{port}"],
        check=True, env=postfix_environment(sink))
    return time.monotonic() - start


# Not chrooted, no TLS, no local delivery; else as Postfix ships.
POSTFIX_MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
"""

# It relays all to the sink over as many connections as the daemon has, kept open, and asks no DNS.
# A refusal stays in the queue, so an empty queue means that all were taken.
POSTFIX_MAIN = """\
compatibility_level = 3.6
config_directory = {path}/config
queue_directory = {path}/queue
data_directory = {path}/data
meta_directory = {path}/config
daemon_directory = {root}/usr/lib/postfix/sbin
command_directory = {root}/usr/sbin
shlib_directory = {root}/usr/lib/postfix
import_environment = MAIL_CONFIG TZ LD_LIBRARY_PATH={libraries}
mail_owner = mail
setgid_group = news
default_privs = nobody
myhostname = bench.sender.example
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_peername_lookup = no
disable_dns_lookups = yes
relayhost = [127.0.0.1]:{sink_port}
smtp_connection_cache_destinations = [127.0.0.1]:{sink_port}
initial_destination_concurrency = {sessions}
default_destination_concurrency_limit = {sessions}
in_flow_delay = 0
soft_bounce = yes
"""


@contextlib.contextmanager
def postfix(sink, sink_port, sessions):
    """A private Postfix that relays everything to the sink, with its queue in a new folder and its
    usual care for the disk. Only for root, whom its master needs. Yields its port, its first
    process and its queue's folder."""
    root = pathlib.Path(sink).resolve()
    environment = postfix_environment(sink)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        path.chmod(0o755)
        (path / "config").mkdir()
        for name, mode, owner, group in [
                ("data", 0o700, "mail", None), ("queue", 0o755, "root", None),
                ("queue/pid", 0o755, "root", None), ("queue/public", 0o710, "mail", "news"),
                ("queue/maildrop", 0o730, "mail", "news"),
                *((f"queue/{name}", 0o700, "mail", None) for name in
                  ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming",
                   "private", "saved", "trace"))]:
            (path / name).mkdir()
            (path / name).chmod(mode)
            shutil.chown(path / name, owner, group)
        port = free_port()
        (path / "config/main.cf").write_text(POSTFIX_MAIN.format(
            path=path, root=root, libraries=environment["LD_LIBRARY_PATH"], sink_port=sink_port,
            sessions=sessions))
        (path / "config/master.cf").write_text(POSTFIX_MASTER.format(port=port))
        with running([f"{root}/usr/lib/postfix/sbin/master", "-c", str(path / "config")],
                     env=environment, start_new_session=True) as process:
            await_port(port, process)
            yield port, process, path / "queue"


def children(pid):
    """The processes that it has started and that still run."""
    found = []
    for status in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(status.read_text().rsplit(")", 1)[1].split()[1]) == pid:
                found.append(int(status.parent.name))
    return found


def await_empty(queue, seconds=120):
    """Until no message is left in Postfix's queue."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        waiting = [len(files) for name in ("maildrop", "incoming", "active", "deferred")
                   for _, _, files in os.walk(queue / name)]
        if not any(waiting):
            return
        time.sleep(0.02)
    raise RuntimeError(f"Postfix still holds {sum(waiting)} messages")


@contextlib.contextmanager
def crescendod(bin, sink_port, sessions, extra="", folder=None):
    """A daemon whose every domain is routed to the sink, with its store in `folder`, or with a new
    one. Yields its address, its process and its folder."""
    with contextlib.ExitStack() as stack:
        path = pathlib.Path(folder or stack.enter_context(tempfile.TemporaryDirectory()))
        (path / "providers").mkdir(exist_ok=True)
        (path / "providers/sink.textproto").write_text(
            'id: "sink"\ndisplay_name: "Sink"\nmx_suffix: ".sink.example"\n'
            f"max_connections_per_ip: {sessions}\nmessages_per_connection: 100000\ntls: NEVER\n"
            'source: "tests/bench"\n')
        (path / "routes.textproto").write_text(
            f'hosts {{ name: "*" address: "127.0.0.1" port: {sink_port} }}\n'
            'domains { domain: "*" mx: "mx.sink.example" }\n')
        (path / "daemon.textproto").write_text(
            'data_dir: "data"\nlisten: "127.0.0.1:0"\nroute_files: "routes.textproto"\n'
            'providers_dir: "providers"\nresolver { enabled: false }\nhttp { enabled: false }\n'
            'log_level: LOG_LEVEL_WARNING\n'
            + extra)
        with open(path / "log", "w") as log, running(
                [f"{bin}/crescendod", "--config", str(path / "daemon.textproto")],
                stdout=subprocess.PIPE, stderr=log, text=True) as process:
            ready = process.stdout.readline()
            if not ready.startswith("ready on "):
                raise RuntimeError((path / "log").read_text())
            yield ready.split()[-1], process, path


def report(bench, metrics, goals):
    """The last line of a benchmark."""
    compare = {">=": lambda value, goal: value >= goal, "<=": lambda value, goal: value <= goal}
    print(json.dumps({
        "bench": bench,
        "metrics": {name: round(value, 4) for name, value in metrics.items()},
        "goals": [{"metric": name, "op": op, "goal": goal, "value": round(metrics[name], 4),
                   "met": compare[op](metrics[name], goal)} for name, op, goal in goals
                  if name in metrics],
    }))


median = statistics.median
