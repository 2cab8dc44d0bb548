#include "scheduler/service/engagement_handlers.h"

#include <algorithm>

#include "scheduler/base/status_macros.h"
#include "scheduler/service/convert.h"
#include "scheduler/service/names.h"
#include "scheduler/service/unary.h"

namespace crescendo::service {
namespace {

constexpr int kMostEvents = 10'000;
constexpr int kMostWaiting = 100;
constexpr int kDeliveriesAtOnce = 500;

void AddRejected(int index, const v1::EngagementEvent& event, const absl::Status& fault,
                 v1::RecordEngagementResponse* response) {
  v1::RecordEngagementResponse::Rejected* rejected = response->add_rejected();
  rejected->set_index(index);
  rejected->set_address(ShownAddress(event.address()));
  rejected->set_fault(std::string(fault.message()));
}

absl::Status AddWaiting(ports::Store& store, const Delivery& delivery, absl::Time now,
                        v1::Engagement* response) {
  v1::Engagement::Waiting* waiting = response->add_waiting();
  waiting->set_delivery(DeliveryName(delivery.campaign, delivery.id));
  waiting->set_state(EnumNamed<v1::Delivery::State>(DeliveryStateName(delivery.state)));
  waiting->set_score(delivery.score);
  ASSIGN_OR_RETURN(const std::optional<EngagementSignals> signals, store.GetSignals(delivery.id));
  waiting->set_score_given(!signals.has_value());
  if (!signals.has_value()) return absl::OkStatus();
  *waiting->mutable_signals() = ToProto(*signals);
  *waiting->mutable_score_now() = ToProto(PartsOf(*signals, now));
  return absl::OkStatus();
}

absl::Status AddAllWaiting(ports::Store& store, const std::string& address, absl::Time now,
                           v1::Engagement* response) {
  ports::DeliveryFilter filter;
  filter.address = address;
  DeliveryId after;
  while (true) {
    ASSIGN_OR_RETURN(const std::vector<Delivery> page,
                     store.ListDeliveries(filter, after, kDeliveriesAtOnce));
    for (const Delivery& delivery : page) {
      const bool waits = delivery.state == DeliveryState::kQueued ||
                         delivery.state == DeliveryState::kDeferred ||
                         delivery.state == DeliveryState::kClaimed;
      if (!waits) continue;
      if (response->waiting_size() == kMostWaiting) return absl::OkStatus();
      RETURN_IF_ERROR(AddWaiting(store, delivery, now, response));
    }
    if (std::ssize(page) < kDeliveriesAtOnce) return absl::OkStatus();
    after = page.back().id;
  }
}

absl::Status Fill(ports::Store& store, const std::string& address, absl::Time now,
                  v1::Engagement* response) {
  response->set_name(EngagementName(address));
  const absl::StatusOr<Engagement> found = store.GetEngagement(address);
  if (!found.ok() && !absl::IsNotFound(found.status())) return found.status();
  const Engagement engagement = found.ok() ? *found : Engagement();
  *response->mutable_signals() = ToProto(engagement.signals);
  response->set_machine_open_count(engagement.machine_open_count);
  SetTime(engagement.last_machine_open_time.value_or(absl::InfinitePast()), response,
          &v1::Engagement::mutable_last_machine_open_time);
  *response->mutable_score() = ToProto(PartsOf(engagement.signals, now));
  RETURN_IF_ERROR(AddAllWaiting(store, address, now, response));
  if (found.ok() || response->waiting_size() > 0) return absl::OkStatus();
  return absl::NotFoundError(
      absl::StrCat("nothing was reported of ", address, ", and it does not wait in any campaign"));
}

}  // namespace

grpc::ServerUnaryReactor* EngagementHandlers::RecordEngagement(
    grpc::CallbackServerContext* context, const v1::RecordEngagementRequest* request,
    v1::RecordEngagementResponse* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    if (request->events_size() > kMostEvents) {
      return Fault("events", absl::StrCat("has ", request->events_size(), " entries; at most ",
                                          kMostEvents, ", so make more calls"));
    }
    ports::RecordEngagement record;
    record.now = engine_->clock().Now().wall;
    record.events.reserve(static_cast<size_t>(request->events_size()));
    for (int i = 0; i < request->events_size(); ++i) {
      auto event = EngagementEventFrom(request->events(i), record.now);
      if (event.ok()) {
        record.events.push_back(*std::move(event));
      } else {
        AddRejected(i, request->events(i), event.status(), response);
      }
    }
    if (request->validate_only()) {
      response->set_recorded(std::ssize(record.events));
      answer.Finish(absl::OkStatus());
      return absl::OkStatus();
    }
    engine_->RecordEngagement(
        std::move(record),
        answer.With<ports::EngagementOutcome>([response](const ports::EngagementOutcome& outcome) {
          response->set_recorded(outcome.recorded);
          response->set_repeated(outcome.repeated);
          // Of the others only the day of their last engagement has moved.
          response->set_reranked(
              std::count_if(outcome.rescored.begin(), outcome.rescored.end(),
                            [](const Rescored& one) { return one.score != one.old_score; }));
        }));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* EngagementHandlers::GetEngagement(grpc::CallbackServerContext* context,
                                                            const v1::GetEngagementRequest* request,
                                                            v1::Engagement* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(std::string address, ParseEngagement("name", request->name()));
    ReadStore(engine_, std::move(answer),
              [address = std::move(address), now = engine_->clock().Now().wall,
               response](ports::Store& store) { return Fill(store, address, now, response); });
    return absl::OkStatus();
  });
}

}  // namespace crescendo::service
