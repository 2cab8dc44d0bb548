"""tidy.py ROOT: what a compiler does not check and STYLE promises.

Prints "file:line: fault" for each fault and exits 1 if there is one. tidy_test.py breaks every rule
once, on a small tree of its own.
"""
import re
import subprocess
import sys
from pathlib import Path

# The arrows of STYLE §1: a room may include itself and what is named here, a room or one file.
BASE = ["scheduler/base"]
DOMAIN = BASE + ["scheduler/domain"]
PORTS = DOMAIN + ["scheduler/ports"]
CORE = PORTS + ["scheduler/core"]
ENGINE = CORE + ["scheduler/engine"]
API = ["crescendo/v1"]
CONFIG = ["crescendo/config/v1"]
SMTP = ["smtp_client/net", "smtp_client/session", "smtp_client/wire"]
ROOMS = {
    "scheduler/base": [],
    "scheduler/domain": BASE,
    "scheduler/ports": DOMAIN,
    "scheduler/core": PORTS,
    "scheduler/engine": CORE,
    "scheduler/forecast": CORE,
    "scheduler/providers": CORE + CONFIG,
    "scheduler/ramps": DOMAIN + CONFIG,
    "scheduler/service": ENGINE + API + ["scheduler/forecast", "scheduler/ramps/ramp_loader.h",
                                         "scheduler/webhooks"],
    "scheduler/webhooks": ENGINE,
    "scheduler/dashboard": ENGINE + API + ["scheduler/service"],
    "smtp_client/wire": DOMAIN,
    "smtp_client/session": DOMAIN + ["smtp_client/wire"],
    "smtp_client/dkim": BASE,
    "smtp_client/message": PORTS + ["smtp_client/dkim", "smtp_client/wire"],
    "smtp_client/net": PORTS + ["smtp_client/session", "smtp_client/wire"],
    "smtp_client/resolve": PORTS,
    "smtp_client/delivery": PORTS + SMTP,
    "store": PORTS,
    "store/memory": PORTS + ["store"],
    "store/sqlite": PORTS + ["store"],
    "store/postgres": PORTS + ["store"],
    # Speaks gRPC, and nothing else with the daemon; of a stopped one it checks and restores the file.
    "cmd/crescendo": BASE + API + ["crescendo/config/v1/cli.pb.h", "scheduler/service/json.h",
                                 "store/sqlite/check.h", "store/sqlite/restore.h"],
    # A witness: it shares the score's formula with the sender, and none of its books.
    "cmd/crescendo-sandbox": DOMAIN + CONFIG + ["crescendo/sandbox/v1"],
    # Wires: knows every concrete type. Nobody includes it.
    "cmd/crescendod": ENGINE + CONFIG + SMTP + [
        "scheduler/dashboard", "scheduler/providers", "scheduler/service", "scheduler/webhooks", "smtp_client/delivery", "smtp_client/dkim",
        "smtp_client/message", "smtp_client/resolve", "store", "store/memory", "store/sqlite",
        "store/postgres"],
}
GENERATED = ["crescendo/v1", "crescendo/config/v1", "crescendo/sandbox/v1"]
OURS = ("scheduler/", "smtp_client/", "store/", "cmd/", "tests/", "crescendo/")

# A library's headers, and the rooms (with what is below them) that may include them.
LIBRARIES = [
    ("gRPC", r"grpc(pp)?/|.*\.grpc\.pb\.h", ["scheduler/service", "scheduler/dashboard", "cmd/crescendo"]),
    ("Protocol Buffers", r"google/protobuf/|.*\.pb\.h",
     ["scheduler/service", "scheduler/providers", "scheduler/ramps", "scheduler/dashboard", "cmd"]),
    ("Asio", r"(boost/)?asio[/.]", ["smtp_client/net", "smtp_client/delivery", "scheduler/dashboard",
                                    "cmd/crescendo-sandbox"]),
    ("OpenSSL", r"openssl/", ["smtp_client/net", "smtp_client/delivery", "smtp_client/dkim",
                                "smtp_client/message", "cmd/crescendo-sandbox",
                                "scheduler/webhooks"]),
    ("libcurl", r"curl/", ["scheduler/webhooks"]),
    ("libidn2", r"idn2", ["scheduler/domain"]),
    ("libunbound", r"unbound\.h$", ["smtp_client/resolve"]),
    ("GMime", r"gmime/", ["smtp_client/message"]),
    ("Boost", r"boost/", ["scheduler/dashboard"]),
    ("prometheus-cpp", r"prometheus/", ["scheduler/dashboard"]),
    ("SQL", r"sqlite3|libpq|postgresql/", ["store/sqlite", "store/postgres"]),
]

SLEEP = r"\b(sleep_for|sleep_until|SleepFor|u?sleep\(|nanosleep)"
CLOCK = (r"\babsl::Now\b|_clock::now\b|GetCurrentTimeNanos|gettimeofday|clock_gettime|\bstd::time\("
         r"|\btime\((nullptr|NULL|0)\)|" + SLEEP)
