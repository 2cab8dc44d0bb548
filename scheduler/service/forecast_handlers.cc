#include "scheduler/service/forecast_handlers.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/forecast/forecast.h"
#include "scheduler/service/convert.h"
#include "scheduler/service/convert_forecast.h"
#include "scheduler/service/names.h"

namespace crescendo::service {
namespace {

constexpr int kDefaultDays = 180;
constexpr int kMostDays = 1100;
// What is explained is mostly about the next days.
constexpr absl::Duration kExplained = absl::Hours(24 * 180);
constexpr int kMostDeliveries = 5;

absl::StatusOr<absl::Duration> HorizonFrom(int32_t days) {
  if (days < 0 || days > kMostDays) {
    return Fault("horizon_days",
                 absl::StrCat("is ", days, ": want 1 to ", kMostDays, ", or 0 for ", kDefaultDays));
  }
  return absl::Hours(24 * (days == 0 ? kDefaultDays : days));
}

// `providers`: those that there are.
absl::StatusOr<forecast::Assumed> AssumedFrom(const v1::ReceiverModel& proto,
                                              const ProviderCatalog& providers) {
  forecast::Assumed assumed;
  for (int i = 0; i < proto.shares_size(); ++i) {
    const v1::ReceiverModel::Shares& shares = proto.shares(i);
    const std::string field = absl::StrCat("receiver_model.shares[", i, "]");
    // Written so that NaN fails too.
    const auto good = [](double share) { return share >= 0 && share <= 0.9; };
    if (!good(shares.deferred()) || !good(shares.refused()) ||
        !(shares.deferred() + shares.refused() <= 1)) {
      return Fault(field,
                   absl::StrCat("has ", shares.deferred(), " deferred and ", shares.refused(),
                                " refused; each must be 0 to 0.9, both together at most 1"));
    }
    const forecast::Assumed::Shares taken{shares.deferred(), shares.refused()};
    bool twice = false;
    if (shares.provider().empty()) {
      twice = assumed.any.has_value();
      assumed.any = taken;
    } else {
      ASSIGN_OR_RETURN(const ProviderId id,
                       ParseProvider(absl::StrCat(field, ".provider"), shares.provider()));
      if (providers.Find(id) == nullptr) {
        return absl::NotFoundError(absl::StrCat("there is no provider \"", id.text(), "\""));
      }
      twice = !assumed.at.emplace(id, taken).second;
    }
    if (twice) return Fault(field, "is of the same providers as one before it");
  }
  return assumed;
}

void AddAssumption(const forecast::Assumed& assumed, v1::Forecast* response) {
  if (!assumed.any.has_value() && assumed.at.empty()) return;
  response->add_assumptions("receivers answer as was asked for, not as they were observed");
}

template <class Record>
Record* Find(std::vector<Record>& records, const decltype(Record::id)& id) {
  const auto found = std::find_if(records.begin(), records.end(),
                                  [&](const Record& record) { return record.id == id; });
  return found == records.end() ? nullptr : &*found;
}

absl::StatusOr<forecast::Question> QuestionFrom(const std::string& name) {
  const std::vector<absl::string_view> parts = absl::StrSplit(name, '/');
  forecast::Question question;
  if (parts.size() == 2 && parts[0] == "egressIps") {
    ASSIGN_OR_RETURN(question.egress_ip, ParseEgressIp("name", name));
  } else if (parts.size() == 2 && parts[0] == "campaigns") {
    ASSIGN_OR_RETURN(question.campaign, ParseCampaign("name", name));
  } else if (parts.size() == 4 && parts[2] == "lanes") {
    ASSIGN_OR_RETURN(question.lane, ParseLane("name", name));
  } else {
    return Fault("name", absl::StrCat("is ", Quoted(name),
                                      ": want egressIps/{egress_ip}, "
                                      "egressIps/{egress_ip}/lanes/{provider}, "
                                      "campaigns/{campaign} or "
                                      "campaigns/{campaign}/deliveries/{delivery}; or an address"));
  }
  return question;
}

// Of a part of the queue nothing can be foretold.
absl::Status CheckLoaded(const core::Snapshot& snapshot) {
  if (!snapshot.loading) return absl::OkStatus();
  return absl::UnavailableError(
      "the daemon has just started and loads the queue; try again in a few seconds");
}

// The slot is free before the caller, who may ask again at once, has the answer.
void Refuse(forecast::Workers::Slot slot, Answer answer, const absl::Status& why) {
  { const forecast::Workers::Slot freed = std::move(slot); }
  answer.Finish(why);
}

bool Waits(const Delivery& delivery) {
  return delivery.state == DeliveryState::kQueued || delivery.state == DeliveryState::kDeferred;
}

}  // namespace

void ForecastHandlers::OnWorker(grpc::CallbackServerContext* context, forecast::Workers::Slot slot,
                                Answer answer, Make make) {
  engine_->TakeSnapshot(
      forecast::kMostSamples,
      answer.Then<core::Snapshot>([this, context, slot = std::move(slot), make = std::move(make)](
                                      Answer next, core::Snapshot snapshot) mutable {
        auto work = [this, context, next = std::move(next), make = std::move(make),
                     snapshot = std::make_unique<core::Snapshot>(std::move(snapshot))](
                        forecast::Workers::Ended ended) mutable -> forecast::Workers::Answer {
          absl::Status status =
              make(std::move(*snapshot), [&] { return context->IsCancelled() || ended(); });
          if (absl::IsCancelled(status) && !context->IsCancelled()) {
            status = absl::DeadlineExceededError(
                absl::StrCat("the forecast took longer than ",
                             absl::FormatDuration(workers_.limit()), "; look fewer days ahead"));
          }
          return [next = std::move(next), status]() mutable { next.Finish(status); };
        };
        std::move(slot).Run(std::move(work));
      }));
}

grpc::ServerUnaryReactor* ForecastHandlers::ForecastPlan(grpc::CallbackServerContext* context,
                                                         const v1::ForecastPlanRequest* request,
                                                         v1::Forecast* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(const PlanId id, ParsePlan("name", request->name()));
    ASSIGN_OR_RETURN(const absl::Duration horizon, HorizonFrom(request->horizon_days()));
    ASSIGN_OR_RETURN(forecast::Assumed assumed,
                     AssumedFrom(request->receiver_model(), engine_->providers()));
    ASSIGN_OR_RETURN(forecast::Workers::Slot slot, workers_.Reserve());
    auto make = [this, id, horizon, assumed = std::move(assumed), response](
                    core::Snapshot snapshot, Cancelled cancelled) -> absl::Status {
      RETURN_IF_ERROR(CheckLoaded(snapshot));
      Plan* plan = Find(snapshot.plans, id);
      if (plan == nullptr) {
        return absl::NotFoundError(absl::StrCat("there is no plan \"", id.text(), "\""));
      }
      if (plan->state == PlanState::kGraduated) {
        return absl::FailedPreconditionError(
            absl::StrCat("the plan ", id.text(),
                         " has graduated: its ramp is done; ask for the "
                         "forecast of a campaign"));
      }
      if (plan->state == PlanState::kAborted) {
        return absl::FailedPreconditionError(
            absl::StrCat("the plan ", id.text(),
                         " is aborted, for good: its IP sends nothing. Delete it and create "
                         "another one"));
      }
      response->set_name(NameOf(id));
      if (plan->state != PlanState::kActive) {
        response->add_assumptions(
            absl::StrCat("the plan, which is ", PlanStateName(plan->state), ", goes on now"));
        plan->state = PlanState::kActive;
      }
      forecast::Subject subject;
      subject.plan = id;
      ASSIGN_OR_RETURN(const forecast::Forecast made,
                       forecast::MakeForecast(snapshot, engine_->options(), subject,
                                              snapshot.now.wall + horizon, cancelled, assumed));
      AddAssumption(assumed, response);
      FillPlanForecast(snapshot, made, *plan, horizon, response);
      return absl::OkStatus();
    };
    OnWorker(context, std::move(slot), std::move(answer), std::move(make));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* ForecastHandlers::ForecastCampaign(
    grpc::CallbackServerContext* context, const v1::ForecastCampaignRequest* request,
    v1::Forecast* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(const CampaignId id, ParseCampaign("name", request->name()));
    ASSIGN_OR_RETURN(const absl::Duration horizon, HorizonFrom(request->horizon_days()));
    ASSIGN_OR_RETURN(forecast::Assumed assumed,
                     AssumedFrom(request->receiver_model(), engine_->providers()));
    ASSIGN_OR_RETURN(forecast::Workers::Slot slot, workers_.Reserve());
    auto make = [this, id, horizon, assumed = std::move(assumed), response](
                    core::Snapshot snapshot, Cancelled cancelled) -> absl::Status {
      RETURN_IF_ERROR(CheckLoaded(snapshot));
      Campaign* campaign = Find(snapshot.campaigns, id);
      if (campaign == nullptr) {
        return absl::NotFoundError(absl::StrCat("there is no campaign \"", id.text(), "\""));
      }
      if (campaign->state == CampaignState::kCancelled) {
        return absl::FailedPreconditionError(absl::StrCat(
            "the campaign ", id.text(), " is cancelled: nothing of it leaves any more"));
      }
      response->set_name(NameOf(id));
      if (campaign->state != CampaignState::kSending) {
        response->add_assumptions(absl::StrCat(
            "the campaign, which is ", CampaignStateName(campaign->state), ", goes on now"));
        campaign->state = CampaignState::kSending;
      }
      forecast::Subject subject;
      subject.campaign = campaign->key;
      ASSIGN_OR_RETURN(const forecast::Forecast made,
                       forecast::MakeForecast(snapshot, engine_->options(), subject,
                                              snapshot.now.wall + horizon, cancelled, assumed));
      AddAssumption(assumed, response);
      FillCampaignForecast(snapshot, made, *campaign, horizon, response);
      return absl::OkStatus();
    };
    OnWorker(context, std::move(slot), std::move(answer), std::move(make));
    return absl::OkStatus();
  });
}

