#include "smtp_client/dkim/canonical.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace crescendo::smtp::dkim {
namespace {

constexpr size_t kNone = absl::string_view::npos;
// A line is looked at in pieces of so many bytes, so that one without end is not read twice.
constexpr size_t kWindow = 512;

bool IsBlank(char c) { return c == ' ' || c == '\t'; }

// No tab, no two spaces side by side, no blank at the end. Without a branch inside: vector code.
bool IsPlain(absl::string_view line) {
  if (line.empty()) return true;
  unsigned bad = 0;
  for (size_t i = 0; i + 1 < line.size(); ++i) {
    const unsigned tab = line[i] == '\t', space = line[i] == ' ';
    bad |= tab | (space & static_cast<unsigned>(IsBlank(line[i + 1])));
  }
  return bad == 0 && !IsBlank(line.back());
}

// How much of `line` is plain; it ends behind a byte that is no blank.
size_t PlainPrefix(absl::string_view line) {
  if (IsPlain(line)) return line.size();
  size_t at = 0;
  while (!IsBlank(line[at]) ||
         (line[at] == ' ' && at + 1 < line.size() && !IsBlank(line[at + 1]))) {
    ++at;
  }
  return at;
}

// How much of `text` is its own relaxed form, over as many lines as that holds for.
// REQUIRES: it starts with neither a blank nor a CR; so the answer is not 0.
size_t PlainRun(absl::string_view text) {
  size_t plain = 0;
  for (size_t at = 0;;) {
    const absl::string_view window = text.substr(at, kWindow);
    const size_t cr = window.find('\r');
    const absl::string_view line = window.substr(0, cr);
    const size_t length = PlainPrefix(line);
    if (length > 0) plain = at + length;
    if (length < line.size() || cr == kNone || text.substr(at + cr, 2) != "\r\n") return plain;
    at += cr + 2;
  }
}

}  // namespace

void AppendRelaxedField(absl::string_view field, std::string* out) {
  const size_t colon = std::min(field.find(':'), field.size());
  absl::string_view name = field.substr(0, colon);
  while (!name.empty() && IsBlank(name.back())) name.remove_suffix(1);
  for (const char c : name) *out += absl::ascii_tolower(static_cast<unsigned char>(c));
  *out += ':';
  bool space = false, started = false;
  for (const char c : field.substr(std::min(colon + 1, field.size()))) {
    if (c == '\r' || c == '\n') continue;  // A fold; the blank behind it stays.
    if (IsBlank(c)) {
      space = true;
      continue;
    }
    if (space && started) *out += ' ';
    space = false;
    started = true;
    *out += c;
  }
  *out += "\r\n";
}

void RelaxedBody::Emit(absl::string_view text, Out out) {
  constexpr absl::string_view kLineEnds = "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n";
  while (line_ends_ > 0) {
    const int64_t some = std::min<int64_t>(line_ends_, kLineEnds.size() / 2);
    out(kLineEnds.substr(0, 2 * some));
    line_ends_ -= some;
  }
  if (space_) out(" ");
  space_ = false;
  empty_ = false;
  out(text);
}

void RelaxedBody::Update(absl::string_view piece, Out out) {
  while (!piece.empty()) {
    const char c = piece.front();
    if (cr_) {
      cr_ = false;
      if (c == '\n') {
        space_ = false;
        ++line_ends_;
        piece.remove_prefix(1);
      } else {
        Emit("\r", out);
      }
    } else if (c == '\r') {
      cr_ = true;
      piece.remove_prefix(1);
    } else if (IsBlank(c)) {
      space_ = true;
      piece.remove_prefix(1);
    } else {
      const size_t length = PlainRun(piece);
      Emit(piece.substr(0, length), out);
      piece.remove_prefix(length);
    }
  }
}

void RelaxedBody::Finish(Out out) {
  if (cr_) Emit("\r", out);
  cr_ = false;
  if (!empty_) out("\r\n");
}

}  // namespace crescendo::smtp::dkim
