// rig.h: an engine with a clock, a store, receivers and data that a test holds in its hands.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/core/reply_classifier.h"
#include "scheduler/engine/engine.h"
#include "tests/support/fake_transport.h"
#include "tests/support/fault_store.h"
#include "tests/support/sim_clock.h"

namespace crescendo::support {

// A Wednesday, noon.
inline const absl::Time kNoon =
    absl::FromCivil(absl::CivilHour(2026, 3, 4, 12), absl::UTCTimeZone());

// The domain gmail.test is gmail's, null.test takes no mail, lost.test is not known now, and every
// other one is the default provider's.
class Rig {
 public:
  // `store`: instead of a FaultStore of its own; outlives the rig.
  explicit Rig(engine::Threads threads, const core::Options& options = {},
               ports::Store* store = nullptr);
  ~Rig();

  absl::Status Start();
  // kill -9: the engine is gone, the store and the messages sent stay. Start makes a new one.
  void Crash();

  // Asks the engine, and turns it (or waits) until it answers.
  template <class T, class Ask>
  absl::StatusOr<T> Await(Ask ask);

  // IPs mta1-a (192.0.2.1) and mta1-b (192.0.2.2), and the pool `main` of mta1-a.
  void MakePool();
  // The sending campaign, with the recipients, in the order of their scores.
  void MakeCampaign(const std::string& id, const std::vector<std::string>& addresses);
  absl::StatusOr<ports::AppendOutcome> Import(const std::string& campaign, int64_t chunk,
                                              const std::vector<std::string>& addresses);
  absl::StatusOr<Campaign> Change(const std::string& campaign, engine::CampaignVerb verb,
                                  int64_t revision = 0);
  absl::StatusOr<Plan> Change(const std::string& plan, engine::PlanVerb verb, int64_t revision = 0);
  CampaignCounts Counts(const std::string& campaign);
  std::vector<Event> Events(EventType type);

  SimClock clock{kNoon};
  FaultStore store;
  FakeTransport transport;
  ports::MxResolver& resolver() { return *resolver_; }
  engine::Engine& engine() { return *engine_; }

 private:
  const engine::Threads threads_;
  const core::Options options_;
  ports::Store* const used_store_;
  std::unique_ptr<ports::MxResolver> resolver_;
  std::unique_ptr<ports::MessageComposer> composer_;
  ProviderCatalog providers_;
  core::ReplyClassifier classifier_;
  std::unique_ptr<engine::Engine> engine_;
};

EgressIp NewIp(const std::string& id, const std::string& address);
Pool NewPool(const std::string& id, const std::vector<std::string>& ips);
// Two days of 100.
Plan NewPlan(const std::string& id, const std::string& ip);
Campaign NewCampaign(const std::string& id);

// One answer that another thread gives.
template <class T>
class Promise {
 public:
  void Set(absl::StatusOr<T> answer) {
    base::MutexLock lock(&mu_);
    answer_ = std::move(answer);
    set_.NotifyAll();
  }
  bool is_set() {
    base::MutexLock lock(&mu_);
    return answer_.has_value();
  }
  absl::StatusOr<T> Get() {
    base::MutexLock lock(&mu_);
    while (!answer_.has_value()) set_.Wait(&mu_);
    return *answer_;
  }

 private:
  base::Mutex mu_;
  base::CondVar set_;
  std::optional<absl::StatusOr<T>> answer_ ABSL_GUARDED_BY(mu_);
};

template <class T, class Ask>
absl::StatusOr<T> Rig::Await(Ask ask) {
  auto answer = std::make_shared<Promise<T>>();
  ask([answer](absl::StatusOr<T> value) { answer->Set(std::move(value)); });
  if (threads_ == engine::Threads::kNone && !answer->is_set()) {
    engine_->Turn();
    if (!answer->is_set()) return absl::InternalError("the engine did not answer");
  }
  return answer->Get();
}

}  // namespace crescendo::support
