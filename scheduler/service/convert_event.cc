#include "scheduler/base/civil_day.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/service/convert.h"
#include "scheduler/service/names.h"

namespace crescendo::service {

v1::Reply::Category ToProto(ReplyCategory category) {
  return EnumNamed<v1::Reply::Category>(ReplyCategoryCode(category));
}

v1::Delivery ToProto(const Delivery& delivery) {
  v1::Delivery proto;
  proto.set_name(DeliveryName(delivery.campaign, delivery.id));
  proto.set_address(delivery.address);
  proto.set_state(EnumNamed<v1::Delivery::State>(DeliveryStateName(delivery.state)));
  proto.set_score(delivery.score);
  proto.set_attempts(delivery.attempts);
  proto.set_in_doubt_count(delivery.in_doubt_count);
  SetTime(delivery.create_time, &proto, &v1::Delivery::mutable_create_time);
  SetTime(delivery.first_attempt_time, &proto, &v1::Delivery::mutable_first_attempt_time);
  SetTime(delivery.last_attempt_time, &proto, &v1::Delivery::mutable_last_attempt_time);
  if (!IsFinal(delivery.state)) {
    SetTime(delivery.next_attempt_time, &proto, &v1::Delivery::mutable_next_attempt_time);
  }
  proto.set_egress_ip(NameOf(delivery.egress_ip));
  proto.set_provider(NameOf(delivery.provider));
  if (delivery.category.has_value() || !delivery.reply.empty()) {
    v1::Reply* reply = proto.mutable_last_reply();
    if (delivery.category.has_value()) reply->set_category(ToProto(*delivery.category));
    reply->set_text(delivery.reply);
  }
  if (delivery.engaged_day != 0) {
    proto.set_last_engaged_date(
        base::FormatDay(absl::CivilDay(1970, 1, 1) + static_cast<int>(delivery.engaged_day)));
  }
  return proto;
}

v1::Event ToProto(const Event& event) {
  v1::Event proto;
  proto.set_name(NameOf(event.id));
  SetTime(event.time, &proto, &v1::Event::mutable_time);
  proto.set_type(EnumNamed<v1::Event::Type>(EventTypeName(event.type)));
  proto.set_egress_ip(NameOf(event.egress_ip));
  proto.set_provider(NameOf(event.provider));
  proto.set_pool(NameOf(event.pool));
  proto.set_plan(NameOf(event.plan));
  proto.set_campaign(NameOf(event.campaign));
  if (event.delivery != DeliveryId()) {
    proto.set_delivery(DeliveryName(event.campaign, event.delivery));
  }
  proto.set_address(event.address);
  if (event.category.has_value()) proto.set_category(ToProto(*event.category));
  proto.set_text(event.text);
  proto.set_actor(event.actor);
  return proto;
}

absl::StatusOr<std::optional<DeliveryState>> DeliveryStateFrom(absl::string_view field,
                                                               v1::Delivery::State state) {
  if (state == v1::Delivery::STATE_UNSPECIFIED) return std::optional<DeliveryState>();
  const auto found =
      DomainNamed(state,
                  {DeliveryState::kQueued, DeliveryState::kClaimed, DeliveryState::kInDoubt,
                   DeliveryState::kDeferred, DeliveryState::kAccepted, DeliveryState::kBounced,
                   DeliveryState::kExpired, DeliveryState::kSuppressed, DeliveryState::kCancelled},
                  DeliveryStateName);
  if (!found.has_value()) {
    return Fault(field,
                 absl::StrCat("is ", static_cast<int>(state), ", which is none of Delivery.State"));
  }
  return found;
}

absl::StatusOr<ports::EventFilter> EventFilterFrom(const v1::EventFilter& proto) {
  ports::EventFilter filter;
  if (!proto.campaign().empty()) {
    ASSIGN_OR_RETURN(filter.campaign, ParseCampaign("filter.campaign", proto.campaign()));
  }
  if (!proto.egress_ip().empty()) {
    ASSIGN_OR_RETURN(filter.egress_ip, ParseEgressIp("filter.egress_ip", proto.egress_ip()));
  }
  if (!proto.provider().empty()) {
    ASSIGN_OR_RETURN(filter.provider, ParseProvider("filter.provider", proto.provider()));
  }
  if (!proto.plan().empty()) {
    ASSIGN_OR_RETURN(filter.plan, ParsePlan("filter.plan", proto.plan()));
  }
  if (!proto.delivery().empty()) {
    ASSIGN_OR_RETURN(const DeliveryRef ref, ParseDelivery("filter.delivery", proto.delivery()));
    filter.delivery = ref.delivery;
  }
  for (int i = 0; i < proto.types_size(); ++i) {
    const auto* value =
        google::protobuf::GetEnumDescriptor<v1::Event::Type>()->FindValueByNumber(proto.types(i));
    const auto type =
        value == nullptr ? std::nullopt : ParseEventType(absl::string_view(value->name()));
    if (!type.has_value()) {
      return Fault(
          absl::StrCat("filter.types[", i, "]"),
          absl::StrCat("is ", static_cast<int>(proto.types(i)), ", which is none of Event.Type"));
    }
    filter.types.push_back(*type);
  }
  return filter;
}

}  // namespace crescendo::service
