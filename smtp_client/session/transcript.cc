#include "smtp_client/session/transcript.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace crescendo::smtp {
namespace {

constexpr size_t kProofDigits = 16;  // message/verp.h

// "MAIL FROM:<bounce+7-9f86d081884c7d65@shop.example>" without the digits of the proof.
std::string WithoutProof(absl::string_view line) {
  const size_t at = line.rfind('@');
  if (at == absl::string_view::npos || at < kProofDigits + 1) return std::string(line);
  const absl::string_view digits = line.substr(at - kProofDigits, kProofDigits);
  const bool proof = line[at - kProofDigits - 1] == '-' &&
                     std::all_of(digits.begin(), digits.end(), absl::ascii_isxdigit);
  if (!proof) return std::string(line);
  return absl::StrCat(line.substr(0, at - kProofDigits), "...", line.substr(at));
}

}  // namespace

void Transcript::Sent(absl::string_view lines) {
  for (absl::string_view line : absl::StrSplit(lines, "\r\n", absl::SkipEmpty())) {
    std::string cut;
    if (absl::StartsWith(line, "MAIL ") && absl::StrContains(line, '+')) {
      line = cut = WithoutProof(line);
    }
    Append("> ", line);
    if (observer_ != nullptr) observer_->OnSent(line);
  }
}

void Transcript::Body(size_t bytes, absl::string_view how) {
  Append("* ", absl::StrCat("message of ", bytes, " bytes, ", how));
  if (observer_ != nullptr) observer_->OnBody(bytes);
}

void Transcript::Received(const Reply& reply) {
  if (reply.code == 0) {
    Append("< (no SMTP) ", reply.JoinedText());
  } else if (reply.lines.size() < 2) {
    Append("< ", reply.ToString());
  } else {
    for (const std::string& line : reply.WireLines()) Append("< ", line);
  }
  if (observer_ != nullptr) observer_->OnReply(reply);
}

void Transcript::Note(absl::string_view text) {
  Append("* ", text);
  if (observer_ != nullptr) observer_->OnNote(text);
}

// One line of the text, unless it is full: then "..." once.
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
