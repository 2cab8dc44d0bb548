// reply_parser.h: a server's bytes, as replies.
//
// Any bytes come out as a Reply (L10): what is no reply has code 0, and after it the parser is
// broken, for nobody knows where the next reply would start. A bare LF ends a line, as CRLF does;
// a line longer than the limit is cut; a reply longer than its limits is no reply.
//
// Units    bytes.
// Threads  one at a time.
// See      RFC 5321 §4.2 (replies), RFC 2034 (enhanced codes in them).
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "scheduler/domain/reply.h"

namespace crescendo::smtp {

struct ReplyLimits {
  size_t line_bytes = 2048;       // Kept of one line; RFC 5321 §4.5.3.1.5 promises 512.
  size_t reply_bytes = 64 << 10;  // Of one reply, as received.
  size_t lines = 256;             // Of one reply.
};

class ReplyParser {
 public:
  explicit ReplyParser(ReplyLimits limits = {}) : limits_(limits) {}

  // Adds what was received. The caller drains Next() after it, so what is kept stays below
  // reply_bytes plus one read.
  void Feed(absl::string_view bytes);

  // The next whole reply (its stage is not set), or nothing yet.
  std::optional<Reply> Next();

  // True if bytes were received that Next() has not given out as a reply.
  bool has_pending() const { return read_ < buffer_.size() || !lines_.empty(); }

 private:
  Reply Garbage(absl::string_view bytes);
  // Takes one line without its end. True if it was the last of its reply, or no reply line.
  bool TakeLine(absl::string_view line);
  Reply TakeReply();

  const ReplyLimits limits_;
  std::string buffer_;
  size_t read_ = 0;      // Start of the line that is not parsed yet.
  size_t searched_ = 0;  // No LF before this position, at or after read_.
  bool broken_ = false;
  // The reply under way.
  int code_ = 0;
  size_t reply_bytes_ = 0;
  std::vector<std::string> lines_;
};

// Splits "4.7.1 text" into code and text. Absent unless `text` starts with a whole enhanced code.
EnhancedStatus ParseEnhancedStatus(absl::string_view text, absl::string_view* rest);

}  // namespace crescendo::smtp
