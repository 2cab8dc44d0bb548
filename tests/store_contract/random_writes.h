// random_writes.h: groups of writes as no person would think of them, the same for the same seed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "scheduler/base/random.h"
#include "scheduler/ports/store.h"

namespace crescendo::store {

// Most writes are right, many are not: stale revisions, unknown ids, settles of what is not
// claimed, chunks out of order, request_ids used twice.
class RandomWrites {
 public:
  explicit RandomWrites(uint64_t seed) : random_(seed) {}

  // The next group. `store` tells what may be claimed or settled. Every group ends with an event
  // whose text is "step N", N = 1, 2, 3 …
  std::vector<ports::Write> Next(ports::Store& store);

 private:
  int64_t Below(int64_t bound) {
    return static_cast<int64_t>(random_.Below(static_cast<uint64_t>(bound)));
  }
  bool OneIn(int64_t n) { return Below(n) == 0; }
  std::string Name(const char* prefix, int64_t count);
  std::string Address();
  absl::Time Time();
  absl::CivilDay Day() { return absl::CivilDay(2026, 3, 1) + Below(4); }
  Lane AnyLane() { return {EgressIpId(Name("ip", 3)), ProviderId(Name("provider", 3))}; }
  DeliveryId AnyDelivery();
  std::vector<DeliveryId> SomeDeliveries();
  ports::RequestKey Request();
  Event AnyEvent();
  std::vector<Event> Events();

  std::vector<ports::Write> Beginning();
  ports::Write One(ports::Store& store);
  ports::Write PutRecord(const ports::Directory& directory);
  ports::Write Append(ports::Store& store);
  EngagementSignals Signals();
  ports::Write Engage();
  ports::Write SettleOne(ports::Store& store);
  ports::Write ReleaseSome(ports::Store& store);
  ports::Write PutOrDeleteWebhook();
  ports::Write RemoveSome(ports::Store& store);
  ports::Write CancelSome(ports::Store& store);
  ports::Write PruneSome();

  base::Random random_;
  int64_t step_ = 0;
  int64_t deliveries_ = 0;  // About as many as there are.
};

}  // namespace crescendo::store
