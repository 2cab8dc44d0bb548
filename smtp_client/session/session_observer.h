// session_observer.h: a dialogue as it happens, for somebody who watches (a probe, a trace).
//
// It is told after the dialogue has taken note and before it reacts; it must not block, nor call
// the dialogue. Lines are what a transcript shows: no body, and return paths without their key.
//
// Threads  the dialogue's.
#pragma once

#include <cstddef>

#include "absl/strings/string_view.h"
#include "scheduler/domain/reply.h"

namespace crescendo::smtp {

class SessionObserver {
 public:
  virtual ~SessionObserver() = default;
  virtual void OnConnected() = 0;
  virtual void OnSent(absl::string_view line) = 0;  // Without its CRLF.
  virtual void OnBody(size_t bytes) = 0;            // A message left, or begins to.
  virtual void OnReply(const Reply& reply) = 0;     // With its stage.
  virtual void OnNote(absl::string_view text) = 0;  // Whatever else a transcript tells.
};

}  // namespace crescendo::smtp
