#include "smtp_client/session/transcript.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace crescendo::smtp {

void Transcript::Sent(absl::string_view lines) {
  for (const absl::string_view line : absl::StrSplit(lines, "\r\n", absl::SkipEmpty())) {
    Append("> ", line);
  }
}

void Transcript::Received(const Reply& reply) {
  Append("< ", reply.code == 0 ? absl::StrCat("(no SMTP) ", reply.ToString()) : reply.ToString());
}

void Transcript::Note(absl::string_view text) { Append("* ", text); }

void Transcript::Append(absl::string_view mark, absl::string_view line) {
  if (full_) return;
  full_ = text_.size() + mark.size() + line.size() + 1 > max_bytes_;
  if (full_) {
    text_ += "...\n";
    return;
  }
  absl::StrAppend(&text_, mark, line, "\n");
}

}  // namespace crescendo::smtp
