// What replies mean, with the shipped rules.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/core/reply_text.h"
#include "scheduler/providers/provider_loader.h"
#include "smtp_client/wire/reply_parser.h"
#include "smtp_client/wire/utf8.h"
#include "tests/fuzz/properties.h"

namespace crescendo::fuzz {
namespace {

const providers::ProviderData& Shipped() {
  static const auto* const kData =
      new providers::ProviderData(providers::LoadProviders("").value());
  return *kData;
}

const core::ReplyText& Text() {
  static const auto* const kText = new core::ReplyText();
  return *kText;
}

absl::Status CheckMeaning(const Reply& reply, const Classification& c) {
  const bool accepted = reply.code >= 200 && reply.code < 300;
  RETURN_IF_ERROR(Expect((c.disposition == Disposition::kAccept) == accepted &&
                             (c.category == ReplyCategory::kAccepted) == accepted,
                         "a 2yz is accepted, and nothing else", reply.ToString()));
  const bool retried =
      c.disposition == Disposition::kRetry || c.disposition == Disposition::kRetryNow;
  RETURN_IF_ERROR(
      Expect(accepted || reply.permanent() || retried || c.category == ReplyCategory::kGivenUp,
             "what is no 5yz is tried again", reply.ToString()));
  RETURN_IF_ERROR(
      Expect(!c.suppress || reply.permanent(), "a 5yz alone suppresses", reply.ToString()));
  RETURN_IF_ERROR(Expect(c.stop_for >= absl::ZeroDuration() && c.stop_for <= absl::Hours(24 * 30),
                         "a stop has an end", absl::FormatDuration(c.stop_for)));
  RETURN_IF_ERROR(Expect(c.forward_address.empty() || c.category == ReplyCategory::kMoved,
                         "only who has moved has a new address", c.forward_address));
  return Expect(smtp::CleanText(c.forward_address) == c.forward_address &&
                    c.forward_address.find_first_of(" <>") == std::string::npos,
                "a new address is safe to show", c.forward_address);
}

}  // namespace

absl::Status CheckClassifier(absl::string_view input) {
  smtp::ReplyParser parser;
  parser.Feed(input);
  while (const std::optional<Reply> reply = parser.Next()) {
    const std::string text = Text().Normalise(*reply);
    RETURN_IF_ERROR(Expect(smtp::IsUtf8(text), "normal text is UTF-8", text));
    Reply again;
    again.lines = {text};
    RETURN_IF_ERROR(Expect(Text().Normalise(again) == text, "normal text is its own", text));
    const absl::Duration wait = Text().NamedWait(text);
    RETURN_IF_ERROR(Expect(wait >= absl::ZeroDuration() && wait <= core::kMaxNamedWait,
                           "a wait has an end", absl::FormatDuration(wait)));
    Reply shouted = *reply;
    shouted.lines = {absl::AsciiStrToUpper(absl::StrJoin(reply->lines, " "))};
    for (const char* provider : {"default", "gmail", "outlook", "yahoo", "qq"}) {
      const Classification c = Shipped().classifier.Classify(*reply, ProviderId(provider));
      RETURN_IF_ERROR(CheckMeaning(*reply, c));
      RETURN_IF_ERROR(
          Expect(Shipped().classifier.Classify(shouted, ProviderId(provider)).rule == c.rule,
                 "case and line breaks mean nothing", reply->ToString()));
    }
  }
  return absl::OkStatus();
}

}  // namespace crescendo::fuzz
