// listener.h: HTTP/1.1 over TCP or a socket file, with a bound on everything a client can make it
// hold.
//
// One thread awaits all connections, so a viewer who only watches costs a socket and some KiB. It
// takes and writes; what a request means is its handler's business (site.h).
//
// Limits   connections; the bytes of a request's head and body (431, 413); the time until a request
//          is here, also the next one of an idle connection, and until an answer is taken (closed).
//          A connection too many is told so (503) and closed. A feed ends when its viewer goes, and
//          is given a comment every 15 s, so that one who went without a word is noticed.
// Errors   UNAVAILABLE: the address cannot be listened on.
// Threads  one thread starts and stops it. The handler runs on the listener's thread and must not
//          block.
// See      RFC 9112; the HTML standard's "Server-sent events".
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "scheduler/dashboard/http.h"

namespace crescendo::dashboard {

struct ListenerOptions {
  std::string host;         // "127.0.0.1" or "::1"; "" for a socket file.
  int port = 0;             // 0: any free one.
  std::string socket_path;  // Without a host. Readable by its owner only.
  int max_connections = 256;
  size_t head_bytes = 16 << 10;
  size_t body_bytes = 64 << 10;
  absl::Duration request_limit = absl::Seconds(15);
  absl::Duration answer_limit = absl::Seconds(30);
  absl::Duration heartbeat = absl::Seconds(15);
};

class Listener {
 public:
  using Handler = std::function<void(Request, Responder)>;

  static absl::StatusOr<std::unique_ptr<Listener>> Start(const ListenerOptions& options,
                                                         Handler handler);
  ~Listener();  // Stops.

  // Takes no more connections and closes those there are; returns when the handler has answered
  // everything that it was asked.
  void Stop();

  int port() const;  // 0 for a socket file.
  int open_connections() const;

 private:
  class Impl;
  explicit Listener(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace crescendo::dashboard
