#include "scheduler/dashboard/live.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/dashboard/transcode.h"
#include "scheduler/service/errors.h"
#include "scheduler/service/json.h"

namespace crescendo::dashboard {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr int kPage = 1000;

std::string StringOf(const Message& message, const std::string& field) {
  return message.GetReflection()->GetString(message,
                                            message.GetDescriptor()->FindFieldByName(field));
}

void SetString(const std::string& field, const std::string& value, Message* message) {
  message->GetReflection()->SetString(message, message->GetDescriptor()->FindFieldByName(field),
                                      value);
}

void Clear(const std::string& field, Message* message) {
  message->GetReflection()->ClearField(message, message->GetDescriptor()->FindFieldByName(field));
}

std::string EventText(const std::string& kind, const Message& message) {
  return absl::StrCat("event: ", kind, "\ndata: ", service::JsonLine(message), "\n\n");
}

}  // namespace

class Live::Viewer final : public Feed, public std::enable_shared_from_this<Viewer> {
 public:
  explicit Viewer(Live* live) : live_(live) {}

  void Open(std::function<void()> wake) override {
    base::MutexLock lock(&live_->mu_);
    live_->viewers_[this] = std::move(wake);
    live_->changed_.NotifyAll();
  }
  std::optional<std::string> Take() override {
    base::MutexLock lock(&live_->mu_);
    if (live_->stopping_) return std::nullopt;
    if (seen_ == live_->version_) return "";
    return live_->Since(std::exchange(seen_, live_->version_));
  }
  void Close() override {
    base::MutexLock lock(&live_->mu_);
    live_->viewers_.erase(this);
  }

 private:
  Live* const live_;
  int64_t seen_ = 0;  // The listener's thread only.
};

Live::Live(Calls* calls, const base::Clock* clock, const base::Clock* real_clock,
           const Options& options)
    : calls_(calls), clock_(clock), real_clock_(real_clock), options_(options) {
  thread_ = std::thread([this] { Run(); });
}

Live::~Live() {
  Stop();
  thread_.join();
}

std::shared_ptr<Feed> Live::NewFeed() { return std::make_shared<Viewer>(this); }

void Live::Stop() {
  base::MutexLock lock(&mu_);
  stopping_ = true;
  changed_.NotifyAll();
  for (const auto& [viewer, wake] : viewers_) wake();
}

void Live::Run() {
  while (true) {
    {
      base::MutexLock lock(&mu_);
      if (viewers_.empty()) {
        // Nobody needs what there is, nor what is gone.
        entries_.clear();
        version_ = 0;
      }
      while (viewers_.empty() && !stopping_) changed_.Wait(&mu_);
      if (stopping_) return;
    }
    const absl::Duration start = real_clock_->Now().steady;
    Texts texts;
    const absl::Status status = Read(&texts);
    const absl::Duration took = real_clock_->Now().steady - start;
    const absl::Duration rest = std::max(options_.interval, options_.rest * took);
    base::MutexLock lock(&mu_);
    Keep(std::move(texts), status);
    last_ = status.ok() ? absl::StrCat("event: now\ndata: {\"time\":\"",
                                       absl::FormatTime(absl::RFC3339_full, clock_->Now().wall,
                                                        absl::UTCTimeZone()),
                                       "\",\"seconds\":", absl::ToDoubleSeconds(rest), "}\n\n")
                        : absl::StrCat("event: failed\ndata: ", ErrorResponse(status).body, "\n");
    ++version_;
    for (const auto& [viewer, wake] : viewers_) wake();
    const absl::Duration until = real_clock_->Now().steady + rest;
    while (!stopping_) {
      const absl::Duration left = until - real_clock_->Now().steady;
      if (left <= absl::ZeroDuration()) break;
      changed_.WaitFor(&mu_, absl::ToChronoMilliseconds(left + absl::Milliseconds(1)));
    }
  }
}

