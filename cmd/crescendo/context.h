// context.h: what every command is given.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "cmd/crescendo/client.h"
#include "cmd/crescendo/streams.h"
#include "scheduler/base/clock.h"
#include "scheduler/service/json.h"

namespace crescendo::cli {

using service::JsonLine;

// Options that every command takes.
struct GlobalOptions {
  std::string server;
  absl::Duration timeout = absl::Seconds(10);
  std::string actor;
  bool json = false;
  // Streams come back after a cut: the first pause, doubled up to the last; given up when nothing
  // was heard for `retry_limit`.
  absl::Duration first_retry = absl::Milliseconds(250);
  absl::Duration last_retry = absl::Seconds(5);
  absl::Duration retry_limit = absl::Minutes(2);
};

// A command is a function of these and of its own options.
struct Context {
  const GlobalOptions& options;
  Client& client;
  Streams& streams;
  const base::Clock&
      clock;  // For how long something took; never for what time it is at the daemon.
};

// Prints a message for programs, or has `print` print it for people. False when nobody reads on.
template <typename Message, typename Print>
bool Emit(Context& context, const Message& message, Print print) {
  if (context.options.json) {
    context.streams.out << JsonLine(message) << "\n";
  } else {
    print(message);
  }
  return context.streams.out.good();
}

// A line of talk for people; programs do not want it.
inline void Hint(Context& context, absl::string_view text) {
  if (!context.options.json && context.streams.err_is_terminal) context.streams.err << text << "\n";
}

}  // namespace crescendo::cli
