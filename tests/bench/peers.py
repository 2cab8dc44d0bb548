"""Processes that a benchmark starts on loopback, and what they cost."""

import contextlib
import json
import os
import pathlib
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


def smtp_source(sink, port, messages, size, sessions):
    """Seconds that smtp-source takes, many messages a connection."""
    start = time.monotonic()
    subprocess.run(
        [f"{sink}/usr/sbin/smtp-source", "-d", "-s", str(sessions), "-l", str(size), "-m",
         str(messages), "-f", "news@sender.example", "-t", "user@domain0.example",
         f"127.0.0.1:{port}"],
        check=True, env=postfix_environment(sink))
    return time.monotonic() - start


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
            'providers_dir: "providers"\nallow_private_destinations: true\nlog_level: LOG_LEVEL_WARNING\n'
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