void ForecastHandlers::Explain(grpc::CallbackServerContext* context, forecast::Workers::Slot slot,
                               Answer answer,
                               std::vector<std::pair<std::string, forecast::Question>> questions,
                               v1::ExplainWaitResponse* response) {
  engine_->Look(answer.Then<const core::Shard*>(
      [this, context, slot = std::move(slot), questions = std::move(questions), response](
          Answer next, const core::Shard* shard) mutable {
        const absl::Time now = engine_->clock().Now().wall;
        SetTime(now, response, &v1::ExplainWaitResponse::mutable_read_time);
        std::vector<forecast::Situation> situations;
        for (const auto& [name, question] : questions) {
          absl::StatusOr<forecast::Situation> situation = forecast::Situate(*shard, question, now);
          if (!situation.ok()) return Refuse(std::move(slot), std::move(next), situation.status());
          situations.push_back(*std::move(situation));
        }
        auto make = [this, questions = std::move(questions), situations = std::move(situations),
                     response](const core::Snapshot& snapshot,
                               Cancelled cancelled) mutable -> absl::Status {
          for (size_t i = 0; i < situations.size(); ++i) {
            if (snapshot.loading) situations[i].subject = {};
            ASSIGN_OR_RETURN(const forecast::Explanation explanation,
                             forecast::Explain(std::move(situations[i]), snapshot,
                                               engine_->options(), kExplained, cancelled));
            v1::Explanation* proto = response->add_explanations();
            proto->set_name(questions[i].first);
            FillExplanation(explanation, proto);
          }
          return absl::OkStatus();
        };
        OnWorker(context, std::move(slot), std::move(next), std::move(make));
      }));
}

