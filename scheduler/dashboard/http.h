// http.h: requests to the listener and answers to them, as values.
//
// Threads  a Responder may be called from any thread; the rest are values.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"

namespace crescendo::dashboard {

// Pieces for one viewer, written as he takes them: whoever makes them is asked for the next one
// only when the last has left, so a slow viewer costs one piece of memory.
class Feed {
 public:
  virtual ~Feed() = default;
  // Before the first Take. `wake` is called, from any thread, whenever there may be more to take;
  // it only posts, and is not called any more when Close has returned.
  virtual void Open(std::function<void()> wake) = 0;
  // What to write next. "": nothing now. None: that was the end.
  virtual std::optional<std::string> Take() = 0;
  // The viewer has gone. Once.
  virtual void Close() = 0;
};

struct Request {
  std::string method;  // "GET"
  std::string path;    // "/api/v1/plans": what is before the ?, as it was sent.
  std::string query;   // What is behind the ?.
  std::map<std::string, std::string> headers;  // Names in lower case; of one sent twice the last.
  std::string body;

  // "" if it was not sent.
  std::string Header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};

struct Response {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  // Beside those that every answer has.
  std::shared_ptr<Feed> feed;                                // Instead of `body`.
};

// Answers one request once. Dropped unanswered, it answers 503.
class Responder {
 public:
  explicit Responder(absl::AnyInvocable<void(Response)> send) : send_(std::move(send)) {}
  Responder(Responder&& other) noexcept : send_(std::exchange(other.send_, nullptr)) {}
  Responder& operator=(Responder&&) = delete;
  ~Responder() {
    if (send_) Send({.status = 503, .body = "the daemon is stopping\n"});
  }
  void Send(Response response) { std::exchange(send_, nullptr)(std::move(response)); }

 private:
  absl::AnyInvocable<void(Response)> send_;
};

}  // namespace crescendo::dashboard
