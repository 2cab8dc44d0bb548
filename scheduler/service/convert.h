// convert.h: the one crossing between proto and domain.
//
// ToProto never fails. From* return INVALID_ARGUMENT naming the field, its fault and the fix; what
// the domain itself checks (domain/plan.h, domain/campaign.h) is left to it.
//
// Threads  pure functions, safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/generated_enum_reflection.h>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "crescendo/v1/campaign.pb.h"
#include "crescendo/v1/delivery.pb.h"
#include "crescendo/v1/egress_ip.pb.h"
#include "crescendo/v1/engagement.pb.h"
#include "crescendo/v1/event.pb.h"
#include "crescendo/v1/lane.pb.h"
#include "crescendo/v1/plan.pb.h"
#include "crescendo/v1/pool.pb.h"
#include "crescendo/v1/provider.pb.h"
#include "crescendo/v1/suppression.pb.h"
#include "scheduler/core/plan_edit.h"
#include "scheduler/core/status.h"
#include "scheduler/domain/campaign.h"
#include "scheduler/domain/egress_ip.h"
#include "scheduler/domain/event.h"
#include "scheduler/domain/plan.h"
#include "scheduler/domain/provider.h"
#include "scheduler/domain/ramp.h"
#include "scheduler/domain/suppression.h"
#include "scheduler/ports/store.h"
#include "scheduler/service/errors.h"
#include "scheduler/service/update.h"

