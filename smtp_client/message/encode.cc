#include "smtp_client/message/encode.h"

#include <algorithm>
#include <cstdint>

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
constexpr size_t kQpLine = 76;        // Base64's too.
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

// "=3D" and its kin at `to`; returns what is behind them.
char* WriteHex(unsigned char byte, char* to) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  *to++ = '=';
  *to++ = kDigits[byte >> 4];
  *to++ = kDigits[byte & 15];
  return to;
}

// How much of `text`, which is UTF-8, goes into the next word in base64: whole characters, and a
// multiple of 3 bytes unless it is all of it. Some readers (GMime's) take the padding of a word for
// the end of the text. 0 if there is no such length.
size_t WordLength(absl::string_view text) {
  if (text.size() <= kBytesPerEncodedWord) return text.size();
  size_t best = 0;
  for (size_t end = 0; end <= kBytesPerEncodedWord;) {
    if (end % 3 == 0) best = end;
    end += std::max<size_t>(1, Utf8CharLength(text, end));
  }
  return best;
}

// REQUIRES: `text` is UTF-8. The words are parted by a fold, which readers take out again.
std::string EncodedWords(absl::string_view text) {
  std::string out;
  while (!text.empty()) {
    size_t length = WordLength(text);
    absl::StrAppend(&out, out.empty() ? "" : "\r\n ");
    if (length > 0) {
      absl::StrAppend(&out, "=?UTF-8?B?", absl::Base64Escape(text.substr(0, length)), "?=");
    } else {
      // One character in Q, which has no padding, brings the others into step.
      length = std::max<size_t>(1, Utf8CharLength(text, 0));
      char quoted[12];
      char* end = quoted;
      for (const char c : text.substr(0, length)) end = WriteHex(c, end);
      absl::StrAppend(&out, "=?UTF-8?Q?", absl::string_view(quoted, end - quoted), "?=");
    }
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

// One line without its CRLF.
char* WriteQuotedLine(absl::string_view line, char* to) {
  size_t column = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    const unsigned char c = line[i];
    const bool last = i + 1 == line.size();
    const bool plain = (c > ' ' && c < 0x7F && c != '=') || ((c == ' ' || c == '\t') && !last);
    const size_t width = plain ? 1 : 3;
    if (column + width > kQpLine - (last ? 0 : 1)) {
      to = std::copy_n("=\r\n", 3, to);
      column = 0;
    }
    if (plain) {
      *to++ = static_cast<char>(c);
    } else {
      to = WriteHex(c, to);
    }
    column += width;
  }
  return to;
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

std::string Angled(absl::string_view value) {
  std::string inner = CleanText(value);
  inner.erase(std::remove_if(inner.begin(), inner.end(),
                             [](char c) { return c == '<' || c == '>' || c == ' '; }),
              inner.end());
  return absl::StrCat("<", inner, ">");
}

std::string MailboxField(absl::string_view field, absl::string_view name,
                         absl::string_view address) {
  const std::string phrase = Phrase(name);
  if (phrase.empty()) return absl::StrCat(field, ": ", Angled(address), "\r\n");
  const std::string line = absl::StrCat(field, ": ", phrase, " ", Angled(address), "\r\n");
  if (line.size() <= kLine + 2) return line;
  return absl::StrCat(field, ":\r\n ", phrase, "\r\n ", Angled(address), "\r\n");
}

bool IsStrictText(absl::string_view text) {
  if (text.empty()) return true;
  // Bytes only and no branch inside: the compiler turns it into vector code.
  uint8_t bad = text.front() == '\n' || text.front() == '\0' || text.back() == '\r';
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    const uint8_t cr = text[i] == '\r', lf = text[i + 1] == '\n', nul = text[i + 1] == '\0';
    bad |= static_cast<uint8_t>((cr ^ lf) | nul);
  }
  return bad == 0 && IsUtf8(text);
}

std::string StrictText(absl::string_view text) {
  if (IsStrictText(text)) return std::string(text);
  std::string out;
  out.reserve(text.size() + text.size() / 16 + 2);
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '\r' || c == '\n') {
      out += "\r\n";
      at += text.substr(at, 2) == "\r\n" ? 2 : 1;
      continue;
    }
    const size_t length = Utf8CharLength(text, at);
    if (c == '\0') {
      out += ' ';
    } else if (length == 0) {
      out += "\xEF\xBF\xBD";
    } else {
      out.append(text.data() + at, length);
    }
    at += std::max<size_t>(1, length);
  }
  return out;
}

void AppendQuotedPrintable(absl::string_view text, std::string* out) {
  const size_t start = out->size();
  out->resize(start + 4 * text.size() + 16);  // 3 for each byte, and the soft line ends.
  char* to = out->data() + start;
  while (true) {
    const size_t end = text.find("\r\n");
    to = WriteQuotedLine(text.substr(0, end), to);
    if (end == absl::string_view::npos) break;
    to = std::copy_n("\r\n", 2, to);
    text.remove_prefix(end + 2);
  }
  out->resize(to - out->data());
}

void AppendBase64(absl::string_view text, std::string* out) {
  const std::string base64 = absl::Base64Escape(text);
  for (size_t at = 0; at < base64.size(); at += kQpLine) {
    absl::StrAppend(out, absl::string_view(base64).substr(at, kQpLine), "\r\n");
  }
}

}  // namespace crescendo::smtp
