// name_server.h: NSD, the authoritative name server, on a free port of 127.0.0.1, with zones of the
// test's own. Where it is missing the test fails and says how to get it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/smtp_receivers.h"

namespace crescendo::testing {

// A folder that goes with the test.
class PrivateFolder {
 public:
  PrivateFolder();
  ~PrivateFolder();
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  void Write(const std::string& name, const std::string& text) const;
  std::string Read(const std::string& name) const;

 private:
  std::filesystem::path path_;
};

// A port of 127.0.0.1 that is free for UDP and TCP; it stays bound by neither.
uint16_t FreeDnsPort();

class NameServer {
 public:
  // Zones by name ("." for the root), each a master file's text.
  explicit NameServer(const std::vector<std::pair<std::string, std::string>>& zones);

  uint16_t port() const { return port_; }  // 0, and the test has failed, if it did not start.
  std::string address() const { return "127.0.0.1@" + std::to_string(port_); }
  ~NameServer();
  // Nobody answers there any more; the port is held, or another test's server might take it.
  void Stop();
  // On the same port, with the same zones.
  void Start();

 private:
  PrivateFolder folder_;
  uint16_t port_ = 0;
  std::unique_ptr<ChildProcess> process_;
  std::vector<int> held_;  // Sockets at the port, while it is stopped.
};

// `zone`'s text, signed with a new key (ECDSA P-256), and the DS record to trust it by. The texts
// are "", and the test has failed, where ldnsutils is missing.
struct SignedZone {
  std::string text;
  std::string anchor;
};
SignedZone SignZone(const std::string& zone, const std::string& text);

}  // namespace crescendo::testing
