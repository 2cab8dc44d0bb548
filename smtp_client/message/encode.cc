#include "smtp_client/message/encode.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "smtp_client/wire/utf8.h"

namespace crescendo::smtp {
namespace {

constexpr size_t kLine = 78;          // RFC 5322 §2.1.1: should.
constexpr size_t kLongestWord = 900;  // Beyond it no fold saves the limit of 998: encode.
constexpr size_t kQpLine = 76;
// "=?UTF-8?B?" and "?=" leave 63 of 75 bytes, which is 45 bytes before base64.
constexpr size_t kBytesPerEncodedWord = 45;

// A word here has the spaces before it: what Folded() cannot break.
bool HasLongWord(absl::string_view text) {
  size_t length = 0;
  char before = ' ';
  for (const char c : text) {
    length = c == ' ' && before != ' ' ? 1 : length + 1;
    if (length > kLongestWord) return true;
    before = c;
  }
  return false;
}

bool NeedsEncodedWords(absl::string_view text) {
  return !IsAscii(text) || absl::StrContains(text, "=?") || HasLongWord(text);
}

// REQUIRES: `text` is UTF-8. The words are parted by a fold, which readers take out again.
std::string EncodedWords(absl::string_view text) {
  std::string out;
  while (!text.empty()) {
    size_t length = 0;
    while (length < text.size()) {
      const size_t next = std::max<size_t>(1, Utf8CharLength(text, length));
      if (length + next > kBytesPerEncodedWord) break;
      length += next;
    }
    absl::StrAppend(&out, out.empty() ? "" : "\r\n ", "=?UTF-8?B?",
                    absl::Base64Escape(text.substr(0, length)), "?=");
    text.remove_prefix(length);
  }
  return out;
}

// Breaks before single spaces where the line would pass kLine. `column`: bytes already on the line.
std::string Folded(absl::string_view text, size_t column) {
  std::string out;
  while (!text.empty()) {
    // A word goes with the spaces before it, so that no line is all space.
    const size_t word = std::min(text.find_first_not_of(' '), text.size());
    const size_t end = std::min(text.find(' ', word), text.size());
    if (word > 0 && !out.empty() && column + end > kLine) {
      out += "\r\n";
      column = 0;
    }
    out.append(text.data(), end);
    column += end;
    text.remove_prefix(end);
  }
  return out;
}

void AppendHex(unsigned char byte, std::string* out) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  *out += '=';
  *out += kDigits[byte >> 4];
  *out += kDigits[byte & 15];
}

// One line without its CRLF.
void AppendQuotedLine(absl::string_view line, std::string* out) {
  size_t column = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    const unsigned char c = line[i];
    const bool last = i + 1 == line.size();
    const bool blank = c == ' ' || c == '\t';
    const bool plain = (absl::ascii_isgraph(c) && c != '=') || (blank && !last);
    const size_t width = plain ? 1 : 3;
    if (column + width > kQpLine - (last ? 0 : 1)) {
      *out += "=\r\n";
      column = 0;
    }
    if (plain) {
      *out += static_cast<char>(c);
    } else {
      AppendHex(c, out);
    }
    column += width;
  }
}

}  // namespace

std::string HeaderField(absl::string_view name, absl::string_view text) {
  const std::string clean = CleanText(text);
  const absl::string_view value = absl::StripAsciiWhitespace(clean);
  if (!NeedsEncodedWords(value)) {
    return absl::StrCat(name, ": ", Folded(value, name.size() + 2), "\r\n");
  }
  // On a line of its own each word has room, whatever the field is called.
  return absl::StrCat(name, ":\r\n ", EncodedWords(value), "\r\n");
}

std::string Phrase(absl::string_view name) {
  const std::string clean = CleanText(name);
  const absl::string_view value = absl::StripAsciiWhitespace(clean);
  if (value.empty()) return "";
  // A quoted string is not folded here, so a long one goes as encoded words, which are.
  if (value.size() > kLine || NeedsEncodedWords(value)) return EncodedWords(value);
  return absl::StrCat("\"", absl::StrReplaceAll(value, {{"\\", "\\\\"}, {"\"", "\\\""}}), "\"");
}

std::string WithCrLf(absl::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 32 + 2);
  while (!text.empty()) {
    const size_t lf = text.find('\n');
    absl::string_view line = text.substr(0, lf);
    text.remove_prefix(lf == absl::string_view::npos ? text.size() : lf + 1);
    if (lf != absl::string_view::npos && absl::EndsWith(line, "\r")) line.remove_suffix(1);
    for (size_t cr; (cr = line.find('\r')) != absl::string_view::npos;) {
      absl::StrAppend(&out, line.substr(0, cr), "\r\n");
      line.remove_prefix(cr + 1);
    }
    absl::StrAppend(&out, line, lf == absl::string_view::npos ? "" : "\r\n");
  }
  return out;
}

std::string QuotedPrintable(absl::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 4);
  while (!text.empty()) {
    const size_t end = text.find("\r\n");
    AppendQuotedLine(text.substr(0, end), &out);
    if (end == absl::string_view::npos) break;
    out += "\r\n";
    text.remove_prefix(end + 2);
  }
  return out;
}

}  // namespace crescendo::smtp
