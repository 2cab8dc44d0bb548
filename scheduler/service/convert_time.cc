#include "scheduler/service/convert.h"

namespace crescendo::service {
namespace {

constexpr int64_t kFirstSecond = -62'135'596'800;  // 0001-01-01T00:00:00Z
constexpr int64_t kLastSecond = 253'402'300'799;   // 9999-12-31T23:59:59Z
constexpr int64_t kLongestSeconds = 315'576'000'000;
constexpr int32_t kNanosPerSecond = 1'000'000'000;

}  // namespace

google::protobuf::Duration ToProto(absl::Duration duration) {
  google::protobuf::Duration proto;
  const int64_t seconds = absl::IDivDuration(duration, absl::Seconds(1), &duration);
  proto.set_seconds(seconds);
  proto.set_nanos(static_cast<int32_t>(duration / absl::Nanoseconds(1)));
  return proto;
}

absl::StatusOr<absl::Time> TimeFrom(absl::string_view field,
                                    const google::protobuf::Timestamp& proto) {
  if (proto.seconds() < kFirstSecond || proto.seconds() > kLastSecond || proto.nanos() < 0 ||
      proto.nanos() >= kNanosPerSecond) {
    return Fault(field, absl::StrCat("is no time (", proto.seconds(), " s and ", proto.nanos(),
                                     " ns); give one in the years 1 to 9999, with 0 to 999999999 "
                                     "nanoseconds"));
  }
  return absl::FromUnixSeconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
}

absl::StatusOr<absl::Duration> DurationFrom(absl::string_view field,
                                            const google::protobuf::Duration& proto) {
  const bool mixed =
      (proto.seconds() < 0 && proto.nanos() > 0) || (proto.seconds() > 0 && proto.nanos() < 0);
  if (mixed || proto.seconds() < -kLongestSeconds || proto.seconds() > kLongestSeconds ||
      proto.nanos() <= -kNanosPerSecond || proto.nanos() >= kNanosPerSecond) {
    return Fault(
        field, absl::StrCat("is no duration (", proto.seconds(), " s and ", proto.nanos(), " ns)"));
  }
  return absl::Seconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
}

}  // namespace crescendo::service
