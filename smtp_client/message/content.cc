#include "smtp_client/message/content.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "scheduler/base/status_macros.h"
#include "smtp_client/message/encode.h"
#include "smtp_client/message/raw_message.h"
#include "smtp_client/wire/utf8.h"

namespace crescendo::smtp {
namespace {

constexpr absl::string_view kTextType = "Content-Type: text/plain; charset=utf-8\r\n";
constexpr absl::string_view kHtmlType = "Content-Type: text/html; charset=utf-8\r\n";

absl::Status At(absl::string_view place, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(place, " ", status.message()));
}

// Fields that the sender writes, each from the setting named; "" leaves no choice.
struct Own {
  absl::string_view name, setting;
};
constexpr Own kOwn[] = {{"from", "from_name and from_address"},
                        {"subject", "subject"},
                        {"list-unsubscribe", "list_unsubscribe"},
                        {"list-unsubscribe-post", "list_unsubscribe"},
                        {"feedback-id", "feedback_sender_id"},
                        {"return-path", "return_path"},
                        {"to", ""},
                        {"cc", ""},
                        {"bcc", ""},
                        {"date", ""},
                        {"message-id", ""},
                        {"mime-version", ""},
                        {"dkim-signature", ""},
                        {"received", ""},
                        {"authentication-results", ""}};
constexpr absl::string_view kOwnFamilies[] = {"content-", "resent-", "arc-"};

const Own* FindOwn(absl::string_view name) {
  static constexpr Own kFamily = {"", ""};
  for (const Own& own : kOwn) {
    if (absl::EqualsIgnoreCase(name, own.name)) return &own;
  }
  for (const absl::string_view family : kOwnFamilies) {
    if (absl::StartsWithIgnoreCase(name, family)) return &kFamily;
  }
  return nullptr;
}

constexpr size_t kLongestAddress = 254;  // As NormaliseAddress has it (RFC 5321 §4.5.3.1.3).
constexpr char kFieldName[] = "a name is 1 to 76 printable ASCII characters without a colon";

// RFC 5322 §2.2: printable ASCII but the colon.
bool IsFieldName(absl::string_view name) {
  return !name.empty() && name.size() <= 76 && std::all_of(name.begin(), name.end(), [](char c) {
    return c > ' ' && c < 0x7F && c != ':';
  });
}

// RFC 5322 §3.6, without those that the sender writes itself: of two, readers may show either.
bool StandsOnce(absl::string_view name) {
  for (const absl::string_view once :
       {"subject", "reply-to", "sender", "in-reply-to", "references"}) {
    if (absl::EqualsIgnoreCase(name, once)) return true;
  }
  return false;
}

// Fields of addresses: an encoded word may stand for a name in them and for nothing else.
bool IsMailbox(absl::string_view name) {
  return absl::EqualsIgnoreCase(name, "reply-to") || absl::EqualsIgnoreCase(name, "sender");
}

std::string FilledField(const std::string& name, const std::string& value) {
  if (!IsMailbox(name) || IsAscii(value)) return HeaderField(name, value);
  const size_t open = std::min(value.rfind('<'), value.size());
  absl::string_view phrase = absl::StripAsciiWhitespace(absl::string_view(value).substr(0, open));
  // It cannot be folded; and what is longer is no address, so nothing is lost if it is encoded.
  if (value.size() - open > kLongestAddress) return HeaderField(name, value);
  if (open == value.size()) return MailboxField(name, "", value);
  if (phrase.size() > 1 && phrase.front() == '"' && phrase.back() == '"') {
    phrase = phrase.substr(1, phrase.size() - 2);
  }
  return MailboxField(name, phrase, absl::string_view(value).substr(open));
}

// The same for a campaign's every message.
std::string BoundaryOf(absl::string_view id) {
  uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a
  for (const unsigned char c : id) hash = (hash ^ c) * 0x100000001b3u;
  return absl::StrCat("=_", absl::Hex(hash, absl::kZeroPad16));
}

std::string DateText(absl::Time date) {
  return absl::FormatTime("%a, %d %b %Y %H:%M:%S +0000", date, absl::UTCTimeZone());
}

}  // namespace

absl::Status Content::AddField(absl::string_view place, absl::string_view name,
                               absl::string_view value) {
  const bool again = std::any_of(fields_.begin(), fields_.end(), [&](const Field& field) {
    return absl::EqualsIgnoreCase(field.name, name);
  });
  if (again && StandsOnce(name)) {
    return absl::InvalidArgumentError(
        absl::StrCat(place, " is the second ", name, ", which may stand there once; remove one"));
  }
  absl::StatusOr<Template> parsed = Template::Parse(value);
  RETURN_IF_ERROR(At(place, parsed.status()));
  fields_.push_back({std::string(name), *std::move(parsed)});
  return absl::OkStatus();
}

