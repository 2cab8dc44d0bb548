// source_limits.h: the hidden limits a provider keeps for one source IP.
//
// Token bucket, quota per 24 hours, penalty box, dips, and a rate that follows reputation from day
// to day.
//
// Units    messages, virtual time; days are UTC.
// Threads  a value for one thread.
#pragma once

#include <cstdint>
#include <deque>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "crescendo/sandbox/v1/sandbox.pb.h"

namespace crescendo::sandbox {

class SourceLimits {
 public:
  enum class Ruling { kPass, kRate, kDay, kPenalty };

  // `config` has its defaults filled in (scenario.h) and outlives this.
  SourceLimits(const v1::RateLimit& config, absl::Time now);

  // One message asks to pass. A pass takes a token; a refusal is a strike.
  Ruling Take(absl::Time now);
  // One connection asks to be greeted: true if the box is closed. Counts as an attempt in it.
  bool RefusesConnection(absl::Time now);

  double rate_per_hour(absl::Time now);

 private:
  // Of the rate and the burst: less than 1 in a dip.
  double Trust(absl::Time now) const;
  bool InBox(absl::Time now);
  void Strike(absl::Time now);
  void Refill(absl::Time now);
  void TurnDay(absl::Time now);
  double Burst(absl::Time now) const;

  const v1::RateLimit& config_;
  const absl::Time first_seen_;
  double rate_per_hour_;
  double tokens_;
  absl::Time filled_;
  std::deque<absl::Time> last_day_;  // Passes of 24 hours; at most per_day of them.
  std::deque<absl::Time> strikes_;   // At most penalty.strikes of them.
  absl::Time box_until_ = absl::InfinitePast();
  absl::CivilDay day_;
  uint64_t passed_today_ = 0;
  uint64_t refused_today_ = 0;
};

}  // namespace crescendo::sandbox
