// Whole messages: of parts, and of one that somebody else has written.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"
#include "smtp_client/message/content.h"
#include "smtp_client/message/encode.h"
#include "smtp_client/message/raw_message.h"
#include "smtp_client/wire/data.h"
#include "smtp_client/wire/utf8.h"
#include "tests/fuzz/mail_model.h"
#include "tests/fuzz/properties.h"
#include "tests/support/receiver_model.h"

namespace crescendo::fuzz {
namespace {

using smtp::Content;
using smtp::Values;
using smtp::Variables;

std::string Fill(const Content& content, const Values& values) {
  std::string scratch, out;
  content.AppendTo(values, "spring.7@shop.example", absl::FromUnixSeconds(1767225600), &scratch,
                   &out);
  return out;
}

// What holds for every message of ours.
absl::StatusOr<Fields> CheckWhole(const Content& content, const Values& values) {
  const std::string message = Fill(content, values);
  RETURN_IF_ERROR(Expect(Fill(content, values) == message, "the same values, the same bytes"));
  RETURN_IF_ERROR(CheckLines(message));
  std::string wire;
  smtp::AppendData(message, &wire);
  RETURN_IF_ERROR(Expect(testing::Receive(wire) == message, "nothing is left to repair", message));
  ASSIGN_OR_RETURN(Fields fields, ReadFields(message, {"To", "Reply-To", "Sender"}));
  for (const char* name : {"Date", "From", "To", "Message-ID", "MIME-Version"}) {
    RETURN_IF_ERROR(Expect(Count(fields, name) == 1, absl::StrCat(name, " stands there once"),
                           message.substr(0, message.find("\r\n\r\n"))));
  }
  for (const char* name : {"Subject", "Reply-To", "Sender", "In-Reply-To", "References",
                           "List-Unsubscribe", "Content-Type", "Content-Transfer-Encoding"}) {
    RETURN_IF_ERROR(Expect(Count(fields, name) <= 1,
                           absl::StrCat(name, " stands there once at most"),
                           message.substr(0, message.find("\r\n\r\n"))));
  }
  const size_t body = message.find("\r\n\r\n");
  RETURN_IF_ERROR(Expect(body != std::string::npos, "a header ends", message));
  RETURN_IF_ERROR(Expect(smtp::IsAscii(message.substr(body)), "a body is ASCII", message));
  return fields;
}

std::string WithLineEnd(std::string text) {
  if (!absl::EndsWith(text, "\r\n")) text += "\r\n";
  return text;
}

}  // namespace

absl::Status CheckMessage(absl::string_view input) {
  Campaign campaign;
  campaign.id = CampaignId("spring");
  campaign.pool = PoolId("main");
  campaign.from_address = "news@shop.example";
  campaign.subject = std::string(TakeText(&input));
  campaign.text_body = std::string(TakeText(&input));
  campaign.html_body = std::string(TakeText(&input));
  campaign.headers = {{"X-Note", std::string(TakeText(&input))},
                      {"Reply-To", std::string(TakeText(&input))}};
  campaign.from_name = std::string(TakeText(&input));
  campaign.list_unsubscribe = std::string(TakeText(&input));
  const std::string address = NormaliseAddress(TakeText(&input)).value_or("ann@example.net");
  const Variables variables = {{"name", std::string(input)}};
  const Values values{variables, address};
  if (!ValidateCampaign(campaign).ok()) return absl::OkStatus();
  const absl::StatusOr<Content> content = Content::Create(campaign);
  if (!content.ok()) {
    return Expect(smtp::CleanText(content.status().message()) == content.status().message() ||
                      !smtp::IsUtf8(content.status().message()),
                  "a fault is safe to show", content.status().message());
  }
  ASSIGN_OR_RETURN(const Fields fields, CheckWhole(*content, values));
  for (const char* name : {"Subject", "X-Note", "Reply-To"}) {
    RETURN_IF_ERROR(Expect(Count(fields, name) == 1, absl::StrCat(name, " stands there once")));
  }
  const int unsubscribe = Count(fields, "List-Unsubscribe") +
                          Count(fields, "List-Unsubscribe-Post") +
                          Count(fields, "Content-Transfer-Encoding");
  RETURN_IF_ERROR(Expect(fields.size() == 9u + unsubscribe, "no value starts a field",
                         absl::StrCat(fields.size())));
  // Readers find the texts, whole, and no part more.
  std::vector<std::string> want;
  for (const auto& [text, escape] : {std::pair(campaign.text_body, smtp::Escape::kText),
                                     std::pair(campaign.html_body, smtp::Escape::kHtml)}) {
    if (text.empty()) continue;
    const auto parsed = smtp::Template::Parse(smtp::StrictText(text));
    want.push_back(WithLineEnd(parsed->Fill(values, escape)));
  }
  const std::vector<std::string> leaves = LeavesOf(Fill(*content, values));
  RETURN_IF_ERROR(
      Expect(leaves.size() == want.size(), "as many parts as texts", Fill(*content, values)));
  for (size_t i = 0; i < want.size(); ++i) {
    RETURN_IF_ERROR(Expect(leaves[i] == want[i], "a reader sees the text", leaves[i]));
  }
  return absl::OkStatus();
}

absl::Status CheckRawMessage(absl::string_view input) {
  Campaign campaign;
  campaign.id = CampaignId("spring");
  campaign.pool = PoolId("main");
  campaign.from_address = "news@shop.example";
  const Variables variables = {{"name", std::string(TakeText(&input))}};
  campaign.raw_message = std::string(input);
  if (campaign.raw_message.empty()) return absl::OkStatus();
  const absl::StatusOr<Content> content = Content::Create(campaign);
  if (!content.ok()) {
    return Expect(absl::StrContains(content.status().message(), "raw_message"),
                  "a fault names its field", content.status().message());
  }
  const Values values{variables, "ann@example.net"};
  RETURN_IF_ERROR(CheckWhole(*content, values).status());
  const std::string message = Fill(*content, values);
  const size_t parts = LeavesOf(input).size();
  RETURN_IF_ERROR(Expect(LeavesOf(message).size() == parts, "as many parts as were given",
                         absl::StrCat(parts, " were given: ", message)));
  // What we wrote, we would take; unless a value or a default has braces.
  if (absl::StrContains(message, "{{") || absl::StrContains(variables[0].second, "{{")) {
    return absl::OkStatus();
  }
  const auto again = smtp::ReadRawMessage(message);
  return Expect(again.ok() || absl::StrContains(again.status().message(), "{{"),
                "our own message can be read", again.status().message());
}

}  // namespace crescendo::fuzz