namespace crescendo::service {

// What the domain made of a name or an address; or what was given, whose fault the validation of
// the whole record will tell with its field.
inline std::string NormalOrGiven(const absl::StatusOr<std::string>& normal,
                                 const std::string& given) {
  return normal.ok() ? *normal : given;
}

// --- Enumerations: the same words on both sides

// The value called `name`; 0 (unspecified) if there is none.
template <class Proto>
Proto EnumNamed(absl::string_view name) {
  const auto* value =
      google::protobuf::GetEnumDescriptor<Proto>()->FindValueByName(std::string(name));
  return value == nullptr ? Proto() : static_cast<Proto>(value->number());
}

// The domain value that `name_of` gives the proto value's name; `values` are all there are.
template <class Domain, class Proto, class NameOf>
std::optional<Domain> DomainNamed(Proto proto, std::initializer_list<Domain> values,
                                  NameOf name_of) {
  const auto* descriptor = google::protobuf::GetEnumDescriptor<Proto>()->FindValueByNumber(proto);
  if (descriptor == nullptr) return std::nullopt;
  for (const Domain value : values) {
    if (name_of(value) == absl::string_view(descriptor->name())) return value;
  }
  return std::nullopt;
}

// --- Times (convert_time.cc)

// Infinite times stand for "none": the field stays unset.
template <class Message, class Mutable>
void SetTime(absl::Time time, Message* message, Mutable mutable_field) {
  if (time == absl::InfinitePast() || time == absl::InfiniteFuture()) return;
  auto* field = (message->*mutable_field)();
  const int64_t seconds = absl::ToUnixSeconds(time);
  field->set_seconds(seconds);
  field->set_nanos(
      static_cast<int32_t>((time - absl::FromUnixSeconds(seconds)) / absl::Nanoseconds(1)));
}
google::protobuf::Duration ToProto(absl::Duration duration);
// INVALID_ARGUMENT outside the years 1 to 9999.
absl::StatusOr<absl::Time> TimeFrom(absl::string_view field,
                                    const google::protobuf::Timestamp& proto);
absl::StatusOr<absl::Duration> DurationFrom(absl::string_view field,
                                            const google::protobuf::Duration& proto);

// --- Egress IPs, pools, suppressions, providers (convert.cc)

v1::EgressIp ToProto(const EgressIp& ip);
v1::Pool ToProto(const Pool& pool);
v1::Provider ToProto(const Provider& provider);
v1::Provider::TlsPolicy ToProto(TlsPolicy policy);
v1::Suppression ToProto(const Suppression& suppression);

EgressIp EgressIpFrom(const std::string& id, const v1::EgressIp& proto);
absl::StatusOr<std::vector<EgressIpId>> PoolMembersFrom(const v1::Pool& proto);
absl::StatusOr<PoolId> OverflowFrom(const v1::Pool& proto);  // Empty: none.
absl::StatusOr<Suppression> SuppressionFrom(const v1::Suppression& proto);

// --- Plans and lanes (convert_plan.cc, convert_plan_from.cc, convert_lane.cc)

v1::Plan ToProto(const Plan& plan);
v1::PlanDay ToProto(const PlanDay& day);
v1::PlanProgress ToProto(const core::PlanStatus& status, absl::Time read_time);
v1::Ledger ToProto(const LedgerRow& row);
v1::Wait ToProto(const core::Wait& wait);
// `plan`: of the lane's egress IP; empty: none.
v1::Lane ToProto(const core::LaneStatus& status, const PlanId& plan);

v1::Plan ToProto(const core::ChangedPlan& changed);  // With its change.
v1::Ramp ToProto(const RampPreset& ramp, int64_t target);
// Adds what is unsafe of the shape's ramps.
void Warn(const PlanShape& shape, v1::Plan::Change* change);

// `now`: for what a create leaves out.
absl::StatusOr<Plan> PlanFrom(const v1::CreatePlanRequest& request, absl::Time now);
absl::StatusOr<int64_t> TargetFrom(int64_t target);
absl::StatusOr<core::Effective> EffectiveFrom(v1::Effective effective);
// The first and the last day that are asked for.
absl::StatusOr<std::pair<absl::CivilDay, absl::CivilDay>> DaysFrom(
    const v1::GetPlanHistoryRequest& request);
// `plan` with the fields of `mask` as in `proto`, and the others as they are when the edit holds.
absl::StatusOr<Plan> Merged(Plan plan, const v1::Plan& proto, const UpdateMask& mask,
                            core::Effective effective, absl::Time now);

// --- Campaigns and recipients (convert_campaign.cc)

v1::Campaign ToProto(const Campaign& campaign);
v1::Campaign::Counts ToProto(const CampaignCounts& counts);
absl::StatusOr<Campaign> CampaignFrom(const std::string& id, const v1::Campaign& proto);
// FAILED_PRECONDITION: the campaign's state forbids the change.
absl::StatusOr<Campaign> Merged(Campaign campaign, const v1::Campaign& proto,
                                const UpdateMask& mask);

// Signals of after `now` count as now. The fault names the field below the recipient.
absl::StatusOr<ports::AppendRecipients::Row> RecipientFrom(const v1::RecipientInput& proto,
                                                           absl::Time now);
// For a list of what was left out: cut, controls escaped.
std::string ShownAddress(absl::string_view address);

// --- Engagement (convert_engagement.cc)

// Unset times are none. Times are cut to the microsecond; those of after `now` count as now.
absl::StatusOr<EngagementSignals> SignalsFrom(const v1::EngagementSignals& proto, absl::Time now);
v1::EngagementSignals ToProto(const EngagementSignals& signals);
v1::Engagement::Score ToProto(const EngagementParts& parts);
// The fault names the field below the event.
absl::StatusOr<EngagementEvent> EngagementEventFrom(const v1::EngagementEvent& proto,
                                                    absl::Time now);

// --- Deliveries and events (convert_event.cc)

v1::Reply::Category ToProto(ReplyCategory category);
v1::Delivery ToProto(const Delivery& delivery);
v1::Event ToProto(const Event& event);

absl::StatusOr<std::optional<DeliveryState>> DeliveryStateFrom(absl::string_view field,
                                                               v1::Delivery::State state);
absl::StatusOr<ports::EventFilter> EventFilterFrom(const v1::EventFilter& proto);

}  // namespace crescendo::service
