#include "smtp_client/message/raw_message.h"

#include <gmime/gmime.h>

#include <memory>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "scheduler/base/check.h"
#include "scheduler/base/status_macros.h"
#include "smtp_client/message/encode.h"
#include "smtp_client/message/template.h"
#include "smtp_client/wire/utf8.h"

namespace crescendo::smtp {
namespace {

constexpr int kDeepest = 10;
constexpr size_t kLongestLine = 998;

struct Unref {
  void operator()(void* object) const { g_object_unref(object); }
};
struct Free {
  void operator()(void* memory) const { g_free(memory); }
};
template <class T>
using Owned = std::unique_ptr<T, Unref>;
using Text = std::unique_ptr<char, Free>;

absl::string_view View(const char* text) { return text == nullptr ? "" : text; }

// What makes readers see different messages. The rest, GMime repairs.
const char* Grave(GMimeParserWarning issue) {
  switch (issue) {
    case GMIME_WARN_INVALID_CONTENT_TYPE:
      return "a Content-Type that cannot be read";
    case GMIME_WARN_MALFORMED_MULTIPART:
      return "a multipart without parts; look at its boundary";
    case GMIME_WARN_TRUNCATED_MESSAGE:
      return "a multipart that does not end; its last line is --boundary--";
    case GMIME_CRIT_INVALID_HEADER_NAME:
      return "a header line that is no field; write Name: value";
    case GMIME_CRIT_CONFLICTING_HEADER:
      return "a field twice that may stand there once";
    case GMIME_CRIT_CONFLICTING_PARAMETER:
      return "a parameter twice, with two values";
    case GMIME_CRIT_MULTIPART_WITHOUT_BOUNDARY:
      return "a multipart without a boundary";
    case GMIME_CRIT_NESTING_OVERFLOW:
      return "too many multiparts inside each other";
    default:
      return nullptr;
  }
}

struct Faults {
  absl::string_view raw;
  absl::Status first;
};

void OnIssue(int64_t offset, GMimeParserWarning issue, const char* item, void* data) {
  auto* faults = static_cast<Faults*>(data);
  const char* fault = Grave(issue);
  if (fault == nullptr || !faults->first.ok()) return;
  const bool known = offset >= 0 && static_cast<size_t>(offset) <= faults->raw.size();
  faults->first = absl::InvalidArgumentError(absl::StrCat(
      known ? absl::StrCat("at ", PlaceOf(faults->raw, static_cast<size_t>(offset)), ": ") : "",
      "it holds ", fault,
      item == nullptr ? "" : absl::StrCat(" (", CleanText(View(item).substr(0, 80)), ")")));
}

Owned<GMimeMessage> Parse(absl::string_view raw, absl::Status* status) {
  static const bool kReady = (g_mime_init(), true);
  CRESCENDO_CHECK(kReady);
  Faults faults{raw, absl::OkStatus()};
  GMimeParserOptions* options = g_mime_parser_options_new();
  g_mime_parser_options_set_warning_callback(options, OnIssue, &faults);
  const Owned<GMimeStream> stream(g_mime_stream_mem_new_with_buffer(raw.data(), raw.size()));
  const Owned<GMimeParser> parser(g_mime_parser_new_with_stream(stream.get()));
  Owned<GMimeMessage> message(g_mime_parser_construct_message(parser.get(), options));
  g_mime_parser_options_free(options);
  *status = faults.first;
  return message;
}

bool HasBareCr(absl::string_view text) {
  for (size_t at = 0; (at = text.find('\r', at)) != absl::string_view::npos; ++at) {
    if (text.substr(at, 2) != "\r\n") return true;
  }
  return false;
}

class Walk {
 public:
  explicit Walk(Body* body) : body_(body), format_(g_mime_format_options_new()) {
    g_mime_format_options_set_newline_format(format_, GMIME_NEWLINE_FORMAT_DOS);
  }
  ~Walk() { g_mime_format_options_free(format_); }

