#include "cmd/crescendo/campaign_options.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "cmd/crescendo/failure.h"
#include "cmd/crescendo/names.h"
#include "cmd/crescendo/table.h"
#include "cmd/crescendo/time_text.h"
#include "crescendo/v1/provider.pb.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::cli {
namespace {

absl::StatusOr<std::string> ReadFile(const char* option, const std::string& path) {
  RETURN_IF_ERROR(CheckFile(option, path));
  std::ifstream in(path, std::ios::binary);
  return std::string((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
}

// A quoted-string without its quotes (RFC 5322 §3.2.4); anything else as it is.
std::string Unquoted(absl::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::string(text);
  std::string plain;
  text = text.substr(1, text.size() - 2);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    plain += text[i];
  }
  return plain;
}

// "Name <a@b>", "\"Na, me\" <a@b>" or "a@b".
void SetFrom(absl::string_view text, v1::Campaign* campaign) {
  const size_t open = text.rfind('<');
  if (open == absl::string_view::npos || !absl::ConsumeSuffix(&text, ">")) {
    campaign->set_from_address(std::string(text));
    return;
  }
  campaign->set_from_name(Unquoted(absl::StripAsciiWhitespace(text.substr(0, open))));
  campaign->set_from_address(std::string(text.substr(open + 1)));
}

// The default of the field stands for the provider's.
v1::Provider::TlsPolicy TlsPolicyNamed(const std::string& name) {
  v1::Provider::TlsPolicy policy = v1::Provider::TLS_POLICY_UNSPECIFIED;
  v1::Provider::TlsPolicy_Parse(absl::AsciiStrToUpper(name), &policy);
  return policy;
}

}  // namespace

Command WithContent(Command command, CampaignOptions* o, bool required) {
  command.Option("--pool", "POOL", &o->pool, "The pool it leaves through")
      .Required(required)
      .Option("--from", "FROM", &o->from, "'Shop News <news@shop.example>', or the address alone")
      .Required(required)
      .Option("--subject", "TEXT", &o->subject,
              "May hold {{variables}} and {{variable|default}}; required without --raw")
      .Option("--text", "FILE", &o->text, "The text body; may hold {{variables}}")
      .Option("--html", "FILE", &o->html, "The HTML body; may hold {{variables}}")
      .Option("--raw", "FILE", &o->raw,
              "A whole message (.eml) instead of subject, bodies and headers")
      .Option("--header", "FIELD", &o->headers,
              "'Reply-To: help@shop.example'; may hold {{variables}}; can be repeated")
      .Option("--list-unsubscribe", "HEADER", &o->list_unsubscribe,
              "'<https://shop.example/u?t={{token}}>, <mailto:leave@shop.example>'")
      .Option("--feedback-sender-id", "ID", &o->feedback_sender_id,
              "Last part of the Feedback-ID, 5 to 15 characters; default: no such field")
      .Option("--return-path", "ADDRESS", &o->return_path,
              "Envelope sender; default: the From address")
      .Option("--lifetime", "DURATION", &o->lifetime, "How long retries go on; default 72h")
      .Option("--weight", "N", &o->weight, 0,
              "Its share where campaigns compete; default 0: by rank, among those without one")
      .Option("--sunset-days", "N", &o->sunset_days, 0,
              "Do not mail who was last engaged longer ago; default 0: everybody")
      .Choice("--tls", "POLICY", {"provider", "opportunistic", "required", "verified"}, &o->tls,
              "What its mail needs at least; where it is not to be had, mail is deferred, then "
              "expires; default: provider, as each says")
      .Flag("--dry-run", &o->dry_run, "Check only; store nothing");
  return command;
}

absl::Status FillCampaign(const CampaignOptions& options, v1::Campaign* campaign,
                          google::protobuf::FieldMask* mask) {
  if (!options.pool.empty()) {
    ASSIGN_OR_RETURN(*campaign->mutable_pool(), PoolName(options.pool));
    mask->add_paths("pool");
  }
  if (!options.from.empty()) {
    SetFrom(options.from, campaign);
    mask->add_paths("from_name");
    mask->add_paths("from_address");
  }
  if (!options.return_path.empty()) {
    campaign->set_return_path(options.return_path);
    mask->add_paths("return_path");
  }
  if (!options.subject.empty()) {
    campaign->set_subject(options.subject);
    mask->add_paths("subject");
  }
  if (!options.text.empty()) {
    ASSIGN_OR_RETURN(*campaign->mutable_text_body(), ReadFile("--text: ", options.text));
    mask->add_paths("text_body");
  }
  if (!options.html.empty()) {
    ASSIGN_OR_RETURN(*campaign->mutable_html_body(), ReadFile("--html: ", options.html));
    mask->add_paths("html_body");
  }
  if (!options.raw.empty()) {
    ASSIGN_OR_RETURN(*campaign->mutable_raw_message(), ReadFile("--raw: ", options.raw));
    mask->add_paths("raw_message");
  }
  for (const std::string& header : options.headers) {
    const size_t colon = header.find(':');
    if (colon == std::string::npos) {
      return UsageError(
          absl::StrCat("--header: \"", header, "\" has no colon; write 'Name: value'"));
    }
    v1::Campaign::Header* added = campaign->add_headers();
    added->set_name(header.substr(0, colon));
    added->set_value(
        std::string(absl::StripAsciiWhitespace(absl::string_view(header).substr(colon + 1))));
  }
  if (!options.headers.empty()) mask->add_paths("headers");
  if (!options.feedback_sender_id.empty()) {
    campaign->set_feedback_sender_id(options.feedback_sender_id);
    mask->add_paths("feedback_sender_id");
  }
  if (!options.list_unsubscribe.empty()) {
    campaign->set_list_unsubscribe(options.list_unsubscribe);
    mask->add_paths("list_unsubscribe");
  }
  if (!options.tls.empty()) {
    campaign->set_tls_policy(TlsPolicyNamed(options.tls));
    mask->add_paths("tls_policy");
  }
  if (options.lifetime.has_value()) {
    *campaign->mutable_lifetime() = ToProto(*options.lifetime);
    mask->add_paths("lifetime");
  }
  if (options.weight >= 0) {
    campaign->set_weight(static_cast<int32_t>(std::min<int64_t>(options.weight, INT32_MAX)));
    mask->add_paths("weight");
  }
  if (options.sunset_days >= 0) {
    campaign->set_sunset_days(
        static_cast<int32_t>(std::min<int64_t>(options.sunset_days, INT32_MAX)));
    mask->add_paths("sunset_days");
  }
  return absl::OkStatus();
}

absl::Status CheckContent(absl::string_view verb, const CampaignOptions& options) {
  const bool parts = !options.text.empty() || !options.html.empty();
  if (!parts && options.raw.empty()) {
    return UsageError(absl::StrCat(verb,
                                   ": there is no body; give --text FILE, --html FILE or both, or "
                                   "--raw FILE"));
  }
  if (parts && options.subject.empty()) {
    return UsageError(absl::StrCat(verb, ": there is no subject; give --subject TEXT"));
  }
  return absl::OkStatus();
}

absl::Status ShowCampaign(Context& context, const v1::Campaign& campaign) {
  Emit(context, campaign, [&context](const v1::Campaign& shown) {
    Card card;
    card.Add("CAMPAIGN", IdOf(shown.name()));
    card.Add("STATE", v1::Campaign::State_Name(shown.state()));
    card.Add("WHY", shown.state_reason());
    card.Add("POOL", IdOf(shown.pool()));
    card.Add("FROM", shown.from_name().empty()
                         ? shown.from_address()
                         : absl::StrCat(shown.from_name(), " <", shown.from_address(), ">"));
    card.Add("SUBJECT", shown.subject());
    if (shown.weight() > 0) card.Add("WEIGHT", CountText(shown.weight()));
    if (shown.sunset_days() > 0) card.Add("SUNSET", absl::StrCat(shown.sunset_days(), " days"));
    card.Add("TLS", shown.tls_policy() == v1::Provider::TLS_POLICY_UNSPECIFIED
                        ? "as the provider says"
                        : absl::StrCat(v1::Provider::TlsPolicy_Name(shown.tls_policy()),
                                       ", or what the provider needs if that is more"));
    const v1::Campaign::Counts& counts = shown.counts();
    card.Add("RECIPIENTS", CountText(counts.total()));
    card.Add("WAITING",
             absl::StrCat(CountText(counts.queued()), " queued, ", CountText(counts.claimed()),
                          " in flight, ", CountText(counts.deferred()), " deferred, ",
                          CountText(counts.in_doubt()), " in doubt"));
    card.Add("DONE",
             absl::StrCat(CountText(counts.accepted()), " accepted, ", CountText(counts.bounced()),
                          " bounced, ", CountText(counts.expired()), " expired, ",
                          CountText(counts.suppressed()), " suppressed, ",
                          CountText(counts.cancelled()), " cancelled"));
    const int64_t left = counts.queued() + counts.deferred() + counts.in_doubt();
    if (shown.state() == v1::Campaign::CANCELLED && left > 0) {
      card.Add("CANCELLING",
               absl::StrCat(CountText(left), " to take off; none of them leaves any more"));
    }
    card.Add("ETAG", shown.etag());
    card.Print(context.streams);
  });
  return absl::OkStatus();
}

}  // namespace crescendo::cli