absl::Status Content::ReadParts(const Campaign& campaign) {
  RETURN_IF_ERROR(AddField("subject", "Subject", campaign.subject));
  for (size_t i = 0; i < campaign.headers.size(); ++i) {
    const auto& [name, value] = campaign.headers[i];
    const std::string place = absl::StrCat("headers[", i, "]");
    if (!IsFieldName(name)) {
      return absl::InvalidArgumentError(absl::StrCat(
          place, " has the name \"", CleanText(name.substr(0, 80)), "\"; ", kFieldName));
    }
    if (const Own* own = FindOwn(name); own != nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(
          place, " is ", name, ", which the sender writes itself; ",
          own->setting.empty() ? "leave it out" : absl::StrCat("set ", own->setting, " instead")));
    }
    RETURN_IF_ERROR(AddField(absl::StrCat(place, " (", name, ")"), name, value));
  }
  auto text = TextPart::Create(std::string(kTextType), campaign.text_body, Escape::kText);
  RETURN_IF_ERROR(At("text_body", text.status()));
  auto html = TextPart::Create(std::string(kHtmlType), campaign.html_body, Escape::kHtml);
  RETURN_IF_ERROR(At("html_body", html.status()));
  if (campaign.html_body.empty()) {
    body_.parts.emplace_back(*std::move(text));
  } else if (campaign.text_body.empty()) {
    body_.parts.emplace_back(*std::move(html));
  } else {
    const std::string boundary = BoundaryOf(campaign.id.text());
    body_.boundaries.push_back(boundary);
    body_.parts.emplace_back(absl::StrCat("Content-Type: multipart/alternative; boundary=\"",
                                          boundary, "\"\r\n\r\n--", boundary, "\r\n"));
    body_.parts.emplace_back(*std::move(text));
    body_.parts.emplace_back(absl::StrCat("\r\n--", boundary, "\r\n"));
    body_.parts.emplace_back(*std::move(html));  // The last is the one preferred (RFC 2046 §5.1.4).
    body_.parts.emplace_back(absl::StrCat("\r\n--", boundary, "--\r\n"));
  }
  return absl::OkStatus();
}

absl::Status Content::ReadRaw(const Campaign& campaign) {
  auto raw = ReadRawMessage(campaign.raw_message);
  RETURN_IF_ERROR(At("raw_message cannot be used:", raw.status()));
  body_ = std::move(raw->body);
  for (const auto& [name, value] : raw->fields) {
    const std::string place = absl::StrCat("raw_message: its ", name, " field,");
    if (absl::EqualsIgnoreCase(name, "list-unsubscribe") && campaign.list_unsubscribe.empty()) {
      auto uris = ListUnsubscribe::Parse(value);
      RETURN_IF_ERROR(At(place, uris.status()));
      unsubscribe_ = *std::move(uris);
    } else if (absl::EqualsIgnoreCase(name, "subject") || FindOwn(name) == nullptr) {
      if (!IsFieldName(name)) {
        return absl::InvalidArgumentError(
            absl::StrCat("raw_message has a field named \"",
                         CleanText(absl::string_view(name).substr(0, 80)), "\"; ", kFieldName));
      }
      RETURN_IF_ERROR(AddField(place, name, value));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Content> Content::Create(const Campaign& campaign) {
  Content content;
  content.from_ = MailboxField("From", campaign.from_name, campaign.from_address);
  if (!campaign.feedback_sender_id.empty()) {
    content.feedback_id_ = HeaderField(
        "Feedback-ID", absl::StrCat(campaign.id.text(), ":", campaign.pool.text(), ":",
                                    campaign.sending_domain(), ":", campaign.feedback_sender_id));
  }
  auto uris = ListUnsubscribe::Parse(campaign.list_unsubscribe);
  RETURN_IF_ERROR(At("list_unsubscribe", uris.status()));
  content.unsubscribe_ = *std::move(uris);
  RETURN_IF_ERROR(campaign.raw_message.empty() ? content.ReadParts(campaign)
                                               : content.ReadRaw(campaign));
  return content;
}

void Content::AppendTo(const Values& values, absl::string_view message_id, absl::Time date,
                       std::string* scratch, std::string* out) const {
  absl::StrAppend(out, "Date: ", DateText(date), "\r\n", from_, "To: ", Angled(values.address),
                  "\r\n");
  for (const Field& field : fields_) {
    *out += FilledField(field.name, field.value.Fill(values, Escape::kNone));
  }
  absl::StrAppend(out, "Message-ID: ", Angled(message_id), "\r\n");
  unsubscribe_.AppendTo(values, out);
  absl::StrAppend(out, feedback_id_, "MIME-Version: 1.0\r\n");
  for (const auto& part : body_.parts) {
    if (const auto* text = std::get_if<TextPart>(&part); text != nullptr) {
      text->AppendTo(values, body_.boundaries, scratch, out);
    } else {
      *out += std::get<std::string>(part);
    }
  }
}

}  // namespace crescendo::smtp