  absl::Status Add(GMimeObject* part, int depth) {
    if (depth > kDeepest) {
      return absl::InvalidArgumentError(
          absl::StrCat("it has parts more than ", kDeepest, " deep inside each other"));
    }
    RETURN_IF_ERROR(CheckOnce(g_mime_object_get_header_list(part)));
    // Made good, it would begin a field of its own.
    const Text header(g_mime_object_get_headers(part, format_));
    if (HasBareCr(View(header.get()))) return StrayCr("a part whose header");
    RETURN_IF_ERROR(CheckFieldLines(View(header.get())));
    // What is signed as a whole stays whole.
    if (GMIME_IS_MULTIPART(part) && !GMIME_IS_MULTIPART_SIGNED(part) &&
        !GMIME_IS_MULTIPART_ENCRYPTED(part)) {
      return AddMultipart(GMIME_MULTIPART(part), depth);
    }
    const bool attached =
        absl::EqualsIgnoreCase(View(g_mime_object_get_disposition(part)), "attachment");
    if (GMIME_IS_TEXT_PART(part) && !attached) return AddText(part);
    return AddAsItIs(part);
  }

 private:
  std::string& Fixed() {
    auto& parts = body_->parts;
    if (parts.empty() || !std::holds_alternative<std::string>(parts.back())) parts.emplace_back();
    return std::get<std::string>(parts.back());
  }

  // The header of a part, without an end.
  absl::StatusOr<std::string> HeaderOf(GMimeObject* part) {
    g_mime_object_remove_header(part, "Content-Transfer-Encoding");
    const Text header(g_mime_object_get_headers(part, format_));
    std::string text = StrictText(View(header.get()));
    RETURN_IF_ERROR(CheckSendable(text, "a part with a header", "encode it as RFC 2047 says"));
    return text;
  }

  // Of two that differ the parser complains; two that are the same are no message either.
  static absl::Status CheckOnce(GMimeHeaderList* headers) {
    std::vector<absl::string_view> seen;
    for (int i = 0; i < g_mime_header_list_get_count(headers); ++i) {
      const absl::string_view name =
          View(g_mime_header_get_name(g_mime_header_list_get_header_at(headers, i)));
      for (const absl::string_view other : seen) {
        if (!absl::StartsWithIgnoreCase(name, "Content-") || !absl::EqualsIgnoreCase(name, other))
          continue;
        return absl::InvalidArgumentError(absl::StrCat(
            "it has a part with two ", CleanText(name.substr(0, 80)), " fields; remove one"));
      }
      seen.push_back(name);
    }
    return absl::OkStatus();
  }

  // The parser takes more for a field than RFC 5322 §2.2 does: "Name : value", say.
  static absl::Status CheckFieldLines(absl::string_view header) {
    for (const absl::string_view line : absl::StrSplit(header, "\r\n", absl::SkipEmpty())) {
      const absl::string_view name = line.substr(0, line.find_first_of(": \t"));
      const bool fold = name.empty() && line.find_first_not_of(" \t") != absl::string_view::npos &&
                        line[0] != ':';
      if (fold || (!name.empty() && line.substr(name.size(), 1) == ":")) continue;
      return absl::InvalidArgumentError(
          absl::StrCat("it has a part with a header line that is no field (",
                       CleanText(line.substr(0, 80)), "); write Name: value"));
    }
    return absl::OkStatus();
  }

  static absl::Status StrayCr(absl::string_view where) {
    return absl::InvalidArgumentError(
        absl::StrCat("it has ", where, " holds a CR that ends no line; remove it"));
  }

  // What is sent as it is, every server must take. `what` it is, and what to do about it.
  static absl::Status CheckSendable(absl::string_view text, absl::string_view what,
                                    absl::string_view fix) {
    for (const absl::string_view line : absl::StrSplit(text, "\r\n")) {
      if (line.size() <= kLongestLine && IsAscii(line)) continue;
      return absl::InvalidArgumentError(
          absl::StrCat("it has ", what, " whose lines are not ASCII of at most ", kLongestLine,
                       " bytes; ", fix, " (", CleanText(line.substr(0, 40)), "…)"));
    }
    return absl::OkStatus();
  }

