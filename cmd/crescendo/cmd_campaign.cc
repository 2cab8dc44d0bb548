// crescendo campaign: what is sent, to whom, and how it fares.
#include <memory>

#include "absl/strings/str_cat.h"
#include "cmd/crescendo/campaign_options.h"
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

absl::Status Create(const CampaignOptions& options, Context& context) {
  v1::CreateCampaignRequest request;
  ASSIGN_OR_RETURN(const std::string name, CampaignName(options.name));
  request.set_campaign_id(IdOf(name));
  RETURN_IF_ERROR(CheckContent("campaign create", options));
  google::protobuf::FieldMask mask;
  RETURN_IF_ERROR(FillCampaign(options, request.mutable_campaign(), &mask));
  request.set_request_id(options.request_id);
  request.set_validate_only(options.dry_run);
  ASSIGN_OR_RETURN(const v1::Campaign campaign,
                   context.client.Call(&Stub::CreateCampaign, request));
  if (options.dry_run) context.streams.err << "dry run: nothing was stored\n";
  RETURN_IF_ERROR(ShowCampaign(context, campaign));
  if (!options.dry_run) {
    Hint(context, absl::StrCat("next: crescendo campaign import ", IdOf(campaign.name()),
                               " FILE, then crescendo campaign start ", IdOf(campaign.name())));
  }
  return absl::OkStatus();
}

absl::Status Update(const CampaignOptions& options, Context& context) {
  v1::UpdateCampaignRequest request;
  ASSIGN_OR_RETURN(*request.mutable_campaign()->mutable_name(), CampaignName(options.name));
  RETURN_IF_ERROR(FillCampaign(options, request.mutable_campaign(), request.mutable_update_mask()));
  if (request.update_mask().paths().empty()) {
    return UsageError("campaign update: nothing to change; give --subject, --text, --lifetime …");
  }
  request.mutable_campaign()->set_etag(options.etag);
  request.set_reason(options.reason);
  request.set_validate_only(options.dry_run);
  ASSIGN_OR_RETURN(const v1::Campaign campaign,
                   context.client.Call(&Stub::UpdateCampaign, request));
  if (options.dry_run) context.streams.err << "dry run: nothing was stored\n";
  return ShowCampaign(context, campaign);
}

absl::Status Get(const CampaignOptions& options, Context& context) {
  v1::GetCampaignRequest request;
  ASSIGN_OR_RETURN(*request.mutable_name(), CampaignName(options.name));
  ASSIGN_OR_RETURN(const v1::Campaign campaign, context.client.Call(&Stub::GetCampaign, request));
  return ShowCampaign(context, campaign);
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
        return ShowCampaign(context, campaign);
      });
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
                        "Change a draft; later --lifetime, --tls, --weight, --sunset-days alone"),
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