CLOCK_ALLOWED = {
    "scheduler/base/real_clock.cc": "is the clock that all others are told",
    "tests/bench/bench_import.cc": "asks a daemon again and again how far it is",
    "cmd/crescendo-sandbox/verify.cc": "table --follow waits for a person's eyes, between two looks",
}

# In pieces, so that this file is no fault.
MARKS = r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b"
MACHINE_PATH = r"(?<![\w.}~/*-])/(home|root|Users|work|workspace|mnt|tmp)/\w"

SKIPPED = {".git", "build", "__pycache__"}


def files(root):
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        hidden = any(part.startswith(".") and part != ".ci" for part in parts[:-1])
        if path.is_file() and not hidden and not SKIPPED.intersection(parts) \
                and not parts[0].startswith("build-"):
            yield path, "/".join(parts)


def room_of(name):
    """The innermost room that holds the file; "" if none does."""
    found = [room for room in [*ROOMS, *GENERATED] if name.startswith(room + "/")]
    return max(found, key=len, default="")


def includes(text):
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*[<"]([^">]+)[">]', line)
        if match:
            yield number, match[1]


def check_arrows(name, text):
    room = room_of(name)
    if not room:
        yield 1, "stands in no room; give its folder a line in ROOMS of tidy.py"
        return
    # store/x/ and cmd/x/ are rooms of their own, not part of store or of nothing.
    if name.count("/") > room.count("/") + 1:
        yield 1, f"stands in a folder below {room}; give that a line in ROOMS of tidy.py"
    for number, target in includes(text):
        ours = target.startswith(OURS)
        to = room_of(target)
        if ours and to != room and to not in ROOMS[room] and target not in ROOMS[room]:
            yield number, f"{room} may not include {target}"


def check_libraries(name, text):
    for number, target in includes(text):
        for library, pattern, rooms in LIBRARIES:
            if re.match(pattern, target) and not name.startswith(tuple(room + "/" for room in rooms)):
                yield number, f"{library} does not belong here: {target}"


def check_clock(name, text):
    pattern = SLEEP if name.startswith("tests/") else CLOCK
    seen = False
    for number, line in enumerate(text.splitlines(), 1):
        match = re.search(pattern, line.split("//")[0])
        if not match:
            continue
        seen = True
        if name not in CLOCK_ALLOWED:
            yield number, f"{match[0]}: only scheduler/base/real_clock.cc reads the machine's clock"
    if name in CLOCK_ALLOWED and not seen:
        yield 1, "needs no exception in CLOCK_ALLOWED of tidy.py any more"


def check_text(text):
    for number, line in enumerate(text.splitlines(), 1):
        if match := re.search(MARKS, line):
            yield number, f"{match[0]}: finish it, or leave it out"
        if match := re.search(MACHINE_PATH, line):
            yield number, f"{match[0]}…: a path of one machine"


def check_script(path, text):
    first = text.split("\n", 1)[0]
    shell = re.match(r"#!.*\b(bash|sh)\b", first)
    if path.suffix == ".sh" and not shell:
        yield 1, "a script begins with #!/usr/bin/env bash"
    if first.startswith("#!") and not path.stat().st_mode & 0o100:
        yield 1, "a script must be executable"
    if shell:
        run = subprocess.run([shell[1], "-n", path], capture_output=True, text=True)
        if run.returncode:
            yield 1, run.stderr.strip()
    if path.suffix == ".py":
        try:
            compile(text, path, "exec")
        except SyntaxError as error:
            yield error.lineno or 1, error.msg


def check_registered(root, name):
    """A test is named in its folder's CMakeLists.txt, and each folder up to tests/ in the one above."""
    if not re.search(r"_test\.(cc|py|sh)$", name):
        return
    path = root / name
    child = path.name
    for folder in path.parents:
        lists = folder / "CMakeLists.txt"
        text = lists.read_text() if lists.exists() else ""
        wanted = re.escape(child) if child == path.name else rf"add_subdirectory\({re.escape(child)}\)"
        if not re.search(rf"(?<![\w-]){wanted}", text):
            yield 1, f"is not run: {lists.relative_to(root)} does not name {child}"
        if folder == root / "tests":
            return
        child = folder.name


def faults_of(root):
    for path, name in files(root):
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        checks = [check_text(text), check_script(path, text)]
        if path.suffix in (".h", ".cc"):
            checks.append(check_clock(name, text))
            if not name.startswith("tests/"):
                checks += [check_arrows(name, text), check_libraries(name, text)]
        if name.startswith("tests/"):
            checks.append(check_registered(root, name))
        for check in checks:
            for number, fault in check:
                yield f"{name}:{number}: {fault}"


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: tidy.py ROOT")
    faults = list(faults_of(Path(sys.argv[1]).resolve()))
    print("\n".join(faults) if faults else "tidy")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
