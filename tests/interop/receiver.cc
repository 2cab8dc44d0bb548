#include "tests/interop/receiver.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace crescendo::testing {
namespace {

std::vector<std::string> Command(const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {"/usr/bin/env", "python3", "-B",
                                      CRESCENDO_SOURCE_DIR "/tests/interop/receiver.py"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

// JSON has no bytes: they come as characters of latin-1, which the parser gives as UTF-8.
std::string FromLatin1(const std::string& utf8) {
  std::string bytes;
  for (size_t i = 0; i < utf8.size(); ++i) {
    const unsigned char byte = utf8[i];
    if (byte < 0x80) {
      bytes += utf8[i];
    } else {
      bytes += static_cast<char>((byte & 0x03) << 6 | (utf8[++i] & 0x3F));
    }
  }
  return bytes;
}

}  // namespace

Certificates::Certificates() {
  ChildProcess process;
  EXPECT_TRUE(process.Start(Command({"certificates", folder_.path()}), {}));
  EXPECT_EQ(process.ReadLine(), "") << "until it has ended";
}

Receiver::Receiver(const std::string& name, const Certificates& certificates,
                   const std::vector<std::string>& options) {
  std::vector<std::string> arguments = {name, folder_.path(), "--certificate",
                                        certificates.folder()};
  arguments.insert(arguments.end(), options.begin(), options.end());
  EXPECT_TRUE(process_.Start(Command(arguments), {}));
}

Receiver::~Receiver() { process_.Finish(); }

void Receiver::AwaitUp() {
  if (up_) return;
  up_ = true;
  const nlohmann::json said = nlohmann::json::parse(process_.ReadLine(), nullptr, false);
  if (!said.is_object()) {
    not_run_ = "it did not come up";
    ADD_FAILURE() << not_run_;
  } else if (said.contains("not_run")) {
    not_run_ = said["not_run"];
  } else {
    port_ = said["port"];
    version_ = said["version"];
    for (const std::string keyword : said["offers"]) {
      absl::StrAppend(&offers_, offers_.empty() ? "" : " ", keyword);
    }
  }
}

const std::string& Receiver::not_run() {
  AwaitUp();
  return not_run_;
}

uint16_t Receiver::port() {
  AwaitUp();
  return port_;
}

const std::string& Receiver::version() {
  AwaitUp();
  return version_;
}

const std::string& Receiver::offers() {
  AwaitUp();
  return offers_;
}

std::optional<std::string> Receiver::NextMessage() {
  AwaitUp();
  const nlohmann::json said = nlohmann::json::parse(process_.ReadLine(), nullptr, false);
  if (!said.is_object()) return std::nullopt;
  return FromLatin1(said["data"]);
}

}  // namespace crescendo::testing
