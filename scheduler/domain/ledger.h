// ledger.h: what each lane did on each plan day. The proof of L1, kept in the commit that it
// counts.
#pragma once

#include <cstdint>

#include "absl/time/civil_time.h"
#include "scheduler/domain/egress_ip.h"

namespace crescendo {

// Counts of one lane on one plan day (of its IP's plan; a UTC day where there is no plan).
struct LedgerRow {
  Lane lane;
  absl::CivilDay day;
  int64_t claimed = 0;  // Handed out and not settled: in flight.
  int64_t accepted = 0;
  int64_t refused = 0;  // For good: 5yz.
  int64_t in_doubt = 0;
  int64_t deferred = 0;  // 4yz and lost connections. Uses no slot.
  // Claimed on the day before, ended today with a slot used. The receiver may have counted it on
  // either day, so it uses a slot of both.
  int64_t carried = 0;

  // Evidence for guardrails (domain/plan.h).
  int64_t hard_bounces = 0;  // Of `refused`: the address does not exist, and is suppressed.
  int64_t complaints = 0;    // By recipients of this lane, that arrived on this day.
  // Of `deferred`: what is about us or the host (rate, reputation, system), not about one recipient
  // (greylisted, mailbox full, recipient rate), a connection's end or a failure of our own.
  int64_t pushback = 0;

  // The counts alone.
  LedgerRow& operator+=(const LedgerRow& other) {
    claimed += other.claimed;
    accepted += other.accepted;
    refused += other.refused;
    in_doubt += other.in_doubt;
    deferred += other.deferred;
    carried += other.carried;
    hard_bounces += other.hard_bounces;
    complaints += other.complaints;
    pushback += other.pushback;
    return *this;
  }

  // Slots of the day's cap that are gone. L1: used() <= cap, always.
  int64_t used() const { return claimed + accepted + refused + in_doubt + carried; }
};

}  // namespace crescendo
