#include "smtp_client/dkim/canonical.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace crescendo::smtp::dkim {
namespace {

constexpr size_t kNone = absl::string_view::npos;
// A line is looked at in pieces of so many bytes, so that one without end is not read twice.
constexpr size_t kWindow = 1024;

bool IsBlank(char c) { return c == ' ' || c == '\t'; }

// No tab, no two spaces side by side, no blank at the end. Without a branch inside: vector code.
bool IsPlain(absl::string_view line) {
  if (line.empty()) return true;
  uint8_t bad = 0;
  for (size_t i = 0; i + 1 < line.size(); ++i) {
    const uint8_t tab = line[i] == '\t', space = line[i] == ' ', blank = IsBlank(line[i + 1]);
    bad |= static_cast<uint8_t>(tab | (space & blank));
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

// No tab, no blank before another or before a line end, no CR or LF alone. Every body passes here
// whole, so it is made for wide vectors, too, where the processor has them. (The choice is made
// before the thread sanitizer has started, which would watch it.)
#if defined(__x86_64__) && !__has_feature(thread_sanitizer)
__attribute__((target_clones("avx2", "default")))
#endif
bool IsPlainAcrossLines(absl::string_view text) {
  uint8_t bad = 0;
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    const char c = text[i], next = text[i + 1];
    const uint8_t tab = c == '\t', space = c == ' ', cr = c == '\r', lf = next == '\n';
    const uint8_t gap = static_cast<uint8_t>(next == ' ') | static_cast<uint8_t>(next == '\t') |
                        static_cast<uint8_t>(next == '\r');
    bad |= static_cast<uint8_t>(tab | (space & gap) | (cr ^ lf));
  }
  return bad == 0;
}

// How much of `text` is its own relaxed form, over as many lines as that holds for; it ends behind
// a byte of text, so that blanks and line ends at its end are for the caller to judge. REQUIRES: it
// starts with neither a blank nor a CR; so the answer is not 0.
size_t PlainRun(absl::string_view text) {
  // Windows share a byte, so that every pair is looked at.
  size_t plain = 0;
  while (plain + 1 < text.size() && IsPlainAcrossLines(text.substr(plain, kWindow))) {
    plain = std::min(plain + kWindow, text.size()) - 1;
  }
  while (plain > 0 && (IsBlank(text[plain]) || text[plain] == '\r' || text[plain] == '\n')) --plain;
  for (size_t at = plain++;;) {
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
  const size_t start = out->size();
  out->resize(start + field.size() + 3);  // It only becomes shorter, but for a colon and the CRLF.
  char* to = out->data() + start;
  for (const char c : name) *to++ = absl::ascii_tolower(static_cast<unsigned char>(c));
  *to++ = ':';
  const char* const value = to;
  bool space = false;
  absl::string_view rest = field.substr(std::min(colon + 1, field.size()));
  while (!rest.empty()) {
    const char c = rest.front();
    if (IsBlank(c) || c == '\r' || c == '\n') {  // Of a fold the blank behind it stays.
      space |= IsBlank(c);
      rest.remove_prefix(1);
      continue;
    }
    const absl::string_view line = rest.substr(0, rest.find('\r'));
    const absl::string_view plain = line.substr(0, PlainPrefix(line.substr(0, line.find('\n'))));
    if (space && to != value) *to++ = ' ';
    space = false;
    to = std::copy(plain.begin(), plain.end(), to);
    rest.remove_prefix(plain.size());
  }
  *to++ = '\r';
  *to++ = '\n';
  out->resize(to - out->data());
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
