#include "scheduler/core/reply_text.h"

#include <re2/re2.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"

namespace crescendo::core {
namespace {

re2::StringPiece Piece(absl::string_view text) { return {text.data(), text.size()}; }

// Length of the UTF-8 sequence at the start of `text`; 0 if there is no valid one.
size_t Utf8Length(absl::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const size_t length = byte(0) < 0x80   ? 1
                        : byte(0) < 0xc2 ? 0
                        : byte(0) < 0xe0 ? 2
                        : byte(0) < 0xf0 ? 3
                        : byte(0) < 0xf5 ? 4
                                         : 0;
  if (length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

// Lower case, single blanks, plain quotes. Bytes that are not UTF-8 become "?".
std::string Flatten(absl::string_view text) {
  std::string flat;
  flat.reserve(text.size());
  const auto blank = [&] {
    if (!flat.empty() && flat.back() != ' ') flat.push_back(' ');
  };
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    const absl::string_view letter = text.substr(0, std::max<size_t>(length, 1));
    const unsigned char first = static_cast<unsigned char>(letter[0]);
    text.remove_prefix(letter.size());
    if (length == 0) {
      flat.push_back('?');
    } else if (length == 1) {
      if (first <= ' ' || first == 0x7f)
        blank();
      else
        flat.push_back(absl::ascii_tolower(first));
    } else if (letter == "\u00a0" || letter == "\u200b" || letter == "\u202f") {
      blank();
    } else if (letter == "\u2018" || letter == "\u2019" || letter == "\u00b4") {
      flat.push_back('\'');
    } else if (letter == "\u201c" || letter == "\u201d") {
      flat.push_back('"');
    } else {
      flat.append(letter.data(), letter.size());
    }
  }
  if (!flat.empty() && flat.back() == ' ') flat.pop_back();
  return flat;
}

absl::Duration Unit(absl::string_view unit) {
  switch (unit.front()) {
    case 's':
      return absl::Seconds(1);
    case 'm':
      return absl::Minutes(1);
    case 'h':
      return absl::Hours(1);
    default:
      return absl::Hours(24);
  }
}

}  // namespace

struct ReplyText::Patterns {
  RE2 address{R"([a-z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-z0-9*.\[\]-]*[a-z0-9*\]])"};
  RE2 ip{R"(\b\d{1,3}(?:\.\d{1,3}){3}\b)"};
  // A number is a wait only after a word that asks for one: "500 messages in 24 hours" is a limit.
  RE2 wait{
      R"(\b(?:again|retry(?:ing)?|come back|wait|delay(?:ed)?|blocked|deferred|gr[ae]ylist\w*|)"
      R"(suspended|resend|reconnect)\b[^0-9.]{0,24}\b(\d{1,7}) ?)"
      R"((s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)\b)"};
  RE2 wait_clock{R"(\b(?:again|back|wait|retry)\b[^0-9.]{0,24}\b(\d{1,3}):(\d\d):(\d\d)\b)"};
  // A cue is needed: the only address in the text may be the old one.
  RE2 forward{
      R"((?i)\b(?:try|use|forward(?:ed|ing)?|moved|now at|new (?:e-?mail )?address|redirect(?:ed)?))"
      R"(\b[^<>@]{0,40}?[\s<:]([^\s<>@:]{1,64}@[a-z0-9.-]{1,253}[a-z0-9]))"};
};

ReplyText::ReplyText() : patterns_(std::make_unique<const Patterns>()) {}
ReplyText::~ReplyText() = default;

std::string ReplyText::Normalise(const Reply& reply) const {
  std::string joined = reply.JoinedText();
  if (joined.size() > kMaxReplyTextBytes) joined.resize(kMaxReplyTextBytes);
  std::string text = Flatten(joined);
  if (absl::StrContains(text, "@")) RE2::GlobalReplace(&text, patterns_->address, "<addr>");
  RE2::GlobalReplace(&text, patterns_->ip, "<ip>");
  return text;
}

absl::Duration ReplyText::NamedWait(absl::string_view normalised) const {
  re2::StringPiece unit;
  int64_t number = 0;
  int hours = 0, minutes = 0, seconds = 0;
  absl::Duration wait;
  if (RE2::PartialMatch(Piece(normalised), patterns_->wait, &number, &unit)) {
    wait = number * Unit(absl::string_view(unit.data(), unit.size()));
  } else if (RE2::PartialMatch(Piece(normalised), patterns_->wait_clock, &hours, &minutes,
                               &seconds)) {
    wait = absl::Hours(hours) + absl::Minutes(minutes) + absl::Seconds(seconds);
  }
  return std::min(wait, kMaxNamedWait);
}

std::string ReplyText::ForwardAddress(const Reply& reply) const {
  std::string joined = reply.JoinedText();
  if (joined.size() > kMaxReplyTextBytes) joined.resize(kMaxReplyTextBytes);
  std::string address;
  RE2::PartialMatch(joined, patterns_->forward, &address);
  return address;
}

}  // namespace crescendo::core
