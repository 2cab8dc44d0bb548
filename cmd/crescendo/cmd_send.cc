// crescendo campaign send and watch: a mailing from its file to the last outcome, in one command.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "cmd/crescendo/campaign_options.h"
#include "cmd/crescendo/commands.h"
#include "cmd/crescendo/failure.h"
#include "cmd/crescendo/names.h"
#include "cmd/crescendo/printable.h"
#include "cmd/crescendo/retry.h"
#include "cmd/crescendo/table.h"
#include "cmd/crescendo/time_text.h"
#include "crescendo/v1/campaign.grpc.pb.h"
#include "crescendo/v1/forecast.grpc.pb.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::cli {
namespace {

using Stub = v1::CampaignService::Stub;

struct SendOptions {
  CampaignOptions campaign;
  bool no_wait = false;
  std::optional<absl::Duration> interval;
};

// How often it is asked when it will be done: the daemon runs itself ahead for it.
constexpr absl::Duration kForecastEvery = absl::Seconds(30);
// The rate is of about so long.
constexpr double kRateSmoothing = 0.2;

int64_t Done(const v1::Campaign::Counts& counts) {
  return counts.accepted() + counts.bounced() + counts.expired() + counts.suppressed() +
         counts.cancelled();
}

// Shows a campaign until its last recipient has an outcome.
class Watch {
 public:
  Watch(Context& context, std::string name, absl::Duration interval)
      : context_(context), name_(std::move(name)), interval_(interval) {}

  absl::Status Run() {
    Retry retry(context_);
    v1::GetCampaignRequest request;
    request.set_name(name_);
    while (true) {
      const absl::StatusOr<v1::Campaign> campaign =
          context_.client.Call(&Stub::GetCampaign, request);
      if (campaign.ok()) {
        retry.Heard();
        const bool over = Done(campaign->counts()) >= campaign->counts().total() ||
                          campaign->state() == v1::Campaign::CANCELLED;
        Show(*campaign, over);
        if (over) return over_json_ ? absl::OkStatus() : ShowCampaign(context_, *campaign);
        if (!context_.streams.out.good()) return absl::OkStatus();
        if (context_.client.interrupt().Sleep(interval_)) continue;
      }
      ClearBar();
      if (context_.client.interrupt().triggered()) {
        context_.streams.err << "the daemon goes on without this: crescendo campaign watch "
                             << IdOf(name_) << "\n";
        return absl::CancelledError("interrupted");
      }
      // A daemon that was not there from the start is not waited for.
      if (!seen_.has_value() || !retry.Wait(campaign.status())) return campaign.status();
    }
  }

 private:
  void Show(const v1::Campaign& campaign, bool over) {
    const int64_t done = Done(campaign.counts());
    const absl::Duration now = context_.clock.Now().steady;
    const bool changed = !seen_.has_value() || done != seen_->done || campaign.state() != state_;
    if (seen_.has_value()) {
      const double minutes = std::max(absl::ToDoubleMinutes(now - seen_->at), 1e-6);
      const double rate = static_cast<double>(done - seen_->done) / minutes;
      per_minute_ = per_minute_ < 0 ? rate : per_minute_ + kRateSmoothing * (rate - per_minute_);
    }
    seen_ = {now, done};
    state_ = campaign.state();
    if (context_.options.json) {
      over_json_ = true;
      if (changed) Emit(context_, campaign, [](const v1::Campaign&) {});
      context_.streams.out.flush();
      return;
    }
    if (over) return ClearBar();
    LookAhead(now);
    const std::string line = Line(campaign, done);
    // A log gets a line for each change, a terminal one that is drawn anew.
    if (context_.streams.err_is_terminal) {
      context_.streams.err << "\r" << line << "\x1b[K";
      bar_shown_ = true;
    } else if (changed) {
      context_.streams.err << line << "\n";
    }
  }

