#include <algorithm>

#include "absl/strings/escaping.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/service/convert.h"
#include "scheduler/service/fingerprint.h"

namespace crescendo::service {
namespace {

constexpr int64_t kMostSignals = 1'000'000;
// Clocks differ.
constexpr absl::Duration kMostAhead = absl::Minutes(5);
constexpr size_t kLongestEventId = 128;

// The first `most` bytes, less what would be half a character.
absl::string_view Cut(absl::string_view text, size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  return text.substr(0, most);
}

absl::StatusOr<int64_t> SignalCount(absl::string_view field, int64_t count) {
  if (count < 0 || count > kMostSignals) {
    return Fault(field, absl::StrCat("is ", count, "; it must be 0 to ", kMostSignals));
  }
  return count;
}

absl::Time Kept(absl::Time time) { return absl::FromUnixMicros(absl::ToUnixMicros(time)); }

absl::StatusOr<std::optional<absl::Time>> SignalTime(absl::string_view field, bool set,
                                                     const google::protobuf::Timestamp& proto,
                                                     absl::Time now) {
  if (!set) return std::optional<absl::Time>();
  ASSIGN_OR_RETURN(const absl::Time time, TimeFrom(field, proto));
  return std::optional(Kept(std::min(time, now)));
}

absl::StatusOr<EngagementKind> KindFrom(v1::EngagementEvent::Kind kind) {
  const auto found = DomainNamed<EngagementKind>(
      kind, {EngagementKind::kClick, EngagementKind::kOpen, EngagementKind::kMachineOpen},
      EngagementKindName);
  if (found.has_value()) return *found;
  return Fault("kind", kind == v1::EngagementEvent::KIND_UNSPECIFIED
                           ? "is missing; use CLICK, OPEN or MACHINE_OPEN"
                           : absl::StrCat("is ", kind, "; use CLICK, OPEN or MACHINE_OPEN"));
}

absl::StatusOr<absl::Time> EventTime(const v1::EngagementEvent& proto, absl::Time now) {
  if (!proto.has_time()) return Fault("time", "is missing; say when it happened");
  ASSIGN_OR_RETURN(const absl::Time time, TimeFrom("time", proto.time()));
  if (time <= now + kMostAhead) return Kept(std::min(time, now));
  const auto text = [](absl::Time at) {
    return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", at, absl::UTCTimeZone());
  };
  return Fault("time", absl::StrCat("is ", text(time), ", in the future; it is ", text(now),
                                    " here, so mend the time or the clock"));
}

}  // namespace

std::string ShownAddress(absl::string_view address) {
  return std::string(Cut(absl::Utf8SafeCHexEscape(Cut(address, 320)), 320));
}

absl::StatusOr<EngagementSignals> SignalsFrom(const v1::EngagementSignals& proto, absl::Time now) {
  EngagementSignals signals;
  ASSIGN_OR_RETURN(signals.last_click_time,
                   SignalTime("signals.last_click_time", proto.has_last_click_time(),
                              proto.last_click_time(), now));
  ASSIGN_OR_RETURN(signals.last_open_time,
                   SignalTime("signals.last_open_time", proto.has_last_open_time(),
                              proto.last_open_time(), now));
  ASSIGN_OR_RETURN(signals.subscribe_time,
                   SignalTime("signals.subscribe_time", proto.has_subscribe_time(),
                              proto.subscribe_time(), now));
  ASSIGN_OR_RETURN(signals.click_count, SignalCount("signals.click_count", proto.click_count()));
  ASSIGN_OR_RETURN(signals.open_count, SignalCount("signals.open_count", proto.open_count()));
  return signals;
}

v1::EngagementSignals ToProto(const EngagementSignals& signals) {
  v1::EngagementSignals proto;
  const auto time = [](const std::optional<absl::Time>& known) {
    return known.value_or(absl::InfinitePast());
  };
  SetTime(time(signals.last_click_time), &proto, &v1::EngagementSignals::mutable_last_click_time);
  SetTime(time(signals.last_open_time), &proto, &v1::EngagementSignals::mutable_last_open_time);
  SetTime(time(signals.subscribe_time), &proto, &v1::EngagementSignals::mutable_subscribe_time);
  proto.set_click_count(signals.click_count);
  proto.set_open_count(signals.open_count);
  return proto;
}

v1::Engagement::Score ToProto(const EngagementParts& parts) {
  v1::Engagement::Score proto;
  proto.set_value(parts.score());
  proto.set_clicks(parts.clicks);
  proto.set_opens(parts.opens);
  proto.set_subscription(parts.subscription);
  return proto;
}

absl::StatusOr<EngagementEvent> EngagementEventFrom(const v1::EngagementEvent& proto,
                                                    absl::Time now) {
  EngagementEvent event;
  ASSIGN_OR_RETURN(event.address, NormaliseAddress(proto.address()));
  ASSIGN_OR_RETURN(event.kind, KindFrom(proto.kind()));
  ASSIGN_OR_RETURN(event.time, EventTime(proto, now));
  RETURN_IF_ERROR(CheckFreeText("event_id", proto.event_id(), kLongestEventId));
  // Of 64 bits: among a hundred million events, a new one is taken for a repeat once in 10^11.
  if (!proto.event_id().empty()) {
    event.key = Fingerprint(proto.event_id(), Fingerprint("event_id"));
  } else {
    // The time as it was given, for the same event may be reported again when it is past.
    ASSIGN_OR_RETURN(const absl::Time given, TimeFrom("time", proto.time()));
    event.key = Fingerprint(
        event.address,
        Fingerprint(absl::StrCat(EngagementKindName(event.kind), " ", absl::ToUnixMicros(given))));
  }
  return event;
}

}  // namespace crescendo::service
