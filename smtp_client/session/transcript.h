// transcript.h: a dialogue as people read it, of bounded size.
//
//   * mx1.example [192.0.2.25]:25 from 198.51.100.7
//   > MAIL FROM:<a@example.com>
//   < 250 2.1.0 Ok
//
// Bodies are not kept, only how long they were; and of a return path that carries its delivery
// (message/verp.h) not the digits that prove it, for whoever has them can make up a bounce.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "scheduler/domain/reply.h"
#include "smtp_client/session/session_observer.h"

namespace crescendo::smtp {

class Transcript {
 public:
  // `observer`, which may be null and outlives it, is told everything, also what is not kept.
  explicit Transcript(size_t max_bytes, SessionObserver* observer = nullptr)
      : max_bytes_(max_bytes), observer_(observer) {}

  // `lines` end in CRLF each.
  void Sent(absl::string_view lines);
  // `how`: "then a dot".
  void Body(size_t bytes, absl::string_view how);
  void Received(const Reply& reply);
  void Note(absl::string_view text);

  const std::string& text() const { return text_; }
  // Gives the text away and starts anew.
  std::string Take() {
    full_ = false;
    return std::exchange(text_, {});
  }

 private:
  void Append(absl::string_view mark, absl::string_view line);

  const size_t max_bytes_;
  SessionObserver* const observer_;
  bool full_ = false;
  std::string text_;
};

}  // namespace crescendo::smtp
