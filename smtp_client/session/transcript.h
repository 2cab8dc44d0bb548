// transcript.h: a dialogue as people read it, of bounded size.
//
//   * mx1.example [192.0.2.25]:25 from 198.51.100.7
//   > MAIL FROM:<a@example.com>
//   < 250 2.1.0 Ok
//
// Bodies are not kept, only how long they were.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "scheduler/domain/reply.h"

namespace crescendo::smtp {

class Transcript {
 public:
  explicit Transcript(size_t max_bytes) : max_bytes_(max_bytes) {}

  // `lines` end in CRLF each.
  void Sent(absl::string_view lines);
  void Received(const Reply& reply);
  void Note(absl::string_view text);

  const std::string& text() const { return text_; }
  // Gives the text away and starts anew.
  std::string Take() {
    full_ = false;
    return std::exchange(text_, {});
  }

 private:
  // One line of the text, unless it is full: then "..." once.
  void Append(absl::string_view mark, absl::string_view line);

  const size_t max_bytes_;
  bool full_ = false;
  std::string text_;
};

}  // namespace crescendo::smtp
