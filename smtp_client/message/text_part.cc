#include "smtp_client/message/text_part.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"
#include "smtp_client/message/encode.h"
#include "smtp_client/wire/utf8.h"

namespace crescendo::smtp {
namespace {

constexpr size_t kLongestLine = 998;  // RFC 5322 §2.1.1: must.

bool LinesAreShort(absl::string_view text) {
  while (text.size() > kLongestLine) {
    // The last line end that a line from here may have: those before it need no look.
    const size_t end = text.substr(0, kLongestLine + 2).rfind('\n');
    if (end == absl::string_view::npos) return false;
    text.remove_prefix(end + 1);
  }
  return true;
}

bool EndsAPart(absl::string_view text, const std::vector<std::string>& boundaries) {
  return std::any_of(boundaries.begin(), boundaries.end(), [&](const std::string& boundary) {
    return absl::StrContains(text, absl::StrCat("--", boundary));
  });
}

// Base64 takes 4 bytes for 3; quoted-printable 3 for each that is not ASCII.
bool Base64IsShorter(absl::string_view text) {
  const auto eight_bit =
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0x80) != 0; });
  return static_cast<size_t>(eight_bit) > text.size() / 6;
}

}  // namespace

absl::StatusOr<TextPart> TextPart::Create(std::string fields, absl::string_view text,
                                          Escape escape) {
  TextPart part;
  part.fields_ = std::move(fields);
  part.escape_ = escape;
  RETURN_IF_ERROR(Template::Parse(text).status());  // As it was given, so that places are right.
  ASSIGN_OR_RETURN(part.text_, Template::Parse(StrictText(text)));
  return part;
}

void TextPart::AppendTo(const Values& values, const std::vector<std::string>& boundaries,
                        std::string* scratch, std::string* out) const {
  std::string& text = *scratch;
  text.clear();
  text_.AppendTo(values, escape_, &text);
  if (!absl::EndsWith(text, "\r\n")) text += "\r\n";
  *out += fields_;
  if (EndsAPart(text, boundaries)) {
    *out += "Content-Transfer-Encoding: base64\r\n\r\n";  // Which has no dashes.
    AppendBase64(text, out);
  } else if (IsAscii(text) && LinesAreShort(text)) {
    *out += "Content-Transfer-Encoding: 7bit\r\n\r\n";
    *out += text;
  } else if (Base64IsShorter(text)) {
    *out += "Content-Transfer-Encoding: base64\r\n\r\n";
    AppendBase64(text, out);
  } else {
    *out += "Content-Transfer-Encoding: quoted-printable\r\n\r\n";
    AppendQuotedPrintable(text, out);
  }
}

}  // namespace crescendo::smtp