  absl::Status AddMultipart(GMimeMultipart* multipart, int depth) {
    const std::string boundary(View(g_mime_multipart_get_boundary(multipart)));
    body_->boundaries.push_back(boundary);
    ASSIGN_OR_RETURN(const std::string header, HeaderOf(GMIME_OBJECT(multipart)));
    absl::StrAppend(&Fixed(), header, "\r\n");
    for (int i = 0; i < g_mime_multipart_get_count(multipart); ++i) {
      absl::StrAppend(&Fixed(), i == 0 ? "--" : "\r\n--", boundary, "\r\n");
      RETURN_IF_ERROR(Add(g_mime_multipart_get_part(multipart, i), depth + 1));
    }
    absl::StrAppend(&Fixed(), "\r\n--", boundary, "--\r\n");
    return absl::OkStatus();
  }

  absl::Status AddText(GMimeObject* part) {
    const Text text(g_mime_text_part_get_text(GMIME_TEXT_PART(part)));
    GMimeContentType* type = g_mime_object_get_content_type(part);
    const bool html = g_mime_content_type_is_type(type, "text", "html");
    g_mime_object_set_content_type_parameter(part, "charset", "utf-8");
    ASSIGN_OR_RETURN(std::string header, HeaderOf(part));
    auto created =
        TextPart::Create(std::move(header), View(text.get()), html ? Escape::kHtml : Escape::kText);
    if (!created.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("its ", html ? "HTML" : "text", " part, ", created.status().message()));
    }
    body_->parts.emplace_back(*std::move(created));
    return absl::OkStatus();
  }

  absl::Status AddAsItIs(GMimeObject* part) {
    g_mime_object_encode(part, GMIME_ENCODING_CONSTRAINT_7BIT);
    const Text whole(g_mime_object_to_string(part, format_));
    // A message inside the message has headers, too; and what is signed must not be repaired.
    if (!GMIME_IS_PART(part) && HasBareCr(View(whole.get()))) return StrayCr("a part that");
    std::string text = StrictText(View(whole.get()));
    if (!absl::EndsWith(text, "\r\n")) text += "\r\n";
    RETURN_IF_ERROR(
        CheckSendable(text, "a part", "it cannot be encoded here, so encode it with base64"));
    Fixed() += text;
    return absl::OkStatus();
  }

  Body* const body_;
  GMimeFormatOptions* const format_;
};

}  // namespace

absl::StatusOr<RawMessage> ReadRawMessage(absl::string_view raw) {
  if (const size_t nul = raw.find('\0'); nul != absl::string_view::npos) {
    return absl::InvalidArgumentError(absl::StrCat("at ", PlaceOf(raw, nul),
                                                   ": it holds a NUL, which mail cannot carry; "
                                                   "encode that part with base64"));
  }
  absl::Status status;
  const Owned<GMimeMessage> message = Parse(raw, &status);
  if (status.ok() && message == nullptr) {
    status = absl::InvalidArgumentError("it has no header; write fields, an empty line, the body");
  }
  RETURN_IF_ERROR(status);
  GMimeObject* root = g_mime_message_get_mime_part(message.get());
  if (root == nullptr) return absl::InvalidArgumentError("it has no body");

  RawMessage result;
  GMimeHeaderList* headers = g_mime_object_get_header_list(GMIME_OBJECT(message.get()));
  for (int i = 0; i < g_mime_header_list_get_count(headers); ++i) {
    GMimeHeader* header = g_mime_header_list_get_header_at(headers, i);
    const absl::string_view name = View(g_mime_header_get_name(header));
    if (absl::StartsWithIgnoreCase(name, "Content-") ||
        absl::EqualsIgnoreCase(name, "MIME-Version")) {
      continue;
    }
    result.fields.emplace_back(name, CleanText(View(g_mime_header_get_value(header))));
  }
  RETURN_IF_ERROR(Walk(&result.body).Add(root, 1));
  return result;
}

}  // namespace crescendo::smtp
