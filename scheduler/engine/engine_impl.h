// engine_impl.h: the engine's state. Internal to engine/:
//   engine.cc     start, stop, turns, effects
//   commands.cc   what callers ask for
//   plan_commands.cc   the same, of plans
//   snapshots.cc  what forecasts start from
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/strings/str_cat.h"
#include "scheduler/base/mutex.h"
#include "scheduler/core/shard.h"
#include "scheduler/engine/backup_runner.h"
#include "scheduler/engine/cancel_sweep.h"
#include "scheduler/engine/committer.h"
#include "scheduler/engine/engine.h"
#include "scheduler/engine/queue_loader.h"
#include "scheduler/engine/retention.h"

namespace crescendo::engine {

class Engine::Impl {
 public:
  using Task = absl::AnyInvocable<void()>;

  Impl(const Edges& edges, const core::Options& options, Threads threads);

  // --- engine.cc
  // -----------------------------------------------------------------------------------
  absl::Status Start();
  void Stop(absl::Duration limit) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Time Turn();
  void PostLetter(core::Letter letter) ABSL_LOCKS_EXCLUDED(mu_);
  // Runs `task` on the engine's thread, after the step that takes the letters posted so far. After
  // Stop it runs at once, on the caller's.
  void PostTask(Task task) ABSL_LOCKS_EXCLUDED(mu_);
  bool stopped() const ABSL_LOCKS_EXCLUDED(mu_);
  // Posts the next step of cancels_ if it is due.
  bool CancelIfDue(const base::Moment& now);
  int64_t Subscribe(absl::AnyInvocable<void()> listener) ABSL_LOCKS_EXCLUDED(subscribers_mu_);
  void Unsubscribe(int64_t id) ABSL_LOCKS_EXCLUDED(subscribers_mu_);

  // --- commands.cc
  // --------------------------------------------------------------------------------- Runs on the
  // engine's thread: commits `put`, and answers there when the stored record is in force.
  template <class Record>
  void CommitPut(ports::Put<Record> put, Done<Record> done);
  struct PendingImport {
    ports::AppendRecipients chunk;
    Done<ports::AppendOutcome> done;
  };
  bool Import(PendingImport import) ABSL_LOCKS_EXCLUDED(mu_);
  void PostImport(PendingImport import);
  // One is committed: the next that waits takes its place.
  void PostNextImport() ABSL_LOCKS_EXCLUDED(mu_);
  // `complained`: the deliveries that complaints among them are about.
  void Suppress(std::vector<Suppression> suppressions, std::vector<Delivery> complained,
                Request request, Done<int64_t> done);
  void ChangeCampaign(CampaignId id, CampaignVerb verb, int64_t revision, Request request,
                      Done<Campaign> done, int tries);
  void ChangeLane(Lane lane, LaneVerb verb, Request request, Done<core::LaneStatus> done);
  void SaveLaneAgain(const LaneRecord& written, Done<core::LaneStatus> done);
  // snapshots.cc: on the engine's thread, a turn each time.
  void GoOnSampling(std::unique_ptr<core::Snapshot> snapshot, Done<core::Snapshot> done);
  // Against the other records.
  absl::Status CheckReferences(const EgressIp& ip) const;
  absl::Status CheckReferences(const Pool& pool) const;
  absl::Status CheckReferences(const Campaign& campaign) const;
  Event AuditEvent(EventType type, const Request& request, std::string text) const;
  absl::Time now() const { return edges_.clock->Now().wall; }

  // --- plan_commands.cc
  // ---------------------------------------------------------------------------- On the engine's
  // thread.
  void PutPlan(Plan plan, core::Effective effective, Request request, Done<core::ChangedPlan> done);
  void ChangePlan(PlanId id, core::PlanAction action, int64_t revision, Request request,
                  Done<core::ChangedPlan> done, int tries);
  void DeletePlan(PlanId id, int64_t revision, Request request, Done<core::ChangedPlan> done);
  absl::Status CheckReferences(const Plan& plan) const;
  absl::Status CheckProvider(absl::string_view field, const ProviderId& id) const;
  absl::Status CheckSameIp(const Plan& plan) const;
  absl::Status CheckDelete(const Plan& plan) const;
  std::optional<PlanDay> NewestDay(const PlanId& plan) const;

  const Edges edges_;
  const core::Options options_;
  const Threads threads_;
  core::Shard shard_;    // The engine's thread only.
  Retention retention_;  // The same.
  CancelSweep cancels_;  // The same.
  Committer committer_;
  BackupRunner backups_{&committer_};
  QueueLoader loader_;

  mutable base::Mutex mu_;
  base::CondVar wake_;    // For the engine's thread.
  base::CondVar turned_;  // For those who wait for a turn.
  std::vector<core::Letter> letters_ ABSL_GUARDED_BY(mu_);
  std::deque<Task> tasks_ ABSL_GUARDED_BY(mu_);
  int64_t turns_ ABSL_GUARDED_BY(mu_) = 0;
  bool drained_ ABSL_GUARDED_BY(mu_) = false;
  int in_flight_ ABSL_GUARDED_BY(mu_) = 0;  // Once drained.
  int chunks_ ABSL_GUARDED_BY(mu_) = 0;                     // Of imports, on their way to the disk.
  std::deque<PendingImport> imports_ ABSL_GUARDED_BY(mu_);  // That wait for the place of one.
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  absl::AnyInvocable<void(absl::Status)> fatal_handler_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
  // Of egress IPs on their way to the store, which does not know that an address has one IP. The
  // engine's thread only.
  std::map<std::string, EgressIpId> new_addresses_;

  base::Mutex subscribers_mu_;
  std::map<int64_t, absl::AnyInvocable<void()>> subscribers_ ABSL_GUARDED_BY(subscribers_mu_);
  int64_t last_subscriber_ ABSL_GUARDED_BY(subscribers_mu_) = 0;

 private:
  absl::Status SettleOpenClaims();
  absl::Status Load();  // Before the threads start. The queue follows.
  void OnPage(std::vector<QueuedDelivery> page, const core::QueueLoading& progress)
      ABSL_LOCKS_EXCLUDED(mu_);
  void Loop() ABSL_LOCKS_EXCLUDED(mu_);
  // True: there is more to do now.
  bool StepOnce() ABSL_LOCKS_EXCLUDED(mu_);
  // When there is something to do, if nobody posts anything.
  absl::Time NextWake() const;
  bool PruneIfDue(const base::Moment& now);
  void CarryOut(std::vector<core::Effect> effects);
  // One job, in order. What of it the store refuses becomes an alert.
  void PostOutcomes(std::vector<ports::Write> writes);
  Event Refused(DeliveryId settled, const absl::Status& status) const;
  void CarryOutOne(core::Save& save, std::vector<ports::Write>& outcomes);
  void CarryOutOne(ports::OpenConnection& open, std::vector<ports::Write>& outcomes);
  void CarryOutOne(core::Send& send, std::vector<ports::Write>& outcomes);
  void NotComposed(const Campaign& campaign, const core::Send& send, const absl::Status& status);
  void CarryOutOne(core::Close& close, std::vector<ports::Write>& outcomes);
  void CarryOutOne(core::Resolve& resolve, std::vector<ports::Write>& outcomes);
  void OnAccepting(bool accepting) ABSL_LOCKS_EXCLUDED(mu_);
  void OnFatal(absl::Status status) ABSL_LOCKS_EXCLUDED(mu_);
  void NotifySubscribers() ABSL_LOCKS_EXCLUDED(subscribers_mu_);
};

}  // namespace crescendo::engine
