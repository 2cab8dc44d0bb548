#include "smtp_client/message/template.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "smtp_client/message/encode.h"
#include "smtp_client/wire/utf8.h"

namespace crescendo::smtp {
namespace {

constexpr size_t kNone = absl::string_view::npos;
constexpr size_t kLongestName = 64;  // As long as an import takes them.

// "" if `name` may stand before }} or |.
std::string NameFault(absl::string_view name) {
  if (name.size() > kLongestName) return absl::StrCat("is longer than ", kLongestName, " bytes");
  for (const char c : name) {
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7F) return "holds a blank or a control";
    if (c == '{' || c == '}') return "holds a brace";
  }
  return "";
}

void AppendEntities(absl::string_view value, std::string* out) {
  size_t done = 0;
  for (size_t at = 0; at < value.size(); ++at) {
    absl::string_view entity;
    switch (value[at]) {
      case '&':
        entity = "&amp;";
        break;
      case '<':
        entity = "&lt;";
        break;
      case '>':
        entity = "&gt;";
        break;
      case '"':
        entity = "&quot;";
        break;
      case '\'':
        entity = "&#39;";
        break;
      default:
        continue;
    }
    absl::StrAppend(out, value.substr(done, at - done), entity);
    done = at + 1;
  }
  absl::StrAppend(out, value.substr(done));
}

// RFC 3986: what stands for itself in every place, and what may stand in a URI at all.
bool Unreserved(unsigned char c) {
  return absl::ascii_isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}
bool OfUri(unsigned char c) {
  return Unreserved(c) || (c != 0 && std::string(":/?#[]@!$&'()*+,;=%").find(c) != kNone);
}

void AppendUriPart(absl::string_view value, bool whole, std::string* out) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  for (const unsigned char c : value) {
    if (whole ? OfUri(c) : Unreserved(c)) {
      *out += static_cast<char>(c);
    } else {
      *out += '%';
      *out += kDigits[c >> 4];
      *out += kDigits[c & 15];
    }
  }
}

void AppendValue(absl::string_view value, Escape escape, bool first, std::string* out) {
  switch (escape) {
    case Escape::kNone:
      absl::StrAppend(out, value);
      return;
    case Escape::kUri:
      return AppendUriPart(value, first, out);
    case Escape::kText:
    case Escape::kHtml:
      break;
  }
  std::string strict;
  if (!IsStrictText(value)) value = strict = StrictText(value);
  if (escape == Escape::kHtml) return AppendEntities(value, out);
  absl::StrAppend(out, value);
}

}  // namespace

absl::string_view Values::Find(absl::string_view name) const {
  for (const auto& [key, value] : variables) {
    if (key == name) return value;
  }
  return name == "address" ? address : "";
}

std::string PlaceOf(absl::string_view text, size_t at) {
  const absl::string_view before = text.substr(0, at);
  const size_t line_start = before.rfind('\n') + 1;  // 0 if there is none.
  const auto column =
      std::count_if(before.begin() + line_start, before.end(),
                    [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }) +
      1;
  if (text.find('\n') == kNone) return absl::StrCat("column ", column);
  return absl::StrCat("line ", std::count(before.begin(), before.end(), '\n') + 1, ", column ",
                      column);
}

absl::StatusOr<Template> Template::Parse(absl::string_view text) {
  Template result;
  size_t done = 0;
  for (size_t open; (open = text.find("{{", done)) != kNone;) {
    const auto bad = [&](absl::string_view fault) {
      return absl::InvalidArgumentError(absl::StrCat(
          "at ", PlaceOf(text, open), ": ", fault,
          "; write {{name}} or {{name|default}}, and {{|{{}} where two braces are meant"));
    };
    const size_t close = text.find("}}", open + 2);
    if (close == kNone) return bad("{{ has no }} behind it");
    const absl::string_view inside = text.substr(open + 2, close - open - 2);
    const size_t bar = inside.find('|');
    const absl::string_view name = absl::StripAsciiWhitespace(inside.substr(0, bar));
    if (name.empty() && bar == kNone) return bad("{{}} names no variable");
    if (const std::string fault = NameFault(name); !fault.empty()) {
      return bad(
          absl::StrCat("the name \"", CleanText(name.substr(0, kLongestName)), "\" ", fault));
    }
    Piece& piece = result.pieces_.emplace_back();
    piece.before = std::string(text.substr(done, open - done));
    piece.name = std::string(name);
    if (bar != kNone)
      piece.otherwise = std::string(absl::StripAsciiWhitespace(inside.substr(bar + 1)));
    done = close + 2;
  }
  result.tail_ = std::string(text.substr(done));
  return result;
}

void Template::AppendTo(const Values& values, Escape escape, std::string* out) const {
  const size_t start = out->size();
  for (const Piece& piece : pieces_) {
    *out += piece.before;
    const absl::string_view value =
        piece.name.empty() ? absl::string_view() : values.Find(piece.name);
    if (value.empty()) {
      *out += piece.otherwise;
    } else {
      AppendValue(value, escape, out->size() == start, out);
    }
  }
  *out += tail_;
}

std::string Template::Fill(const Values& values, Escape escape) const {
  std::string out;
  AppendTo(values, escape, &out);
  return out;
}

absl::string_view Template::head() const { return fixed() ? tail_ : pieces_.front().before; }

std::vector<absl::string_view> Template::authored() const {
  std::vector<absl::string_view> parts;
  for (const Piece& piece : pieces_) {
    parts.push_back(piece.before);
    parts.push_back(piece.otherwise);
  }
  parts.push_back(tail_);
  return parts;
}

}  // namespace crescendo::smtp
