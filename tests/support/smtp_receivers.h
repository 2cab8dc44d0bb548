// smtp_receivers.h: Postfix's smtp-sink, as a child process on a free port of 127.0.0.1.
//
// Where it is missing the test fails and says how to get it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace crescendo::testing {

// A program whose output is read line by line; it is killed when this goes.
class ChildProcess {
 public:
  ChildProcess() = default;
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // False if it cannot be started. `environment`: "NAME=value", added to ours.
  bool Start(const std::vector<std::string>& arguments,
             const std::vector<std::string>& environment);
  // The next line it printed. "" if it ended or says nothing for 20 s.
  std::string ReadLine();
  // Closes its standard input and waits until it has closed its output, for 20 s of silence at
  // most.
  void Finish();
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  int input_ = -1;   // Its standard input: closing it asks some children to end.
  int output_ = -1;  // Its standard output.
  std::string read_;
};

// Postfix's smtp-sink. `arguments`: "-q", "MAIL" … See smtp-sink(1).
class SmtpSink {
 public:
  explicit SmtpSink(const std::vector<std::string>& arguments);
  uint16_t port() const { return port_; }  // 0, and the test has failed, if it did not start.

 private:
  ChildProcess process_;
  uint16_t port_ = 0;
};

}  // namespace crescendo::testing
