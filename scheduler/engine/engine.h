// engine.h: the loop that drives the shard through the ports.
//
// Three threads meet here. The engine's own turns the shard: letters in, effects out. The
// committer's owns the store and groups the writes of all callers into synced commits. Transport
// and callers post letters from theirs. A change is written first and applied when it is durable,
// so what is acknowledged is on disk (L3) and in force (L6).
//
// Errors   every answer is a StatusOr; the codes are those of ports/store.h plus INVALID_ARGUMENT
//          and FAILED_PRECONDITION from validation, RESOURCE_EXHAUSTED when a queue is full, and
//          UNAVAILABLE after Stop.
// Threads  all public methods are safe from any thread; `done` runs on an engine thread and must
// not
//          block.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "scheduler/base/clock.h"
#include "scheduler/core/options.h"
#include "scheduler/core/plan_edit.h"
#include "scheduler/core/reply_classifier.h"
#include "scheduler/core/shard.h"
#include "scheduler/core/status.h"
#include "scheduler/domain/provider.h"
#include "scheduler/ports/composer.h"
#include "scheduler/ports/mx_resolver.h"
#include "scheduler/ports/store.h"
#include "scheduler/ports/tls_policy.h"
#include "scheduler/ports/transport.h"

namespace crescendo::engine {

template <class T>
using Done = absl::AnyInvocable<void(absl::StatusOr<T>)>;

// Who asks and why (the audit trail), and how.
struct Request {
  ports::RequestKey key;  // Creates only.
  std::string actor;      // "cli:alice". May be "".
  std::string reason;     // May be "".
  bool validate_only =
      false;  // Check everything, change nothing; the answer is what would be stored.
};

using core::PlanVerb;
enum class CampaignVerb { kStart, kPause, kResume, kCancel };
enum class LaneVerb { kPause, kResume };

struct Edges {
  const base::Clock* clock;
  ports::Store* store;
  ports::Transport* transport;
  ports::MxResolver* resolver;
  ports::MessageComposer* composer;
  const ProviderCatalog* providers;
  const core::ReplyClassifier* classifier;
  const ports::TlsPolicies* tls = &ports::StrictestTls();
};

enum class Threads {
  kOwn,   // The engine turns itself.
  kNone,  // For tests and simulations: the caller turns it, with Turn().
};

class Engine {
 public:
  // All edges outlive the engine.
  Engine(const Edges& edges, const core::Options& options, Threads threads = Threads::kOwn);
  ~Engine();

  // Loads what is small, settles what a crash left open as in doubt, and starts. Blocks until the
  // first turn is done. DATA_LOSS and the like: nothing was started. The queue is loaded after
  // that, while everything is served; nothing leaves before all of it is there
  // (core::QueueLoading).
  absl::Status Start();
  // No new transactions; waits until those in flight have ended or `limit` of real time has passed,
  // then stops all threads. Every outcome known by then is on disk.
  void Stop(absl::Duration limit);
  // OK while the store can be trusted. DATA_LOSS: the process must end (DESIGN §7).
  absl::Status Health() const;
  // Called once, from any thread, when Health turns bad.
  void SetFatalHandler(absl::AnyInvocable<void(absl::Status)> handler);

  // Creates (revision 0) or replaces (the revision the change was made from). Stages, caps and the
  // like take effect at once; a cap already passed today stops the day, it is never passed further.
  void Put(EgressIp ip, Request request, Done<EgressIp> done);
  void Put(Pool pool, Request request, Done<Pool> done);
  void Put(Plan plan, Request request, Done<Plan> done);  // An edit of a plan: now.
  void Put(Campaign campaign, Request request, Done<Campaign> done);

  // The same for plans, with what changes and from when on (core/plan_edit.h).
  void PutPlan(Plan plan, core::Effective effective, Request request, Done<core::ChangedPlan> done);
  void ChangePlan(PlanId plan, core::PlanAction action, int64_t revision, Request request,
                  Done<core::ChangedPlan> done);
  // The plan as it was, with its history. FAILED_PRECONDITION: it runs, or its IP would be free to
  // send without a cap.
  void DeletePlan(PlanId plan, int64_t revision, Request request, Done<core::ChangedPlan> done);

