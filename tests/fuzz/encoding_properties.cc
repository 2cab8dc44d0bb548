// Header fields, transfer encodings, templates and List-Unsubscribe.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "scheduler/base/status_macros.h"
#include "smtp_client/message/encode.h"
#include "smtp_client/message/list_unsubscribe.h"
#include "smtp_client/message/template.h"
#include "smtp_client/wire/utf8.h"
#include "tests/fuzz/mail_model.h"
#include "tests/fuzz/properties.h"

namespace crescendo::fuzz {
namespace {

using smtp::Escape;
using smtp::Template;
using smtp::Values;
using smtp::Variables;

// One field called `name`, and nothing else.
absl::StatusOr<std::string> OneField(absl::string_view text, absl::string_view name) {
  RETURN_IF_ERROR(CheckLines(text));
  ASSIGN_OR_RETURN(const Fields fields, ReadFields(text));
  RETURN_IF_ERROR(Expect(fields.size() == 1 && fields[0].first == name, "one field", text));
  return fields[0].second;
}

absl::Status CheckShortLines(absl::string_view text) {
  for (const absl::string_view line : absl::StrSplit(text, "\r\n")) {
    RETURN_IF_ERROR(Expect(line.size() <= 76 && !absl::EndsWith(line, " ") &&
                               !absl::EndsWith(line, "\t") && smtp::IsAscii(line),
                           "an encoded line is ASCII of at most 76 bytes, no blank at its end",
                           line));
  }
  return absl::OkStatus();
}

absl::Status CheckTransferEncodings(absl::string_view text) {
  const std::string strict = smtp::StrictText(text);
  RETURN_IF_ERROR(Expect(smtp::IsStrictText(strict) && smtp::IsUtf8(strict), "strict", strict));
  RETURN_IF_ERROR(Expect(smtp::StrictText(strict) == strict, "strict twice is once", strict));
  RETURN_IF_ERROR(Expect(!smtp::IsStrictText(text) || strict == text, "what is strict stays"));
  std::string quoted, base64;
  smtp::AppendQuotedPrintable(strict, &quoted);
  smtp::AppendBase64(strict, &base64);
  RETURN_IF_ERROR(CheckShortLines(quoted));
  RETURN_IF_ERROR(CheckShortLines(base64));
  RETURN_IF_ERROR(Expect(DecodeQuotedPrintable(quoted) == strict, "quoted-printable", quoted));
  return Expect(DecodeBase64(base64) == strict, "base64", base64);
}

size_t CountOf(absl::string_view text, char c) { return std::count(text.begin(), text.end(), c); }

absl::Status CheckFilled(const Template& parsed, const std::string& value) {
  // A value that no template holds, so that all places of the other one can be seen.
  const std::string kMark = "\x01mark\x01";
  const Variables with = {{"name", value}}, marked = {{"name", kMark}}, empty = {{"name", ""}};
  const auto fill = [&](const Variables& variables, Escape escape) {
    return parsed.Fill(Values{variables, "ann@example.net"}, escape);
  };
  const std::string places = fill(marked, Escape::kNone);
  if (!value.empty()) {
    RETURN_IF_ERROR(
        Expect(fill(with, Escape::kNone) == absl::StrReplaceAll(places, {{kMark, value}}),
               "a value is put in as it is, and not read again", places));
  }
  RETURN_IF_ERROR(
      Expect(fill(empty, Escape::kNone) == fill({}, Escape::kNone), "an empty value is none"));
  const std::string html = fill(with, Escape::kHtml);
  const std::string none = fill(value.empty() ? empty : marked, Escape::kNone);
  for (const char c : {'<', '>', '"'}) {
    RETURN_IF_ERROR(Expect(CountOf(html, c) == CountOf(none, c), "a value brings no markup", html));
  }
  const std::string uri = fill(with, Escape::kUri);
  for (const char c : {'<', '>', '"', ' ', '\r', '\n', '\0', '{'}) {
    RETURN_IF_ERROR(Expect(CountOf(uri, c) == CountOf(none, c), "a value ends no URI", uri));
  }
  return absl::OkStatus();
}

absl::Status CheckUnsubscribe(absl::string_view list, const std::string& value) {
  const auto parsed = smtp::ListUnsubscribe::Parse(list);
  if (!parsed.ok()) return absl::OkStatus();
  const Variables variables = {{"name", value}};
  std::string out;
  parsed->AppendTo({variables, "ann@example.net"}, &out);
  RETURN_IF_ERROR(CheckLines(out));
  ASSIGN_OR_RETURN(const Fields fields, ReadFields(out));
  for (const auto& [name, text] : fields) {
    if (name == "List-Unsubscribe-Post") {
      RETURN_IF_ERROR(Expect(text == " List-Unsubscribe=One-Click", "one click", text));
      continue;
    }
    RETURN_IF_ERROR(Expect(name == "List-Unsubscribe", "no other field", name));
    for (absl::string_view uri : absl::StrSplit(text, ",\r\n")) {
      uri = absl::StripAsciiWhitespace(uri);
      RETURN_IF_ERROR(Expect(uri.size() > 2 && uri.front() == '<' && uri.back() == '>' &&
                                 uri.find_first_of(" \t\r\n<>", 1) == uri.size() - 1,
                             "a URI in < and >", uri));
    }
  }
  return Expect(Count(fields, "List-Unsubscribe") <= 1 &&
                    Count(fields, "List-Unsubscribe-Post") <= Count(fields, "List-Unsubscribe"),
                "each field once", out);
}

}  // namespace

absl::Status CheckEncoding(absl::string_view input) {
  const std::string shown(absl::StripAsciiWhitespace(smtp::CleanText(input)));
  ASSIGN_OR_RETURN(const std::string text,
                   OneField(smtp::HeaderField("Subject", input), "Subject"));
  // A reader may drop the blanks at the ends.
  const std::string read = DecodeText(text);
  RETURN_IF_ERROR(
      Expect(absl::StripAsciiWhitespace(read) == shown, "a reader sees the text", read));

  ASSIGN_OR_RETURN(const std::string mailbox,
                   OneField(smtp::MailboxField("From", input, "news@shop.example"), "From"));
  const std::vector<Mailbox> from = ReadMailboxes(mailbox);
  RETURN_IF_ERROR(Expect(from.size() == 1 && from[0].address == "news@shop.example",
                         "one mailbox, ours", mailbox));

  const std::string angled = smtp::Angled(input);
  RETURN_IF_ERROR(Expect(angled.size() >= 2 && angled.front() == '<' &&
                             angled.find_first_of("> <\r\n", 1) == angled.size() - 1,
                         "nothing ends the brackets early", angled));
  return CheckTransferEncodings(input);
}

absl::Status CheckTemplate(absl::string_view input) {
  const absl::string_view text = TakeText(&input);
  const std::string value(TakeText(&input));
  const std::string escaped = absl::StrReplaceAll(text, {{"{{", "{{|{{}}"}});
  const auto literal = Template::Parse(escaped);
  RETURN_IF_ERROR(Expect(literal.ok(), "any text can be written", escaped));
  const Variables none;
  RETURN_IF_ERROR(
      Expect(literal->Fill({none, ""}, Escape::kNone) == text, "and comes out as it is", escaped));
  if (const auto parsed = Template::Parse(text); parsed.ok()) {
    if (!absl::StrContains(text, '\x01')) RETURN_IF_ERROR(CheckFilled(*parsed, value));
  } else {
    RETURN_IF_ERROR(Expect(absl::StrContains(text, "{{"), "only {{ can be wrong", text));
  }
  if (const auto strict = Template::Parse(smtp::StrictText(text)); strict.ok()) {
    const Variables with = {{"name", value}};
    for (const Escape escape : {Escape::kText, Escape::kHtml}) {
      const std::string filled = strict->Fill({with, "ann@example.net"}, escape);
      RETURN_IF_ERROR(Expect(smtp::IsStrictText(filled), "a text stays strict", filled));
    }
  }
  return CheckUnsubscribe(input, value);
}

}  // namespace crescendo::fuzz