void Live::Keep(Texts texts, const absl::Status& status) {
  // Of a round that failed nothing is known: what was is still shown, with the reason.
  if (!status.ok()) return;
  const int64_t version = version_ + 1;
  for (auto& [key, entry] : entries_) {
    if (texts.contains(key)) continue;
    std::string gone = absl::StrCat("event: gone\ndata: {\"name\":\"", entry.name, "\"}\n\n");
    if (entry.text == gone) continue;
    entry.text = std::move(gone);
    entry.version = version;
  }
  for (auto& [key, fresh] : texts) {
    Entry& entry = entries_[key];
    if (entry.text == fresh.text) continue;
    entry = std::move(fresh);
    entry.version = version;
  }
}

std::string Live::Since(int64_t version) const {
  std::string text;
  for (const auto& [key, entry] : entries_) {
    if (entry.version > version) text += entry.text;
  }
  return text + last_;
}

absl::StatusOr<MessagePtr> Live::Ask(const std::string& method, const Message& request) {
  struct Waiting {
    base::Mutex mu;
    base::CondVar answered;
    std::optional<absl::StatusOr<MessagePtr>> answer ABSL_GUARDED_BY(mu);
  };
  const auto waiting = std::make_shared<Waiting>();
  calls_->Unary(MethodOf(method), request, "", [waiting](absl::StatusOr<MessagePtr> answer) {
    base::MutexLock lock(&waiting->mu);
    waiting->answer = std::move(answer);
    waiting->answered.NotifyAll();
  });
  base::MutexLock lock(&waiting->mu);
  while (!waiting->answer.has_value()) waiting->answered.Wait(&waiting->mu);
  return *std::move(waiting->answer);
}

absl::Status Live::List(const std::string& method, Message* request,
                        const std::function<absl::Status(Message*)>& each) {
  request->GetReflection()->SetInt32(request,
                                     request->GetDescriptor()->FindFieldByName("page_size"), kPage);
  while (true) {
    ASSIGN_OR_RETURN(const MessagePtr page, Ask(method, *request));
    const FieldDescriptor* items = page->GetDescriptor()->field(0);
    for (int i = 0; i < page->GetReflection()->FieldSize(*page, items); ++i) {
      RETURN_IF_ERROR(each(page->GetReflection()->MutableRepeatedMessage(page.get(), items, i)));
    }
    const std::string next = StringOf(*page, "next_page_token");
    if (next.empty()) return absl::OkStatus();
    SetString("page_token", next, request);
  }
}

absl::Status Live::Read(Texts* texts) {
  const auto keep = [&](const std::string& kind, const std::string& name, const Message& message) {
    (*texts)[absl::StrCat(kind, " ", name)] = {.text = EventText(kind, message), .name = name};
  };
  const auto request_of = [](const std::string& method) {
    return NewMessage(MethodOf(method).input_type());
  };
  const auto list = [&](const std::string& method, const std::string& kind, Message* request) {
    return List(method, request, [&](Message* message) {
      keep(kind, StringOf(*message, "name"), *message);
      return absl::OkStatus();
    });
  };
  RETURN_IF_ERROR(list("EgressIpService.ListEgressIps", "ip",
                       request_of("EgressIpService.ListEgressIps").get()));
  const MessagePtr lanes = request_of("LaneService.ListLanes");
  SetString("parent", "egressIps/-", lanes.get());
  RETURN_IF_ERROR(list("LaneService.ListLanes", "lane", lanes.get()));
  RETURN_IF_ERROR(list("CampaignService.ListCampaigns", "campaign",
                       request_of("CampaignService.ListCampaigns").get()));
  return List("PlanService.ListPlans", request_of("PlanService.ListPlans").get(),
              [&](Message* plan) -> absl::Status {
                const std::string name = StringOf(*plan, "name");
                const MessagePtr request = request_of("PlanService.GetPlanProgress");
                SetString("name", name, request.get());
                auto progress = Ask("PlanService.GetPlanProgress", *request);
                // Deleted since it was listed.
                if (absl::IsNotFound(progress.status())) return absl::OkStatus();
                if (!progress.ok()) return progress.status();
                Clear("lanes", progress->get());
                Clear("read_time", progress->get());
                keep("progress", name, **progress);
                return absl::OkStatus();
              });
}

}  // namespace crescendo::dashboard
