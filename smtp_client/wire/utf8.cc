#include "smtp_client/wire/utf8.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace crescendo::smtp {
namespace {

constexpr char kReplacement[] = "\xEF\xBF\xBD";

uint8_t Byte(absl::string_view text, size_t at) { return static_cast<uint8_t>(text[at]); }

bool IsContinuation(absl::string_view text, size_t at) {
  return at < text.size() && (Byte(text, at) & 0xC0) == 0x80;
}

// The bounds of the second byte are where RFC 3629 §4 excludes overlong forms and surrogates.
bool SecondByteFits(uint8_t first, uint8_t second) {
  switch (first) {
    case 0xE0:
      return second >= 0xA0;
    case 0xED:
      return second <= 0x9F;
    case 0xF0:
      return second >= 0x90;
    case 0xF4:
      return second <= 0x8F;
    default:
      return true;
  }
}

size_t ClaimedLength(uint8_t first) {
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return 2;
  if (first >= 0xE0 && first <= 0xEF) return 3;
  if (first >= 0xF0 && first <= 0xF4) return 4;
  return 0;
}

bool IsControl(absl::string_view text, size_t at, size_t length) {
  if (length == 1) return Byte(text, at) < 0x20 || Byte(text, at) == 0x7F;
  return length == 2 && Byte(text, at) == 0xC2 && Byte(text, at + 1) < 0xA0;
}

}  // namespace

size_t Utf8CharLength(absl::string_view text, size_t at) {
  const size_t length = ClaimedLength(Byte(text, at));
  for (size_t i = 1; i < length; ++i) {
    if (!IsContinuation(text, at + i)) return 0;
  }
  if (length > 1 && !SecondByteFits(Byte(text, at), Byte(text, at + 1))) return 0;
  return length;
}

bool IsUtf8(absl::string_view text) {
  for (size_t at = 0; at < text.size();) {
    // Most text is ASCII: eight bytes at a time, as long as it is.
    uint64_t eight;
    while (at + sizeof(eight) <= text.size()) {
      std::memcpy(&eight, text.data() + at, sizeof(eight));
      if ((eight & 0x8080808080808080u) != 0) break;
      at += sizeof(eight);
    }
    if (at == text.size()) return true;
    const size_t length = Utf8CharLength(text, at);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

bool IsAscii(absl::string_view text) {
  // A plain OR over all bytes, which the compiler turns into vector code.
  uint8_t seen = 0;
  for (const char c : text) seen |= static_cast<uint8_t>(c);
  return seen < 0x80;
}

std::string CleanText(absl::string_view bytes) {
  const bool plain = std::all_of(bytes.begin(), bytes.end(), [](char c) {
    return static_cast<uint8_t>(c) >= 0x20 && static_cast<uint8_t>(c) < 0x7F;
  });
  if (plain) return std::string(bytes);
  std::string text;
  text.reserve(bytes.size());
  for (size_t at = 0; at < bytes.size();) {
    const size_t length = Utf8CharLength(bytes, at);
    if (length == 0) {
      text += kReplacement;
      ++at;
      continue;
    }
    if (IsControl(bytes, at, length)) {
      text += ' ';
    } else {
      text.append(bytes.data() + at, length);
    }
    at += length;
  }
  return text;
}

}  // namespace crescendo::smtp
