// receiver.h: a whole mail server nobody here wrote, private and on loopback: see receiver.py.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/private_folder.h"
#include "tests/support/smtp_receivers.h"

namespace crescendo::testing {

// ca.pem, and cert.pem and key.pem for mx.test that it signed.
class Certificates {
 public:
  Certificates();
  const std::string& folder() const { return folder_.path(); }
  std::string ca_file() const { return folder_.file("ca.pem"); }

 private:
  support::PrivateFolder folder_;
};

// Starts in the constructor; the first question to it waits until it is up.
class Receiver {
 public:
  // `options`: "--idle", "1" …
  Receiver(const std::string& name, const Certificates& certificates,
           const std::vector<std::string>& options = {});
  ~Receiver();

  // Why it cannot run on this machine; "" if it does. The others need it to.
  const std::string& not_run();
  uint16_t port();
  const std::string& version();  // "Postfix 3.7.11".
  const std::string& offers();   // EHLO keywords, sorted, with spaces between.
  // The next message as delivered; nothing if none comes.
  std::optional<std::string> NextMessage();

 private:
  void AwaitUp();

  support::PrivateFolder folder_;
  ChildProcess process_;
  bool up_ = false;
  std::string not_run_, version_, offers_;
  uint16_t port_ = 0;
};

}  // namespace crescendo::testing