  std::string Line(const v1::Campaign& campaign, int64_t done) const {
    const v1::Campaign::Counts& counts = campaign.counts();
    const double part =
        counts.total() > 0 ? static_cast<double>(done) / static_cast<double>(counts.total()) : 1;
    std::string line =
        absl::StrCat(context_.streams.err_is_terminal ? Bar(context_.streams, part, 24) + " " : "",
                     CountText(done), " of ", CountText(counts.total()), " done, ",
                     CountText(counts.accepted()), " accepted");
    if (counts.bounced() > 0) absl::StrAppend(&line, ", ", CountText(counts.bounced()), " bounced");
    if (per_minute_ >= 0) {
      absl::StrAppend(&line, ", ", CountText(static_cast<int64_t>(per_minute_ + 0.5)), "/min");
    }
    if (campaign.state() != v1::Campaign::SENDING) {
      absl::StrAppend(&line, ", ", v1::Campaign::State_Name(campaign.state()),
                      campaign.state_reason().empty() ? "" : ": ",
                      OneLine(campaign.state_reason()));
    } else if (!ends_.empty()) {
      absl::StrAppend(&line, ", ", ends_);
    }
    const int width = context_.streams.width();
    return width > 0 && context_.streams.err_is_terminal
               ? std::string(FrontOfWidth(line, static_cast<size_t>(width - 1)))
               : line;
  }

  // The plan and the receivers say when it ends, not the rate of now. Without an answer there is
  // none.
  void LookAhead(absl::Duration now) {
    if (looked_ahead_.has_value() && now - *looked_ahead_ < kForecastEvery) return;
    looked_ahead_ = now;
    v1::ForecastCampaignRequest request;
    request.set_name(name_);
    const absl::StatusOr<v1::Forecast> forecast = context_.client.Call(
        &v1::ForecastService::Stub::ForecastCampaign, request, absl::Seconds(30));
    // Of those on their way nothing is foretold.
    if (!forecast.ok() || forecast->recipients() == 0) return;
    const v1::Estimate& finish = forecast->finish();
    ends_ = finish.has_expected_time()
                ? absl::StrCat("done about ", TimeText(FromProto(finish.expected_time())))
                : "no end in sight: see crescendo explain";
  }

  void ClearBar() {
    if (std::exchange(bar_shown_, false)) context_.streams.err << "\r\x1b[K";
  }

  struct Seen {
    absl::Duration at;
    int64_t done = 0;
  };
  Context& context_;
  const std::string name_;
  const absl::Duration interval_;
  std::optional<Seen> seen_;
  v1::Campaign::State state_ = v1::Campaign::STATE_UNSPECIFIED;
  double per_minute_ = -1;  // Negative: not known yet.
  std::optional<absl::Duration> looked_ahead_;
  std::string ends_;
  bool bar_shown_ = false;
  bool over_json_ = false;
};

// "spring-list" of "/data/Spring list.csv".
std::string NameFromFile(const std::string& file) {
  std::string name;
  for (const char c : std::filesystem::path(file).stem().string()) {
    const char lower = absl::ascii_tolower(static_cast<unsigned char>(c));
    const bool plain = absl::ascii_isalnum(static_cast<unsigned char>(lower));
    if (plain || (!name.empty() && name.back() != '-')) name += plain ? lower : '-';
  }
  name = name.substr(0, 63);
  while (!name.empty() && name.back() == '-') name.pop_back();
  return name;
}

// The From field of a message's header, unfolded; "": it has none.
std::string FromOf(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string line, from;
  bool inside = false;
  while (std::getline(in, line)) {
    absl::StripTrailingAsciiWhitespace(&line);
    if (line.empty()) break;
    const bool folded = line[0] == ' ' || line[0] == '\t';
    if (!folded) inside = absl::StartsWithIgnoreCase(line, "from:");
    if (!inside) continue;
    const absl::string_view text = folded ? line : absl::string_view(line).substr(5);
    absl::StrAppend(&from, from.empty() ? "" : " ", absl::StripAsciiWhitespace(text));
  }
  return from;
}

// Makes it, or takes up the draft or the mailing that an earlier, cut run has made.
absl::StatusOr<v1::Campaign> Make(const SendOptions& options, const std::string& name,
                                  Context& context) {
  v1::CreateCampaignRequest request;
  request.set_campaign_id(IdOf(name));
  google::protobuf::FieldMask mask;
  RETURN_IF_ERROR(FillCampaign(options.campaign, request.mutable_campaign(), &mask));
  request.set_validate_only(options.campaign.dry_run);
  const absl::StatusOr<v1::Campaign> made = context.client.Call(&Stub::CreateCampaign, request);
  if (!absl::IsAlreadyExists(made.status())) return made;
  v1::GetCampaignRequest get;
  get.set_name(name);
  ASSIGN_OR_RETURN(const v1::Campaign known, context.client.Call(&Stub::GetCampaign, get));
  const v1::Campaign& wanted = request.campaign();
  const bool same =
      known.pool() == wanted.pool() && known.subject() == wanted.subject() &&
      known.from_address() == wanted.from_address() && known.text_body() == wanted.text_body() &&
      known.html_body() == wanted.html_body() && known.raw_message() == wanted.raw_message();
  if (!same || known.state() == v1::Campaign::CANCELLED) {
    return absl::AlreadyExistsError(
        absl::StrCat("there is a campaign ", IdOf(name),
                     same ? " already, and it is cancelled" : " already, with other content",
                     "; give this one another name with --name"));
  }
  context.streams.err << "campaign " << IdOf(name) << " is there already: going on with it\n";
  return known;
}

absl::Status Send(SendOptions options, Context& context) {
  CampaignOptions& campaign = options.campaign;
  RETURN_IF_ERROR(CheckFile("", campaign.import.file));
  if (campaign.name.empty()) campaign.name = NameFromFile(campaign.import.file);
  ASSIGN_OR_RETURN(const std::string name, CampaignName(campaign.name));
  RETURN_IF_ERROR(CheckContent("campaign send", campaign));
  if (campaign.from.empty() && !campaign.raw.empty()) {
    RETURN_IF_ERROR(CheckFile("--template: ", campaign.raw));
    campaign.from = FromOf(campaign.raw);
  }
  if (campaign.from.empty()) {
    return UsageError("campaign send: nobody is it from; give --from, or a template with a From:");
  }
  ASSIGN_OR_RETURN(const v1::Campaign made, Make(options, name, context));
  if (campaign.dry_run) {
    context.streams.err << "dry run: nothing was stored; the recipients are checked by crescendo "
                           "campaign import --dry-run once the campaign is there\n";
    return ShowCampaign(context, made);
  }
  campaign.import.campaign = campaign.name;
  RETURN_IF_ERROR(ImportFile(campaign.import, context));
  if (made.state() == v1::Campaign::DRAFT) {
    v1::StartCampaignRequest start;
    start.set_name(name);
    start.set_reason(campaign.reason);
    RETURN_IF_ERROR(context.client.Call(&Stub::StartCampaign, start).status());
  }
  if (options.no_wait) {
    Hint(context, absl::StrCat("it is being sent: crescendo campaign watch ", IdOf(name)));
    return absl::OkStatus();
  }
  return Watch(context, name, options.interval.value_or(absl::Seconds(1))).Run();
}

}  // namespace

