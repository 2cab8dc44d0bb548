"""The tour of README.md, run as it is written, in a network of its own where the kernel allows it.

Blocks run one after the other in one shell. Where a line leaves something running, its "ready" is
awaited, as the text says. A block that begins with "$ " shows output: the command must print the same
labels.
"""
import ctypes
import fcntl
import os
import re
import socket
import struct
import subprocess
import unittest

import harness

README = harness.ROOT / "README.md"
SECONDS_TO_WATCH = 2


def private_network():
    """The tour's ports are fixed; here they are nobody else's. Without the right: as it is."""
    new_user, new_net, set_flags, up = 0x10000000, 0x40000000, 0x8914, 1
    libc = ctypes.CDLL(None)
    if libc.unshare(new_net) != 0 and libc.unshare(new_user | new_net) != 0:
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        fcntl.ioctl(handle, set_flags, struct.pack("16sh14x", b"lo", up))


def tour():
    text = README.read_text().split("\n## A tour\n")[1].split("\n## ")[0]
    return re.findall(r"^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def statements(block):
    """One a line; a here-document with its text."""
    lines = iter(block.splitlines())
    for line in lines:
        end = re.search(r"<<(\w+)$", line)
        while end and line.splitlines()[-1] != end[1]:
            line += "\n" + next(lines)
        if line.strip():
            yield line


def labels(output):
    """The words in capitals that begin a line or stand in the head of a table."""
    return {word for line in output.splitlines() if re.match("[A-Z]{2}", line)
            for word in re.split(" {2,}", line) if re.fullmatch("[A-Z][A-Z/ ]+", word)}


class ReadmeTest(harness.RigTest):
    def test_the_tour_works_as_written(self):
        blocks = tour()
        self.assertGreaterEqual(len(blocks), 6)
        self.shell = self.rig.start(
            "shell", "bash", stdin=subprocess.PIPE, cwd=self.rig.folder, text=True,
            env={**os.environ, "PATH": f"{harness.BIN}:{os.environ['PATH']}"})
        self.lines = 0
        for block in blocks:
            if block.startswith("$ "):
                for sample in block.removeprefix("$ ").split("\n$ "):
                    command, shown = sample.split("\n", 1)
                    with self.subTest(command):
                        self.assertLessEqual(labels(shown), labels(self.type(command)))
                        self.assertNotEqual(labels(shown), set())
                continue
            for line in statements(block):
                with self.subTest(line):
                    self.type(line)
        self.assertEqual(self.type("wait; jobs").split("\n")[-1], "", "nothing is left")

    def type(self, line):
        """What it prints. What has no end by itself is watched, then interrupted."""
        watched = re.search(r"^crescendo \w+ (watch|stream)\b", line) is not None
        if watched:
            line = f"timeout --preserve-status -s INT {SECONDS_TO_WATCH} {line}"
        before = self.shell.out.stat().st_size
        self.lines += 1
        mark = f"== {self.lines} ended with "
        self.shell.process.stdin.write(f"{line}\necho '{mark}'$?\n")
        self.shell.process.stdin.flush()
        code = int(self.shell.ready(mark, before))
        text = self.shell.out.read_text()[before:]
        self.assertEqual(code, 130 if watched else 0, text + self.shell.err.read_text())
        if line.endswith("&"):
            self.shell.ready("ready", before)
        return text.split(mark)[0]


if __name__ == "__main__":
    private_network()
    unittest.main()