grpc::ServerUnaryReactor* ForecastHandlers::ExplainWait(grpc::CallbackServerContext* context,
                                                        const v1::ExplainWaitRequest* request,
                                                        v1::ExplainWaitResponse* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    if (request->name().empty() == request->address().empty()) {
      return Fault("name", "or address: one of the two is required, not both");
    }
    ports::DeliveryFilter filter;
    DeliveryRef delivery;
    const bool is_delivery = absl::StrContains(request->name(), "/deliveries/");
    if (is_delivery) {
      ASSIGN_OR_RETURN(delivery, ParseDelivery("name", request->name()));
    } else if (!request->address().empty()) {
      const absl::StatusOr<std::string> address = NormaliseAddress(request->address());
      if (!address.ok()) {
        return Fault("address", absl::StrCat("is ", Quoted(request->address()), ": ",
                                             address.status().message()));
      }
      filter.address = *address;
    }
    std::vector<std::pair<std::string, forecast::Question>> questions;
    if (!is_delivery && request->address().empty()) {
      ASSIGN_OR_RETURN(forecast::Question question, QuestionFrom(request->name()));
      questions.emplace_back(request->name(), std::move(question));
    }
    ASSIGN_OR_RETURN(forecast::Workers::Slot slot, workers_.Reserve());
    if (!questions.empty()) {
      Explain(context, std::move(slot), std::move(answer), std::move(questions), response);
      return absl::OkStatus();
    }
    // What the store knows of a delivery comes first.
    (void)engine_->Read([this, context, slot = std::move(slot), answer = std::move(answer), filter,
                         delivery, is_delivery, response](ports::Store& store) mutable {
      std::vector<Delivery> found;
      if (is_delivery) {
        absl::StatusOr<Delivery> one = store.GetDelivery(delivery.delivery);
        if (!one.ok()) return Refuse(std::move(slot), std::move(answer), one.status());
        if (!delivery.campaign.empty() && delivery.campaign != one->campaign) {
          return Refuse(
              std::move(slot), std::move(answer),
              absl::NotFoundError(absl::StrCat("there is no delivery ", delivery.delivery.value(),
                                               " in this campaign")));
        }
        found.push_back(*std::move(one));
      } else {
        absl::StatusOr<std::vector<Delivery>> all = store.ListDeliveries(filter, {}, 1000);
        if (!all.ok()) return Refuse(std::move(slot), std::move(answer), all.status());
        found = *std::move(all);
        if (found.empty()) {
          return Refuse(std::move(slot), std::move(answer),
                        absl::NotFoundError(absl::StrCat("no campaign has the recipient ",
                                                         Quoted(*filter.address))));
        }
        // Those that wait, then the newest.
        std::sort(found.begin(), found.end(), [](const Delivery& a, const Delivery& b) {
          return Waits(a) != Waits(b) ? Waits(a) : b.id < a.id;
        });
        if (found.size() > kMostDeliveries) found.resize(kMostDeliveries);
      }
      std::vector<std::pair<std::string, forecast::Question>> asked;
      for (Delivery& one : found) {
        std::string name = DeliveryName(one.campaign, one.id);
        forecast::Question question;
        question.delivery = std::move(one);
        asked.emplace_back(std::move(name), std::move(question));
      }
      Explain(context, std::move(slot), std::move(answer), std::move(asked), response);
    });
    return absl::OkStatus();
  });
}

}  // namespace crescendo::service