void AddSendCommands(CommandTree& tree) {
  auto options = std::make_shared<SendOptions>();
  SendOptions* o = options.get();
  WithContent(tree.Verb("campaign", "send",
                        "Make a campaign, import its recipients, start it, and watch it"),
              &o->campaign, /*required=*/false)
      .Argument("FILE", &o->campaign.import.file, "CSV with a header row, or JSON Lines")
      .Option("--template", "FILE", &o->campaign.raw,
              "The same as --raw: a whole message with {{variables}}; its From is taken")
      .Option("--name", "NAME", &o->campaign.name, "The campaign's; default: the file's")
      .Option("--reason", "TEXT", &o->campaign.reason, "Why, kept in the events")
      .Flag("--skip-invalid", &o->campaign.import.skip_invalid, "Report broken lines and go on")
      .Flag("--no-wait", &o->no_wait, "End when it is started")
      .Option("--interval", "DURATION", &o->interval, "How often to look; default 1s")
      .Note(
          "Run the same command again after a cut: it goes on where it stopped, and nobody is "
          "added or sent twice. Ctrl-C ends the watching alone.")
      .Note("The end it shows is the daemon's forecast: plan, caps and receivers as they are.")
      .Example("crescendo campaign send recipients.csv --template spring.eml --pool main")
      .Example(
          "crescendo campaign send recipients.csv --name autumn --pool main --from "
          "news@shop.example --subject Hello --text body.txt --no-wait")
      .Run([options](Context& context) { return Send(*options, context); });
  tree.Verb("campaign", "watch", "Show how a campaign goes until its last recipient has an outcome")
      .Argument("NAME", &o->campaign.name, "spring or campaigns/spring")
      .Option("--interval", "DURATION", &o->interval, "How often to look; default 1s")
      .Example("crescendo campaign watch spring")
      .Run([options](Context& context) -> absl::Status {
        ASSIGN_OR_RETURN(std::string name, CampaignName(options->campaign.name));
        return Watch(context, std::move(name), options->interval.value_or(absl::Seconds(1))).Run();
      });
}

}  // namespace crescendo::cli
