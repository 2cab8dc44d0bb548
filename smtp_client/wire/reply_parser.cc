#include "smtp_client/wire/reply_parser.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"
#include "smtp_client/wire/utf8.h"

namespace crescendo::smtp {
namespace {

constexpr size_t kGarbageShown = 200;  // Enough for a person to see what talked to us.

// The code of "250", "250 text" or "250-text"; 0 if `line` is none of them.
int LineCode(absl::string_view line) {
  if (line.size() < 3) return 0;
  if (!std::all_of(line.begin(), line.begin() + 3, absl::ascii_isdigit)) return 0;
  if (line.size() > 3 && line[3] != ' ' && line[3] != '-') return 0;
  const int code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
  return code >= 200 && code <= 599 ? code : 0;
}

// One to three digits at the front of `text`, which moves past them. -1 if there are none.
int TakeNumber(absl::string_view* text) {
  size_t digits = 0;
  int value = 0;
  while (digits < text->size() && digits < 3 && absl::ascii_isdigit((*text)[digits])) {
    value = value * 10 + ((*text)[digits] - '0');
    ++digits;
  }
  text->remove_prefix(digits);
  return digits > 0 ? value : -1;
}

// Sets the enhanced code that every line having one agrees on, and takes it off the lines. Lines
// that disagree keep theirs, so that nothing the server said is lost.
void LiftEnhancedStatus(Reply* reply) {
  EnhancedStatus agreed;
  absl::string_view rest;
  for (const std::string& line : reply->lines) {
    const EnhancedStatus status = ParseEnhancedStatus(line, &rest);
    if (!status.present() || status == agreed) continue;
    if (agreed.present()) return;
    agreed = status;
  }
  if (!agreed.present()) return;
  reply->enhanced = agreed;
  for (std::string& line : reply->lines) {
    if (ParseEnhancedStatus(line, &rest).present()) line.erase(0, line.size() - rest.size());
  }
}

}  // namespace

EnhancedStatus ParseEnhancedStatus(absl::string_view text, absl::string_view* rest) {
  const absl::string_view whole = text;
  *rest = whole;
  if (text.size() < 5 || text[1] != '.') return {};
  if (text[0] != '2' && text[0] != '4' && text[0] != '5') return {};
  EnhancedStatus status;
  status.klass = text[0] - '0';
  text.remove_prefix(2);
  status.subject = TakeNumber(&text);
  if (status.subject < 0 || !absl::ConsumePrefix(&text, ".")) return {};
  status.detail = TakeNumber(&text);
  if (status.detail < 0 || (!text.empty() && text[0] != ' ')) return {};
  absl::ConsumePrefix(&text, " ");
  *rest = text;
  return status;
}

void ReplyParser::Feed(absl::string_view bytes) {
  if (broken_) return;
  if (read_ == buffer_.size()) {
    buffer_.clear();
    read_ = searched_ = 0;
  }
  buffer_.append(bytes.data(), bytes.size());
}

std::optional<Reply> ReplyParser::Next() {
  while (!broken_) {
    const size_t end = buffer_.find('\n', searched_);
    if (end == std::string::npos) {
      searched_ = buffer_.size();
      if (reply_bytes_ + buffer_.size() - read_ <= limits_.reply_bytes) return std::nullopt;
      return Garbage(absl::string_view(buffer_).substr(read_));
    }
    absl::string_view line = absl::string_view(buffer_).substr(read_, end - read_);
    reply_bytes_ += line.size() + 1;
    read_ = searched_ = end + 1;
    while (absl::ConsumeSuffix(&line, "\r")) {
    }
    if (LineCode(line) == 0 || (code_ != 0 && LineCode(line) != code_) ||
        reply_bytes_ > limits_.reply_bytes || lines_.size() >= limits_.lines) {
      return Garbage(line);
    }
    if (TakeLine(line)) return TakeReply();
  }
  return std::nullopt;
}

bool ReplyParser::TakeLine(absl::string_view line) {
  code_ = LineCode(line);
  const bool last = line.size() == 3 || line[3] == ' ';
  line.remove_prefix(std::min<size_t>(line.size(), 4));
  lines_.push_back(CleanText(line.substr(0, limits_.line_bytes)));
  return last;
}

Reply ReplyParser::TakeReply() {
  Reply reply;
  reply.code = std::exchange(code_, 0);
  reply.lines = std::exchange(lines_, {});
  reply_bytes_ = 0;
  LiftEnhancedStatus(&reply);
  return reply;
}

Reply ReplyParser::Garbage(absl::string_view bytes) {
  Reply reply;
  reply.lines.push_back(CleanText(bytes.substr(0, kGarbageShown)));
  broken_ = true;
  buffer_.clear();
  lines_.clear();
  read_ = searched_ = 0;
  return reply;
}

}  // namespace crescendo::smtp
