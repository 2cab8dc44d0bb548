// failure.h: how a command fails: one line for people, one exit code for scripts.
//
// A command returns an absl::Status. What the server said keeps its code; a mistake of the command
// line, or of a file it names, is a UsageError; an interrupted command returns CANCELLED.
//
// Threads  pure functions.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "grpcpp/support/status.h"

namespace crescendo::cli {

// Documented in --help; scripts rely on them.
enum class ExitCode : int {
  kOk = 0,
  kRefused = 1,       // The server said no, or what was asked for failed.
  kUsage = 2,         // The command line, or a file it names.
  kUnreachable = 3,   // No daemon, no answer in time, or it is starting or stopping.
  kInterrupted = 130  // Ctrl-C.
};

// INVALID_ARGUMENT that is ours, not the server's.
absl::Status UsageError(absl::string_view message);
bool IsUsageError(const absl::Status& status);

// What was asked for was done, and its outcome is no: the message says all. kRefused.
absl::Status OutcomeIsNo(absl::string_view message);

// OK stays OK.
absl::Status FromGrpc(const grpc::Status& status);

ExitCode ExitCodeOf(const absl::Status& status);

// One line, without the program's name: what failed, and where it is known what to do. `server` is
// the address that was called; `timeout` the deadline as people write it.
std::string Explain(const absl::Status& status, absl::string_view server,
                    absl::string_view timeout);

// Worth another try with the same request: a cut, a restart, a queue that is full.
bool IsTransient(const absl::Status& status);

}  // namespace crescendo::cli
