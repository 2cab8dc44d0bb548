// sim_world.h: the real engine, shard and memory store against simulated receivers, on a virtual
// clock, with the laws checked after every turn (DESIGN §2).
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"

#include "scheduler/core/reply_classifier.h"
#include "scheduler/engine/engine.h"
#include "store/memory/memory_store.h"
#include "tests/sim/sim_receivers.h"
#include "tests/support/sim_clock.h"

namespace crescendo::sim {

struct WorldOptions {
  uint64_t seed = 1;
  absl::CivilDay start_day = absl::CivilDay(2026, 1, 1);
  int egress_ips = 2;
  int64_t target = 4000;  // Of the classic plan.
  int campaigns = 2;
  int64_t recipients = 20'000;  // Over all campaigns.
  // The last so many egress IPs have no plan.
  int established = 0;
  // So many more IPs in pool "spare", to which the first pool spills; they have no plan.
  int spare_ips = 0;
  std::vector<int> weights;  // Of the campaigns; empty: none has one.
  std::vector<EngagementFloor> floors;
  int engaged_days = 0;  // Recipients were engaged on one of the last so many. 0: not known.
  SendingShape shape;
  double faults = 1.0;  // Scales every share of trouble; 0: receivers accept everything.
  core::Options core;
};

// A message handed to a receiver.
struct Sent {
  absl::Time time;
  std::string source, host;
  int64_t campaign = 0;
  double score = 0;
  EngagedDay engaged = 0;
};

class World {
 public:
  explicit World(const WorldOptions& options);
  ~World();

  // Until `time`, checking the laws; every violation is added to `violations()`.
  void RunUntil(absl::Time time);
  void RunDays(int days);
  // kill -9 and a new start on the same store.
  void CrashAndRestart();

  // Somebody sets the wall clock.
  void JumpClock(absl::Duration by);

  // Waits (in turns) for an answer of the engine.
  template <class T, class Ask>
  absl::StatusOr<T> Await(Ask ask);
  void SetMembers(const PoolId& pool, const std::vector<std::string>& ips, const PoolId& overflow);
  void PauseLane(const std::string& ip, const std::string& provider);
  void Pause(const CampaignId& campaign);
  void Resume(const CampaignId& campaign);
  void Suppress(const std::string& address);

  const std::vector<std::string>& violations() const { return violations_; }
  const std::vector<Sent>& sent() const { return sent_; }
  // The address of IP "mta1-a", "mta1-b" ….
  static std::string AddressOf(int ip);
  const Witness& witness() const { return receivers_->witness(); }
  engine::Engine& engine() { return *engine_; }
  store::MemoryStore& store() { return *store_; }
  support::SimClock& clock() { return clock_; }
  CampaignCounts Counts();
  int64_t trace_hash() const { return static_cast<int64_t>(trace_); }
  // Recounts everything from the rows: the ledger, the states, the copies (slow; at the end).
  void CheckAll();

 private:
  void SetUp();
  void StartEngine();
  void OnSend(const std::string& source, const std::string& host,
              const ports::SendMessage& message);
  void CheckTurn();
  void Violated(absl::string_view law, std::string what);
  int64_t CapOf(const std::string& source, absl::CivilDay day);

  const WorldOptions options_;
  support::SimClock clock_;
  std::unique_ptr<ProviderCatalog> providers_;
  std::unique_ptr<core::ReplyClassifier> classifier_;
  std::unique_ptr<store::MemoryStore> store_;
  std::unique_ptr<SimReceivers> receivers_;
  std::unique_ptr<ports::MxResolver> resolver_;
  std::unique_ptr<ports::MessageComposer> composer_;
  std::unique_ptr<engine::Engine> engine_;

  std::vector<std::string> violations_;
  std::vector<Sent> sent_;
  absl::flat_hash_map<std::string, EngagedDay> engaged_;  // By address.
  int64_t imported_ = 0;
  uint64_t trace_ = 0;
  std::map<std::string, absl::Time> last_send_;  // By source: L2.
  std::map<std::string, double> last_score_;     // By lane and campaign: L5.
  absl::CivilDay last_day_;
  std::set<std::string> paused_;      // Campaign ids, acknowledged: L6.
  std::set<std::string> suppressed_;  // Addresses, acknowledged: L6.
  std::map<std::pair<std::string, absl::CivilDay>, int64_t> caps_;
};

template <class T, class Ask>
absl::StatusOr<T> World::Await(Ask ask) {
  std::optional<absl::StatusOr<T>> answer;
  ask([&](absl::StatusOr<T> value) { answer = std::move(value); });
  for (int i = 0; i < 100 && !answer.has_value(); ++i) engine_->Turn();
  if (!answer.has_value()) return absl::DeadlineExceededError("the engine did not answer");
  return *std::move(answer);
}

}  // namespace crescendo::sim