  // `revision` 0: whatever it is now. A verb whose state is already reached succeeds.
  void Change(PlanId plan, PlanVerb verb, int64_t revision, Request request, Done<Plan> done);
  void Change(CampaignId campaign, CampaignVerb verb, int64_t revision, Request request,
              Done<Campaign> done);
  void Change(Lane lane, LaneVerb verb, Request request, Done<core::LaneStatus> done);

  // One chunk of an import (ports::AppendRecipients). False: as many chunks as may wait for the
  // disk already; this one is taken when there is room, and until it is answered the caller hands
  // over no other. So each caller is slowed down, and memory is bounded by their number.
  // RESOURCE_EXHAUSTED: even those are too many.
  bool Import(ports::AppendRecipients chunk, Done<ports::AppendOutcome> done);

  // A complaint counts in the ledger of the lane that the newest accepted message to the address
  // went by, on its plan day of now. Of an address whose deliveries are pruned, nobody knows the
  // lane.
  void Suppress(std::vector<Suppression> suppressions, Request request, Done<int64_t> done);
  void Unsuppress(std::string address, Request request, Done<std::string> done);

  // Snapshots of what is in force.
  void GetEgressIp(EgressIpId id, Done<EgressIp> done);
  void ListEgressIps(Done<std::vector<EgressIp>> done);  // By id, as the other lists.
  void GetPool(PoolId id, Done<Pool> done);
  void ListPools(Done<std::vector<Pool>> done);
  void GetPlan(PlanId id, Done<Plan> done);
  void ListPlans(Done<std::vector<Plan>> done);
  void GetCampaign(CampaignId id, Done<Campaign> done);
  void ListCampaigns(Done<std::vector<Campaign>> done);
  void GetPlanStatus(PlanId id, Done<core::PlanStatus> done);
  // Of one IP, or of all when `ip` is empty: every lane that has recipients, a record or a ledger.
  void ListLanes(EgressIpId ip, Done<std::vector<core::LaneStatus>> done);

  // NOT_FOUND: the IP or the provider does not exist.
  void GetLane(Lane lane, Done<core::LaneStatus> done);

  // Runs `look` on the engine's thread. It must be quick. UNAVAILABLE after Stop.
  void Look(Done<const core::Shard*> look);
  // What a forecast starts from, with at most about `most_samples` samples of the queue. Taken a
  // millisecond at a time, between turns, so that a queue of millions holds nothing up.
  void TakeSnapshot(int64_t most_samples, Done<core::Snapshot> done);

  // Runs `read` on the committer's thread, between commits. It must be quick: page.
  // False (and `read` is not run) after Stop or when too many reads wait.
  bool Read(absl::AnyInvocable<void(ports::Store&)> read);

  // Copies the store to the file `path` on this host while everything goes on (ports::Backup);
  // `progress` is told how far, and ends it by false (CANCELLED). Both run on a thread of their
  // own. ALREADY_EXISTS; FAILED_PRECONDITION: it cannot be made there, or one is being made.
  void Backup(std::string path, absl::AnyInvocable<bool(const ports::BackupProgress&)> progress,
              Done<ports::BackupProgress> done);

  // Calls `listener` after every commit that appended events, from the committer's thread. It must
  // not block. Returns an id for Unsubscribe, after which it is not called any more.
  int64_t Subscribe(absl::AnyInvocable<void()> listener);
  void Unsubscribe(int64_t id);

  // Threads::kNone only: commits and reads what waits, takes the letters, steps, carries out the
  // effects, and again until nothing is left to do at this moment. Returns when to turn next.
  absl::Time Turn();

  // Makes a message as deliveries are made, for a recipient who is none. Errors as
  // ports::MessageComposer's.
  void Compose(Campaign campaign, DeliveryId number, std::string address,
               Done<ports::ComposedMessage> done);
  // Appends an event of `ip` that says what was done outside of every plan and campaign. `done`
  // when it is on disk.
  void Record(EventType type, EgressIpId ip, std::string text, Request request,
              Done<EventType> done);

  const ProviderCatalog& providers() const;
  const core::ReplyClassifier& classifier() const;
  const core::Options& options() const;
  const base::Clock& clock() const;
  std::string Transcript(DeliveryId delivery);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace crescendo::engine
