// reply_text.h: what the words of a reply say, before any rule looks at them.
//
// Errors   none: any bytes give an answer.
// Threads  immutable after construction: safe from any thread.
#pragma once

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "scheduler/domain/reply.h"

namespace crescendo::core {

// Longer texts are cut: nobody explains a refusal in more, and a hostile server must not cost us.
inline constexpr size_t kMaxReplyTextBytes = 4096;
// Longer waits are cut: a server may ask for patience, not for a year.
inline constexpr absl::Duration kMaxNamedWait = absl::Hours(24);

class ReplyText {
 public:
  ReplyText();
  ~ReplyText();

  // The text rules are matched against: lines joined by one space, ASCII letters in lower case,
  // runs of blanks and controls as one blank, typographic quotes as plain ones, mail addresses as
  // <addr> and IPv4 addresses as <ip>, so that no rule trips over the name or number of one sender.
  std::string Normalise(const Reply& reply) const;
  // The wait `normalised` asks for ("try again in 15 minutes", "come back in 00:04:59"), at most
  // kMaxNamedWait; zero if it names none.
  absl::Duration NamedWait(absl::string_view normalised) const;
  // The address the server says the recipient has moved to ("please try <new@example.org>"); "" if
  // it names none.
  std::string ForwardAddress(const Reply& reply) const;

 private:
  struct Patterns;
  std::unique_ptr<const Patterns> patterns_;
};

}  // namespace crescendo::core
