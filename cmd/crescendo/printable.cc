#include "cmd/crescendo/printable.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace crescendo::cli {
namespace {

struct Rune {
  uint32_t code = 0;
  size_t bytes = 1;
  bool valid = false;
};

// Strict UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF (RFC 3629).
Rune FirstRune(absl::string_view text) {
  const auto byte = [&text](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  const size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < bytes) return {lead, 1, false};
  uint32_t code = lead & (0x7f >> bytes);
  for (size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {lead, 1, false};
    code = code << 6 | (byte(i) & 0x3f);
  }
  const bool overlong = (bytes == 3 && code < 0x800) || (bytes == 4 && code < 0x10000);
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  if (overlong || surrogate || code > 0x10ffff) return {lead, 1, false};
  return {code, bytes, true};
}

// What could change what the operator sees elsewhere on the screen.
bool IsUnsafe(uint32_t code) {
  const bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
  const bool separator = code == 0x2028 || code == 0x2029;
  const bool direction = code == 0x200e || code == 0x200f || code == 0x061c ||
                         (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
  return control || separator || direction || code == 0xfeff;
}

void AppendEscape(const Rune& rune, std::string* out) {
  if (rune.code == '\n') return absl::StrAppend(out, "\\n");
  if (rune.code == '\r') return absl::StrAppend(out, "\\r");
  if (rune.code == '\t') return absl::StrAppend(out, "\\t");
  absl::StrAppend(out, rune.code > 0xff ? absl::StrFormat("\\u{%x}", rune.code)
                                        : absl::StrFormat("\\x%02x", rune.code));
}

std::string Escaped(absl::string_view text, bool keep_line_ends) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Rune rune = FirstRune(text);
    const bool line_end = keep_line_ends && rune.code == '\n';
    const bool dropped = keep_line_ends && text.size() > 1 && text[0] == '\r' && text[1] == '\n';
    if (rune.valid && (line_end || !IsUnsafe(rune.code))) {
      out.append(text.data(), rune.bytes);
    } else if (!dropped) {
      AppendEscape(rune, &out);
    }
    text.remove_prefix(rune.bytes);
  }
  return out;
}

struct Range {
  uint32_t first, last;
};

// Coarse on purpose: what mail and host names hold, not all of Unicode.
constexpr Range kZeroWidth[] = {{0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},
                                {0x610, 0x61a},   {0x64b, 0x65f},   {0x200b, 0x200d},
                                {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}};
constexpr Range kWide[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},
                           {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},
                           {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x1f300, 0x1f64f},
                           {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};

template <size_t kCount>
bool IsIn(const Range (&ranges)[kCount], uint32_t code) {
  for (const Range& range : ranges) {
    if (code >= range.first && code <= range.last) return true;
  }
  return false;
}

size_t Columns(uint32_t code) { return IsIn(kZeroWidth, code) ? 0 : IsIn(kWide, code) ? 2 : 1; }

}  // namespace

std::string OneLine(absl::string_view text) { return Escaped(text, /*keep_line_ends=*/false); }

std::string Lines(absl::string_view text) { return Escaped(text, /*keep_line_ends=*/true); }

size_t DisplayWidth(absl::string_view text) {
  size_t width = 0;
  while (!text.empty()) {
    const Rune rune = FirstRune(text);
    width += Columns(rune.code);
    text.remove_prefix(rune.bytes);
  }
  return width;
}

absl::string_view FrontOfWidth(absl::string_view text, size_t width) {
  size_t bytes = 0;
  for (size_t used = 0; bytes < text.size();) {
    const Rune rune = FirstRune(text.substr(bytes));
    used += Columns(rune.code);
    if (used > width) break;
    bytes += rune.bytes;
  }
  return text.substr(0, bytes);
}

bool IsUtf8(absl::string_view text) {
  while (!text.empty()) {
    const Rune rune = FirstRune(text);
    if (!rune.valid) return false;
    text.remove_prefix(rune.bytes);
  }
  return true;
}

}  // namespace crescendo::cli
