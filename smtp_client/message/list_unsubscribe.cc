#include "smtp_client/message/list_unsubscribe.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "smtp_client/wire/utf8.h"

namespace crescendo::smtp {
namespace {

constexpr size_t kNone = absl::string_view::npos;
// It cannot be folded, and a line has 998 bytes: what else stands on the first.
constexpr size_t kLongestUri = 998 - absl::string_view("List-Unsubscribe: <>,").size();
constexpr char kFix[] =
    "; write '<https://shop.example/u?t={{token}}>, <mailto:leave@shop.example>'";

// The > that ends a URI; one in a {{variable}} does not.
size_t EndOfUri(absl::string_view text, size_t at) {
  while (at < text.size() && text[at] != '>') {
    const size_t close = text.substr(at, 2) == "{{" ? text.find("}}", at) : kNone;
    at = close == kNone ? at + 1 : close + 2;
  }
  return at < text.size() ? at : kNone;
}

bool HasScheme(absl::string_view uri) {
  for (const absl::string_view scheme : {"https://", "http://", "mailto:"}) {
    if (absl::StartsWithIgnoreCase(uri, scheme)) return uri.size() > scheme.size();
  }
  return false;
}

bool IsSendable(absl::string_view uri) {
  return HasScheme(uri) && uri.size() <= kLongestUri && IsAscii(uri);
}

std::string UriFault(absl::string_view uri, const Template& parsed) {
  if (uri.empty()) return "is empty";
  if (!absl::StartsWith(uri, "{{") && !HasScheme(uri)) {
    return "begins with none of https://, http:// and mailto:, or has nothing behind it";
  }
  for (const absl::string_view part : parsed.authored()) {
    for (const unsigned char c : part) {
      if (c <= ' ' || c >= 0x7F || absl::StrContains("<>\"\\^`{|}", std::string(1, c))) {
        return absl::StrCat("holds \"", absl::CHexEscape(std::string(1, c)),
                            "\", which no URI may; percent-encode it");
      }
    }
  }
  if (absl::StartsWithIgnoreCase(uri, "mailto:") && parsed.fixed() &&
      !absl::StrContains(uri, '@')) {
    return "is a mailto: without an address";
  }
  return "";
}

}  // namespace

absl::StatusOr<ListUnsubscribe> ListUnsubscribe::Parse(absl::string_view text) {
  ListUnsubscribe result;
  const auto bad = [&](size_t at, absl::string_view fault) {
    return absl::InvalidArgumentError(absl::StrCat("at ", PlaceOf(text, at), ": ", fault, kFix));
  };
  bool comma = true;
  for (size_t at = 0; at < text.size(); ++at) {
    if (absl::ascii_isspace(static_cast<unsigned char>(text[at]))) continue;
    if (text[at] == ',' && !comma) {
      comma = true;
      continue;
    }
    if (text[at] != '<') return bad(at, "a URI stands in < and >");
    if (!comma) return bad(at, "between two URIs stands a comma");
    const size_t end = EndOfUri(text, at);
    if (end == kNone) return bad(at, "< has no > behind it");
    const absl::string_view uri = text.substr(at + 1, end - at - 1);
    absl::StatusOr<Template> parsed = Template::Parse(uri);
    if (!parsed.ok()) return bad(at, absl::StrCat("of the URI, ", parsed.status().message()));
    if (const std::string fault = UriFault(uri, *parsed); !fault.empty()) {
      return bad(at, absl::StrCat("<", CleanText(uri.substr(0, 80)), "> ", fault));
    }
    result.uris_.push_back(*std::move(parsed));
    comma = false;
    at = end;
  }
  if (comma && !text.empty()) return bad(text.size(), "a URI is missing");
  return result;
}

void ListUnsubscribe::AppendTo(const Values& values, std::string* out) const {
  bool any = false, one_click = false;
  for (const Template& uri : uris_) {
    const std::string filled = uri.Fill(values, Escape::kUri);
    if (!IsSendable(filled)) continue;
    // Each on a line of its own.
    absl::StrAppend(out, any ? ",\r\n <" : "List-Unsubscribe: <", filled, ">");
    any = true;
    one_click = one_click || absl::StartsWithIgnoreCase(filled, "https://");
  }
  if (any) *out += "\r\n";
  if (one_click) *out += "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n";
}

}  // namespace crescendo::smtp
