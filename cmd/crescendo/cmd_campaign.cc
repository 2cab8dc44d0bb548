// crescendo campaign: what is sent, to whom, and how it fares.
#include <algorithm>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "cmd/crescendo/commands.h"
#include "cmd/crescendo/failure.h"
#include "cmd/crescendo/import.h"
#include "cmd/crescendo/list.h"
#include "cmd/crescendo/names.h"
#include "cmd/crescendo/time_text.h"
#include "crescendo/v1/campaign.grpc.pb.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::cli {
namespace {

using Stub = v1::CampaignService::Stub;

struct CampaignOptions {
  std::string name, pool, from, return_path, subject, text, html, raw, list_unsubscribe,
      feedback_sender_id, tls, etag, reason, request_id;
  std::vector<std::string> headers;
  std::optional<absl::Duration> lifetime;
  int64_t weight = -1, sunset_days = -1;  // -1: not given.
  bool dry_run = false;
  ImportOptions import;
};

absl::StatusOr<std::string> ReadFile(const char* option, const std::string& path) {
  RETURN_IF_ERROR(CheckFile(option, path));
  std::ifstream in(path, std::ios::binary);
  return std::string((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
}

// "Name <a@b>" or "a@b".
void SetFrom(absl::string_view text, v1::Campaign* campaign) {
  const size_t open = text.rfind('<');
  if (open == absl::string_view::npos || !absl::ConsumeSuffix(&text, ">")) {
    campaign->set_from_address(std::string(text));
    return;
  }
  campaign->set_from_name(std::string(absl::StripAsciiWhitespace(text.substr(0, open))));
  campaign->set_from_address(std::string(text.substr(open + 1)));
}

// The default of the field stands for the provider's.
v1::Provider::TlsPolicy TlsPolicyNamed(const std::string& name) {
  v1::Provider::TlsPolicy policy = v1::Provider::TLS_POLICY_UNSPECIFIED;
  v1::Provider::TlsPolicy_Parse(absl::AsciiStrToUpper(name), &policy);
  return policy;
}

absl::Status Show(Context& context, const v1::Campaign& campaign) {
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

absl::Status Fill(const CampaignOptions& options, v1::Campaign* campaign,
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

absl::Status Create(const CampaignOptions& options, Context& context) {
  v1::CreateCampaignRequest request;
  ASSIGN_OR_RETURN(const std::string name, CampaignName(options.name));
  request.set_campaign_id(IdOf(name));
  const bool parts = !options.text.empty() || !options.html.empty();
  if (!parts && options.raw.empty()) {
    return UsageError(
        "campaign create: there is no body; give --text FILE, --html FILE or both, or --raw FILE");
  }
  if (parts && options.subject.empty()) {
    return UsageError("campaign create: there is no subject; give --subject TEXT");
  }
  google::protobuf::FieldMask mask;
  RETURN_IF_ERROR(Fill(options, request.mutable_campaign(), &mask));
  request.set_request_id(options.request_id);
  request.set_validate_only(options.dry_run);
  ASSIGN_OR_RETURN(const v1::Campaign campaign,
                   context.client.Call(&Stub::CreateCampaign, request));
  if (options.dry_run) context.streams.err << "dry run: nothing was stored\n";
  RETURN_IF_ERROR(Show(context, campaign));
  if (!options.dry_run) {
    Hint(context, absl::StrCat("next: crescendo campaign import ", IdOf(campaign.name()),
                               " FILE, then crescendo campaign start ", IdOf(campaign.name())));
  }
  return absl::OkStatus();
}

absl::Status Update(const CampaignOptions& options, Context& context) {
  v1::UpdateCampaignRequest request;
  ASSIGN_OR_RETURN(*request.mutable_campaign()->mutable_name(), CampaignName(options.name));
  RETURN_IF_ERROR(Fill(options, request.mutable_campaign(), request.mutable_update_mask()));
  if (request.update_mask().paths().empty()) {
    return UsageError("campaign update: nothing to change; give --subject, --text, --lifetime …");
  }
  request.mutable_campaign()->set_etag(options.etag);
  request.set_reason(options.reason);
  request.set_validate_only(options.dry_run);
  ASSIGN_OR_RETURN(const v1::Campaign campaign,
                   context.client.Call(&Stub::UpdateCampaign, request));
  if (options.dry_run) context.streams.err << "dry run: nothing was stored\n";
  return Show(context, campaign);
}

absl::Status Get(const CampaignOptions& options, Context& context) {
  v1::GetCampaignRequest request;
  ASSIGN_OR_RETURN(*request.mutable_name(), CampaignName(options.name));
  ASSIGN_OR_RETURN(const v1::Campaign campaign, context.client.Call(&Stub::GetCampaign, request));
  return Show(context, campaign);
}

absl::Status List(Context& context) {
  return PrintList(
      context, &Stub::ListCampaigns, v1::ListCampaignsRequest(),
      [](const auto& response) -> const auto& { return response.campaigns(); },
      Table({{"CAMPAIGN", Column::kLeft},
             {"STATE", Column::kLeft},
             {"POOL", Column::kLeft},
             {"RECIPIENTS", Column::kRight},
             {"ACCEPTED", Column::kRight},
             {"BOUNCED", Column::kRight},
             {"WAITING", Column::kRight},
             {"SUBJECT", Column::kProse}}),
      [](const v1::Campaign& campaign) -> std::vector<Cell> {
        const v1::Campaign::Counts& counts = campaign.counts();
        return {
            IdOf(campaign.name()),
            v1::Campaign::State_Name(campaign.state()),
            IdOf(campaign.pool()),
            CountText(counts.total()),
            CountText(counts.accepted()),
            CountText(counts.bounced()),
            CountText(counts.queued() + counts.claimed() + counts.deferred() + counts.in_doubt()),
            campaign.subject()};
      });
}

template <typename Request>
void AddVerb(CommandTree& tree, const std::shared_ptr<CampaignOptions>& options, const char* verb,
             const char* summary, const char* example,
             grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, v1::Campaign*)) {
  CampaignOptions* o = options.get();
  tree.Verb("campaign", verb, summary)
      .Argument("NAME", &o->name, "spring or campaigns/spring")
      .Option("--etag", "ETAG", &o->etag, "Refuse if it has changed since this was read")
      .Option("--reason", "TEXT", &o->reason, "Why, kept in the events")
      .Example(example)
      .Run([options, method](Context& context) -> absl::Status {
        Request request;
        ASSIGN_OR_RETURN(*request.mutable_name(), CampaignName(options->name));
        request.set_etag(options->etag);
        request.set_reason(options->reason);
        ASSIGN_OR_RETURN(const v1::Campaign campaign, context.client.Call(method, request));
        return Show(context, campaign);
      });
}

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

void AddImport(CommandTree& tree, const std::shared_ptr<CampaignOptions>& options) {
  CampaignOptions* o = options.get();
  tree.Verb("campaign", "import", "Import recipients from a CSV or JSON Lines file")
      .Argument("CAMPAIGN", &o->import.campaign, "spring or campaigns/spring")
      .Argument("FILE", &o->import.file, "CSV with a header row, or JSON Lines")
      .Option("--import-id", "ID", &o->import.import_id,
              "Default: from the file's name and content")
      .Choice("--format", "FORMAT", {"csv", "jsonl"}, &o->import.format,
              "Default: by the file's name")
      .Option("--chunk-size", "N", &o->import.chunk_size, 1,
              "Recipients a chunk; default 500; with --import-id keep it when resuming")
      .Flag("--skip-invalid", &o->import.skip_invalid, "Report broken lines and go on")
      .Flag("--update-scores", &o->import.update_scores,
            "Re-rank: who is in the campaign and still waits gets the file's score")
      .Flag("--dry-run", &o->import.dry_run, "Check only; store nothing")
      .Note(
          "Columns: email or address, score, last_click_time, last_open_time, subscribe_time, "
          "click_count, open_count; every other column is a {{variable}}.")
      .Note(
          "Run the same command again after a cut: it goes on where it stopped, and adds nobody "
          "twice.")
      .Example("crescendo campaign import spring recipients.csv --skip-invalid")
      .Example("crescendo campaign import spring new-scores.csv --update-scores")
      .Run([options](Context& context) { return ImportFile(options->import, context); });
}

}  // namespace

void AddCampaignCommands(CommandTree& tree) {
  auto options = std::make_shared<CampaignOptions>();
  CampaignOptions* o = options.get();
  tree.Noun("campaign", "Campaigns: one message to many recipients");
  WithContent(
      tree.Verb("campaign", "create", "Make a campaign; nothing leaves before campaign start"), o,
      /*required=*/true)
      .Argument("NAME", &o->name, "Its id: 1 to 63 of a-z, 0-9 and -")
      .Option("--request-id", "ID", &o->request_id, "Makes a repeated call safe")
      .Example(
          "crescendo campaign create spring --pool main --from 'Shop <news@shop.example>' "
          "--subject Hello --text body.txt")
      .Run([options](Context& context) { return Create(*options, context); });
  tree.Verb("campaign", "get", "Show one campaign and its counts")
      .Argument("NAME", &o->name, "spring or campaigns/spring")
      .Example("crescendo campaign get spring")
      .Run([options](Context& context) { return Get(*options, context); });
  tree.Verb("campaign", "list", "List the campaigns")
      .Example("crescendo campaign list")
      .Run([](Context& context) { return List(context); });
  WithContent(tree.Verb("campaign", "update",
                        "Change a campaign: a draft; later --lifetime, --tls, --weight and "
                        "--sunset-days alone"),
              o,
              /*required=*/false)
      .Argument("NAME", &o->name, "spring or campaigns/spring")
      .Option("--etag", "ETAG", &o->etag, "Refuse if it has changed since this was read")
      .Option("--reason", "TEXT", &o->reason, "Why, kept in the events")
      .Example("crescendo campaign update spring --lifetime 48h")
      .Run([options](Context& context) { return Update(*options, context); });
  AddImport(tree, options);
  AddVerb<v1::StartCampaignRequest>(tree, options, "start", "Start sending",
                                    "crescendo campaign start spring", &Stub::StartCampaign);
  AddVerb<v1::PauseCampaignRequest>(
      tree, options, "pause", "Stop sending; what is in flight finishes",
      "crescendo campaign pause spring --reason 'wrong link'", &Stub::PauseCampaign);
  AddVerb<v1::ResumeCampaignRequest>(tree, options, "resume", "End a pause",
                                     "crescendo campaign resume spring", &Stub::ResumeCampaign);
  AddVerb<v1::CancelCampaignRequest>(tree, options, "cancel", "End it for good",
                                     "crescendo campaign cancel spring", &Stub::CancelCampaign);
}

}  // namespace crescendo::cli
