"""Breaks every rule of tidy.py once, on a small tree that is else in order."""
import tempfile
import unittest
from pathlib import Path

import tidy

IN_ORDER = {
    "scheduler/base/real_clock.cc": "const auto now = absl::Now();\n",
    "cmd/crescendo-sandbox/verify.cc": "std::this_thread::sleep_for(kPause);\n",
    "scheduler/core/shard.cc": '#include "scheduler/core/shard.h"\n#include "scheduler/ports/store.h"\n',
    "scheduler/service/plans.cc": '#include <grpcpp/server.h>\n#include "crescendo/v1/plan.pb.h"\n',
    "store/sqlite/database.cc": '#include <sqlite3.h>\n#include "store/rules.h"\n',
    "cmd/run.sh": "#!/usr/bin/env bash\necho /usr/bin\n",
    "tests/CMakeLists.txt": "add_subdirectory(core)\n",
    "tests/core/CMakeLists.txt": "crescendo_test(core_test shard_test.cc)\n",
    "tests/core/shard_test.cc": "// absl::Now() is fine in a comment.\n",
}
EXECUTABLE = {"cmd/run.sh"}

# A broken rule: its name, the file, its text, and what the fault must say.
BROKEN = [
    ("core includes the engine", "scheduler/core/a.cc", '#include "scheduler/engine/engine.h"\n',
     "a.cc:1: scheduler/core may not include scheduler/engine/engine.h"),
    ("domain includes core", "scheduler/domain/a.h", '\n#include "scheduler/core/shard.h"\n',
     "a.h:2: scheduler/domain may not include"),
    ("the base includes anything", "scheduler/base/a.h", '#include "scheduler/domain/ids.h"\n',
     "scheduler/base may not include"),
    ("ports include a store", "scheduler/ports/a.h", '#include "store/sqlite/database.h"\n',
     "scheduler/ports may not include"),
    ("the engine includes a transport", "scheduler/engine/a.cc",
     '#include "smtp_client/delivery/smtp_transport.h"\n', "scheduler/engine may not include"),
    ("the sender sees the core", "smtp_client/delivery/a.cc", '#include "scheduler/core/shard.h"\n',
     "smtp_client/delivery may not include"),
    ("the dialogue sees sockets", "smtp_client/session/a.cc", '#include "smtp_client/net/tls.h"\n',
     "smtp_client/session may not include"),
    ("a store sees the other", "store/memory/a.cc", '#include "store/sqlite/names.h"\n',
     "store/memory may not include"),
    ("the witness sees the books", "cmd/crescendo-sandbox/a.cc", '#include "scheduler/core/shard.h"\n',
     "cmd/crescendo-sandbox may not include"),
    ("somebody includes the daemon", "scheduler/service/a.cc", '#include "cmd/crescendod/config.h"\n',
     "scheduler/service may not include cmd/crescendod/config.h"),
    ("generated code in the engine", "scheduler/engine/a.cc", '#include "crescendo/v1/plan.pb.h"\n',
     "scheduler/engine may not include crescendo/v1/plan.pb.h"),
    ("gRPC in the core", "scheduler/core/a.cc", "#include <grpcpp/server.h>\n", "gRPC does not belong"),
    ("protobuf in the domain", "scheduler/domain/a.h", "#include <google/protobuf/message.h>\n",
     "Protocol Buffers does not belong"),
    ("Asio in the core", "scheduler/core/a.h", "#include <asio/steady_timer.hpp>\n", "Asio does not"),
    ("OpenSSL in the wire", "smtp_client/wire/a.cc", "#  include <openssl/evp.h>\n", "OpenSSL does not"),
    ("SQL in the rules", "store/rules.cc", "#include <sqlite3.h>\n", "SQL does not belong"),
    ("a new room", "scheduler/utils/a.h", "", "stands in no room"),
    ("a folder in a room", "scheduler/core/deep/a.h", "", "a folder below scheduler/core"),
    ("another clock", "scheduler/engine/a.cc", "auto t = absl::Now();\n", "absl::Now: only"),
    ("a standard clock", "store/sqlite/a.cc", "auto t = std::chrono::steady_clock::now();\n",
     "_clock::now: only"),
    ("a sleep", "smtp_client/net/a.cc", "absl::SleepFor(d);\n", "SleepFor: only"),
    ("a sleep in a test", "tests/support/a.cc", "std::this_thread::sleep_for(d);\n", "sleep_for: only"),
    ("an exception nobody needs", "cmd/crescendo-sandbox/verify.cc", "", "needs no exception"),
    ("unfinished", "cmd/crescendo/a.cc", "// TO" "DO: more\n", "finish it"),
    ("a machine's path", "README.md", "cd /ho" "me/anna/crescendo\n", ": a path of one machine"),
    ("a test nobody runs", "tests/core/lost_test.cc", "", "CMakeLists.txt does not name lost_test.cc"),
    ("a script nobody runs", "tests/core/lost_test.py", "", "does not name lost_test.py"),
    ("a folder nobody runs", "tests/lost/a_test.cc", "", "tests/lost/CMakeLists.txt does not name"),
    ("a folder that is not added", "tests/CMakeLists.txt", "", "tests/CMakeLists.txt does not name core"),
    ("a broken script", "cmd/run.sh", "#!/usr/bin/env bash\nif true; then\n", "syntax error"),
    ("a script that cannot run", "cmd/other.sh", "#!/usr/bin/env bash\n", "must be executable"),
    ("a script without a shell", "cmd/run.sh", "echo hi\n", "begins with #!"),
    ("a broken Python file", "tests/support/a.py", "def f(:\n", "a.py:1: invalid syntax"),
]


class TidyTest(unittest.TestCase):
    def faults(self, changes):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for name, text in {**IN_ORDER, **changes}.items():
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
                path.chmod(0o755 if name in EXECUTABLE else 0o644)
            return list(tidy.faults_of(root))

    def test_a_tree_in_order_has_no_fault(self):
        self.assertEqual(self.faults({}), [])

    def test_each_broken_rule_is_the_one_fault(self):
        for name, file, text, wanted in BROKEN:
            with self.subTest(name):
                faults = self.faults({file: text})
                self.assertTrue(faults)
                for fault in faults:
                    self.assertTrue(fault.startswith(file) or "tests/CMakeLists" in fault, fault)
                self.assertTrue(any(wanted in fault for fault in faults), faults)


if __name__ == "__main__":
    unittest.main()
