// sim_world.h: the real engine, shard and memory store against simulated receivers, on a virtual
// clock, with the laws checked after every turn (DESIGN §2).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "scheduler/core/reply_classifier.h"
#include "scheduler/engine/engine.h"
#include "store/memory/memory_store.h"
#include "tests/sim/rank_witness.h"
#include "tests/sim/sim_receivers.h"
#include "tests/support/sim_clock.h"

namespace crescendo::sim {

struct WorldOptions {
  uint64_t seed = 1;
  absl::CivilDay start_day = absl::CivilDay(2026, 1, 1);
  int egress_ips = 2;
  int established = 0;    // The last so many of these have no plan.
  int spare_ips = 0;      // So many more, without a plan: pool "spare", to which the first spills.
  int providers = 5;      // Or 12.
  int64_t target = 4000;  // Of the classic plan.
  std::vector<Stage> stages;              // Instead of it.
  std::string time_zone = "UTC";          // Of the plans.
  std::function<void(PlanShape&)> shape;  // What else is special about the plans. May be empty.
  int campaigns = 2;
  // What is special about the campaign of this number. May be empty.
  std::function<void(int number, Campaign&)> campaign;
  int engaged_days = 0;         // Recipients were engaged on one of the last so many. 0: not known.
  int64_t recipients = 20'000;  // Over all campaigns.
  bool signals = false;         // Scores follow from signals; else each has one.
  bool start_campaigns = true;  // Else Launch does, later.
  double faults = 1.0;          // Scales every share of trouble; 0: receivers accept everything.
  // Changes what a provider's receivers do, and what is known of it.
  std::function<void(const std::string& provider, Behaviour*)> behave;
  std::function<void(Provider*)> facts;
  core::Options core;
};

// A message that was handed to a connection.
struct Sent {
  absl::Time time;
  int ip = 0, host = 0, campaign = 0;  // Their numbers, from 0.
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

  // Imports and starts the campaign of this number: from 0, each once.
  void Launch(int campaign);
  // At the host of the provider of this number, from now on.
  void Suffer(Incident::Kind kind, int provider, absl::Duration lasts, int ip = -1);
  absl::StatusOr<core::Snapshot> Snapshot(int64_t most_samples);
  const core::Options& core_options() const { return options_.core; }
  // Lines of a table: one IP's plan beside what it did.
  std::vector<PlanDay> DaysOf(int ip);
  int64_t WitnessedOn(int ip, absl::CivilDay day) const;
  int64_t decisions() const { return decisions_; }

  void SetMembers(const PoolId& pool, const std::vector<std::string>& ips, const PoolId& overflow);
  void PauseLane(const std::string& ip, const std::string& provider);

  // Somebody sets the wall clock.
  void JumpClock(absl::Duration by);

  // Waits (in turns) for an answer of the engine.
  template <class T, class Ask>
  absl::StatusOr<T> Await(Ask ask);
  void Pause(const CampaignId& campaign);
  void Resume(const CampaignId& campaign);
  void Suppress(const std::string& address, SuppressionReason reason = SuppressionReason::kManual);
  // So many of those that were launched click, open, or have a machine open, one after the other.
  // REQUIRES: `signals`.
  void Engage(base::Random& random, int events);
  const RankWitness& ranks() const { return ranks_; }
  // Of plan-`ip`. What the state forbids is no violation.
  absl::Status Edit(int ip, core::Effective effective, std::function<void(PlanShape&)> edit);
  absl::Status Act(int ip, const core::PlanAction& action);

  const std::vector<std::string>& violations() const { return violations_; }
  const Witness& witness() const { return receivers_->witness(); }
  engine::Engine& engine() { return *engine_; }
  store::MemoryStore& store() { return *store_; }
  support::SimClock& clock() { return clock_; }
  CampaignCounts Counts();
  const std::vector<Sent>& sent() const { return sent_; }
  int HostOf(const std::string& host) const;
  int64_t trace_hash() const { return static_cast<int64_t>(trace_); }
  // Recounts everything from the rows: the ledger, the states, the copies (slow; at the end).
  void CheckAll();

 private:
  void SetUp();
  void StartEngine();
  void OnSend(const std::string& source, const std::string& host,
              const ports::SendMessage& message);
  void OnUsed(const std::string& source, absl::CivilDay day, int64_t used);
  void CheckDecisions(int ip);
  void CheckTurn();
  void Violated(absl::string_view law, std::string what);
  // As it stood when it was first looked at, or after the last edit; none: not opened.
  const PlanDay* DayOf(int ip, absl::CivilDay day);
  bool IsBeyond(const PlanDay& day) const;
  std::string AddressOf(int ip) const;
  static int IpOf(const std::string& source);

  const WorldOptions options_;
  RankWitness ranks_;
  support::SimClock clock_;
  std::unique_ptr<ProviderCatalog> providers_;
  std::unique_ptr<core::ReplyClassifier> classifier_;
  std::unique_ptr<store::MemoryStore> store_;
  std::unique_ptr<SimReceivers> receivers_;
  std::unique_ptr<ports::MxResolver> resolver_;
  std::unique_ptr<ports::MessageComposer> composer_;
  std::unique_ptr<engine::Engine> engine_;

  std::vector<std::string> violations_;
  std::vector<int> launched_;           // Campaigns.
  std::vector<std::string> addresses_;  // Of those, with `signals`.
  int64_t imported_ = 0;
  bool jumped_ = false;
  uint64_t trace_ = 0;
  int64_t turns_ = 0;
  int64_t decisions_ = 0;                                   // Of plan days, checked.
  absl::flat_hash_map<std::string, absl::Time> last_send_;  // By source: L2.
  // By IP, host and campaign: L5.
  absl::flat_hash_map<std::tuple<int, int, CampaignId>, double> last_score_;
  std::set<std::string> paused_;      // Campaign ids, acknowledged: L6.
  std::set<std::string> suppressed_;  // Addresses, acknowledged: L6.
  std::set<DeliveryId> released_;     // Claimed and given back: L5.
  absl::flat_hash_map<std::pair<int, absl::CivilDay>, PlanDay> days_;  // By IP.
  std::vector<Sent> sent_;
  absl::flat_hash_map<std::string, EngagedDay> engaged_;  // By address.
  bool edited_ = false;
  uint64_t reported_ = 0;                 // Events.
  size_t ranked_ = 0;                     // Violations of ranks_ that are told.
  bool floors_ = false, shaped_ = false;  // Plans have floors, hours of their own or days off.
  absl::CivilDay last_day_;
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
