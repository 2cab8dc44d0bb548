#include "tests/support/name_server.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <utility>

#include <gtest/gtest.h>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace crescendo::testing {
namespace {

namespace fs = std::filesystem;

std::string NsdProgram() {
  const char* set = std::getenv("CRESCENDO_NSD");
  return set != nullptr ? set : CRESCENDO_SOURCE_DIR "/build/nsd/nsd";
}

// Runs `command` in `folder`; its output, less the line's end.
std::string OutputOf(const fs::path& folder, const std::string& command) {
  ChildProcess shell;
  const bool started = shell.Start(
      {"/bin/sh", "-c", absl::StrCat("cd '", folder.string(), "' && ", command, " 2>&1")}, {});
  return started ? shell.ReadLine() : "";
}

// A socket at the port, 0 for any; -1 if it is taken.
int BoundSocket(int type, uint16_t* port) {
  const int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(*port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  const bool bound =
      fd >= 0 && bind(fd, generic, size) == 0 && getsockname(fd, generic, &size) == 0;
  *port = ntohs(address.sin_port);
  if (bound) return fd;
  close(fd);
  return -1;
}

bool IsFree(int type, uint16_t* port) {
  const int fd = BoundSocket(type, port);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

}  // namespace

PrivateFolder::PrivateFolder() {
  std::string name = (fs::temp_directory_path() / "crescendo-dns-XXXXXX").string();
  EXPECT_NE(mkdtemp(name.data()), nullptr);
  path_ = name;
}

PrivateFolder::~PrivateFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

void PrivateFolder::Write(const std::string& name, const std::string& text) const {
  std::ofstream(path_ / name, std::ios::binary) << text;
}

std::string PrivateFolder::Read(const std::string& name) const {
  std::ostringstream text;
  text << std::ifstream(path_ / name, std::ios::binary).rdbuf();
  return text.str();
}

uint16_t FreeDnsPort() {
  for (int attempt = 0; attempt < 50; ++attempt) {
    uint16_t port = 0;
    if (IsFree(SOCK_DGRAM, &port) && IsFree(SOCK_STREAM, &port)) return port;
  }
  ADD_FAILURE() << "no port is free for both UDP and TCP";
  return 0;
}

NameServer::NameServer(const std::vector<std::pair<std::string, std::string>>& zones) {
  std::string config = absl::StrCat(
      "server:\n username: \"\"\n chroot: \"\"\n zonesdir: \"", folder_.path().string(),
      "\"\n database: \"\"\n pidfile: \"\"\n xfrdfile: \"\"\n zonelistfile: \"\"\n xfrdir: \"",
      folder_.path().string(),
      "\"\n cookie-secret-file: \"\"\n server-count: 1\n rrl-ratelimit: 0\n"
      "remote-control:\n control-enable: no\n");
  for (size_t i = 0; i < zones.size(); ++i) {
    const std::string file = absl::StrCat("zone", i);
    folder_.Write(file, zones[i].second);
    absl::StrAppend(&config, "zone:\n name: \"", zones[i].first, "\"\n zonefile: \"", file, "\"\n");
  }
  folder_.Write("nsd.conf", config);
  // Between the choice of a port and its use another process may take it.
  for (int attempt = 0; attempt < 5 && process_ == nullptr; ++attempt) {
    port_ = FreeDnsPort();
    Start();
  }
  if (process_ != nullptr) return;
  port_ = 0;
  ADD_FAILURE() << "cannot start " << NsdProgram() << "; get it with tests/support/fetch_nsd.sh";
}

NameServer::~NameServer() {
  for (const int fd : held_) close(fd);
}

void NameServer::Stop() {
  process_.reset();
  for (const int type : {SOCK_DGRAM, SOCK_STREAM}) {
    if (const int fd = BoundSocket(type, &port_); fd >= 0) held_.push_back(fd);
  }
}

void NameServer::Start() {
  for (const int fd : std::exchange(held_, {})) close(fd);
  process_ = std::make_unique<ChildProcess>();
  const std::string command =
      absl::StrCat("exec '", NsdProgram(), "' -d -c '", (folder_.path() / "nsd.conf").string(),
                   "' -a 127.0.0.1 -p ", port_, " 2>&1");
  if (process_->Start({"/bin/sh", "-c", command}, {})) {
    for (std::string line = process_->ReadLine(); !line.empty(); line = process_->ReadLine()) {
      if (absl::StrContains(line, "nsd started")) return;
    }
  }
  process_.reset();
}

SignedZone SignZone(const std::string& zone, const std::string& text) {
  const PrivateFolder folder;
  folder.Write("zone", text);
  const std::string key =
      OutputOf(folder.path(), absl::StrCat("ldns-keygen -a ECDSAP256SHA256 -k ", zone));
  const std::string done = OutputOf(
      folder.path(), absl::StrCat("ldns-signzone -f signed zone ", key, " && ldns-key2ds -n -2 ",
                                  key, ".key >anchor && echo done"));
  EXPECT_EQ(done, "done") << key << "; get the tools with cmd/setup.sh --tests (ldnsutils)";
  return {folder.Read("signed"), folder.Read("anchor")};
}

}  // namespace crescendo::testing
