// store.h: what must survive. Speaks verbs of the domain: append, claim, settle, load, page.
//
// Writes go in groups: Commit applies many writes of many callers in one transaction and returns
// after it is synced, so "OK" means "on disk" (L3). Each write succeeds or fails on its own: one
// that fails leaves no trace and does not touch its neighbours.
//
// Errors   of one write (WriteResult.status):
//            NOT_FOUND           what it names does not exist (also the delivery of an event, the
//                                IPs and the overflow of a pool, the IP of a plan, the pool of a
//                                campaign)
//            ALREADY_EXISTS      create of an id that is taken
//            ABORTED             the record's revision is not the expected one: read again
//            FAILED_PRECONDITION the state forbids it (settle of what is not claimed, pools that
//                                overflow in a circle …)
//            INVALID_ARGUMENT    a request_id or chunk number used again with another body; a row
//                                or a state that can never be stored
//          of Commit itself, nothing of the group applied:
//            RESOURCE_EXHAUSTED  disk full: try again later
//            DATA_LOSS           an I/O error or failed sync: stop acknowledging, end the process;
//                                every later call answers so too
//            INTERNAL            our bug
// Units    times are kept to the microsecond.
// Threads  one thread calls everything; the engine's committer owns it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "absl/types/span.h"
#include "scheduler/domain/campaign.h"
#include "scheduler/domain/egress_ip.h"
#include "scheduler/domain/engagement.h"
#include "scheduler/domain/event.h"
#include "scheduler/domain/ledger.h"
#include "scheduler/domain/plan.h"
#include "scheduler/domain/suppression.h"
#include "scheduler/domain/webhook.h"

namespace crescendo::ports {

// Makes a create happen once: same id and fingerprint, same answer, until it is pruned.
struct RequestKey {
  std::string id;            // "": not idempotent.
  uint64_t fingerprint = 0;  // Of the request's body.
};

// Stores a record: creates it when record.revision == 0, else replaces the one with exactly that
// revision. The result's record has the new revision (and for a campaign its key). `events` are
// appended with it. A request_id that was answered before gets the record as it is now (AIP-155),
// whatever else would forbid the write.
template <class Record>
struct Put {
  Record record;
  RequestKey request;
  std::vector<Event> events;
  // Not OK: what forbids it, unless the request was answered before; only the store knows.
  absl::Status refusal = absl::OkStatus();
};

// The plan and its days. Its egress IP is free for another; what its lanes did stays in the ledger.
// ABORTED: another revision.
struct DeletePlan {
  PlanId plan;
  int64_t revision = 0;
  std::vector<Event> events;
};
// One recipient complained about what this lane sent: counts in the ledger of that day.
struct CountComplaint {
  Lane lane;
  absl::CivilDay day;
};
struct PutPlanDay {
  PlanDay day;
  std::vector<Event> events;
};  // Inserts, or replaces the same day.
struct PutLane {
  LaneRecord lane;
  std::vector<Event> events;
};
struct AppendEvents {
  std::vector<Event> events;
};

// One chunk of an import. Chunks of one import are numbered 1, 2, 3 …; one that was applied before
// answers as then (`replayed`), one with a gap before it is FAILED_PRECONDITION, and so is one
// whose answer has been pruned: it is never applied twice.
struct AppendRecipients {
  struct Row {
    std::string address;  // Normalised.
    double score = 0;     // [0, 1]. Without `signals`; it stays as it is.
    std::vector<std::pair<std::string, std::string>> variables;
    // Set: the score follows from these and from what is reported of the address, before and after,
    // as of the campaign's create_time.
    std::optional<EngagementSignals> signals = std::nullopt;
    // Of a row with signals the latest that was reported counts too.
    EngagedDay engaged_day = 0;
  };
  CampaignId campaign;
  ImportId import;
  int64_t chunk = 1;
  uint64_t fingerprint = 0;  // Of the chunk's body, and of what it means (update_scores).
  std::vector<Row> rows;     // At most 10,000.
  // A row whose address is in the campaign already, queued, deferred or claimed, gives it its
  // score, or the signals it follows from, and its engaged_day if that is later, and nothing else.
  bool update_scores = false;
  absl::Time now;
};
struct AppendOutcome {
  int64_t added = 0;       // Queued by this chunk.
  int64_t duplicates = 0;  // Already in the campaign, or twice in the chunk.
  int64_t suppressed = 0;  // Stored in state kSuppressed.
  int64_t updated = 0;     // Already in the campaign, and with the row's score now.
  bool replayed = false;
  // What the queue must learn; empty when replayed.
  std::vector<QueuedDelivery> queued;
  std::vector<Rescored> rescored;  // After `queued`: a row may follow its like in the chunk.
  // Domains seen for the first time ever.
  std::vector<std::pair<DomainKey, std::string>> new_domains;
};

// What people did with messages, as a platform reports it. An event whose key was recorded before
// counts for nothing, until that is pruned. Every delivery to one of the addresses that has
// `signals` and is queued, deferred or claimed gets the score that follows now, in this write.
struct RecordEngagement {
  std::vector<EngagementEvent> events;  // At most 10,000.
  absl::Time now;
};
struct EngagementOutcome {
  int64_t recorded = 0;
  int64_t repeated = 0;            // Recorded before, or twice in `events`.
  std::vector<Rescored> rescored;  // What the queue must learn.
};

// Takes deliveries out of the queue for a lane, each with a slot of that plan day.
// A delivery that does not exist, is not queued or deferred any more or is of a cancelled campaign
// is left out of the result; so is one whose address has been suppressed, which becomes
// kSuppressed.
struct Claim {
  Lane lane;
  absl::CivilDay day;
  std::vector<DeliveryId> deliveries;
  absl::Time now;
};
struct ClaimedDelivery {
  DeliveryId id;
  CampaignKey campaign;
  std::string address;
  std::vector<std::pair<std::string, std::string>> variables;
  int attempts = 0;  // That ended before this one.
  // This claim's time if none was attempted yet. It dates the message, and is what a Settle of the
  // attempt keeps, also after a kill: so every retry has the same bytes (L4).
  absl::Time first_attempt_time;
};

// Puts claimed deliveries back as they were: nothing was attempted, the slots return. All or none:
// FAILED_PRECONDITION when one is not claimed by this lane on this day. One whose campaign was
// cancelled meanwhile is for the caller to end.
struct Release {
  Lane lane;
  absl::CivilDay day;
  std::vector<DeliveryId> deliveries;
};

// Records how an attempt ended: the delivery, the ledger, the event and the suppression, together.
// REQUIRES: the delivery is claimed by this lane on claim_day (else FAILED_PRECONDITION: an outcome
// is never overwritten, L7).
struct Settle {
  enum class Slot { kAccepted, kRefused, kInDoubt, kDeferred };
  DeliveryId delivery;
  Lane lane;
  absl::CivilDay claim_day;
  absl::CivilDay
      settle_day;  // Another than claim_day: the slot counts on both (LedgerRow.carried).
  Slot slot = Slot::kDeferred;
  DeliveryState state = DeliveryState::kDeferred;  // The new state; not kClaimed.
  bool counts_as_attempt = true;  // False: kRetryNow, lost before the message was offered.
  absl::Time next_attempt_time = absl::InfinitePast();  // For kDeferred.
  EgressIpId pinned_ip;  // For kDeferred: retry from here only. "": any.
  std::optional<ReplyCategory> category;
  std::string reply;
  bool pushback = false;  // For kDeferred: LedgerRow.pushback.
  // Adds the address, unless it is suppressed already, and ends its other deliveries that wait.
  std::optional<SuppressionReason> suppress;
  std::vector<Event> events;  // The first tells of it, with its lane. An empty `address` is filled.
  absl::Time now;
};

// Ends a delivery that is not claimed: expired, or resolved from in doubt, by an operator. The
// state is a final one.
struct EndDelivery {
  DeliveryId delivery;
  DeliveryState state = DeliveryState::kExpired;
  std::vector<Event> events;
  absl::Time now;
};

// A step of taking a cancelled campaign's deliveries off: those that are queued, deferred or in
// doubt become kCancelled. The Put<Campaign> before it is what stops them (see Claim); this keeps
// the books, a little at a time, so that no commit is long. FAILED_PRECONDITION: it is not
// cancelled.
struct CancelDeliveries {
  CampaignId campaign;
  absl::Time now;
  DeliveryId after;  // Where to go on looking: `next` of the step before.
  int limit = 1000;  // So many rows are looked at. Range: [1, 10000].
};
struct CancelledDeliveries {
  std::vector<DeliveryId> ended;  // By id.
  DeliveryId next;
  bool more = false;  // There may be more behind `next`.
};

// Adds or replaces; the address's deliveries that are queued or deferred become kSuppressed.
struct AddSuppressions {
  std::vector<Suppression> suppressions;
  std::vector<Event> events;
};
struct RemoveSuppression {
  std::string address;
  std::vector<Event> events;
};  // NOT_FOUND.

// Stores it: a new one whole, of a known one all but `delivered`, `lost` and `create_time`.
struct PutWebhook {
  Webhook webhook;
  std::vector<Event> events;
};
// How far it got. NOT_FOUND.
struct MoveWebhook {
  WebhookId webhook;
  EventId delivered;
  int64_t lost = 0;
};
struct DeleteWebhook {
  WebhookId webhook;
  std::vector<Event> events;
};  // NOT_FOUND.

// Takes away what is finished and old, a little at a time, so that no commit is long. Counts stay
// as they are (CountPruned says how many of them have no delivery any more), ids are never given
// again (so the newest delivery of all stays), and of each import its last chunk stays.
struct Prune {
  // Deliveries that reached a final state before this. InfinitePast, here and below: none.
  absl::Time deliveries_before = absl::InfinitePast();
  absl::Time events_before = absl::InfinitePast();   // From the oldest on, up to the first younger.
  absl::Time answers_before = absl::InfinitePast();  // request_ids, chunks and keys of engagement.
  // Where to go on looking for deliveries: `next` of the step before.
  DeliveryId after;
  int limit = 256;  // Of each kind, so many rows are looked at. Range: [1, 10000].
};
struct Pruned {
  int64_t deliveries = 0, events = 0, answers = 0;  // That are gone.
  DeliveryId next;
  bool more = false;  // There is more to look at now.
};

using Write =
    std::variant<Put<EgressIp>, Put<Pool>, Put<Plan>, Put<Campaign>, DeletePlan, PutPlanDay,
                 PutLane, CountComplaint, AppendEvents, AppendRecipients, RecordEngagement, Claim,
                 Release, Settle, EndDelivery, CancelDeliveries, AddSuppressions, RemoveSuppression,
                 PutWebhook, MoveWebhook, DeleteWebhook, Prune>;

struct WriteResult {
  absl::Status status;
  // Put: the record as stored. AppendRecipients, RecordEngagement, Claim, CancelDeliveries, Prune:
  // their outcome.
  // AddSuppressions, Settle with `suppress`: the deliveries that ended by it. Else nothing.
  std::variant<std::monostate, EgressIp, Pool, Plan, Campaign, AppendOutcome, EngagementOutcome,
               std::vector<ClaimedDelivery>, CancelledDeliveries, std::vector<DeliveryId>, Pruned>
      value;
  bool replayed = false;  // Put: the request_id was answered before; this is that answer.
};

// A page of a list: rows after `after` in key order, at most `limit` of them.
struct DeliveryFilter {
  std::optional<CampaignId> campaign;  // Required unless `address` is set.
  std::optional<DeliveryState> state;
  std::optional<std::string> address;  // Normalised.
};
struct EventFilter {
  std::optional<CampaignId> campaign;
  std::optional<EgressIpId> egress_ip;
  std::optional<ProviderId> provider;
  std::optional<PlanId> plan;
  std::optional<DeliveryId> delivery;
  std::vector<EventType> types;  // Empty: all.
};

// All that is small, read once at start.
struct Directory {
  std::vector<EgressIp> egress_ips;
  std::vector<Pool> pools;
  std::vector<Plan> plans;
  std::vector<PlanDay> plan_days;  // The newest of each plan.
  std::vector<Campaign> campaigns;
  std::vector<LaneRecord> lanes;
  std::vector<std::pair<DomainKey, std::string>> domains;
  std::vector<LedgerRow> ledger;  // Of each lane: its newest two days.
  int64_t queued = 0;             // So many LoadQueued finds.
  DeliveryId last_delivery;       // The newest of all; later ones get higher ids.
};

// A part of the queue.
struct QueuedPage {
  std::vector<QueuedDelivery> queued;  // By id.
  DeliveryId next;                     // Where the next page begins: its `after`.
  bool more = false;
};

// A claim that a crash left open, to be settled as in doubt at start.
struct OpenClaim {
  QueuedDelivery delivery;
  Lane lane;
  absl::CivilDay day;
};

struct BackupProgress {
  int64_t copied_bytes = 0;
  int64_t total_bytes = 0;  // As the store is now: it may grow meanwhile.
};

// A copy of the store in a file of its own, made a little at a time while the store is used. It
// holds every commit up to one of its Steps: the last, unless long variables are copied after that.
// The file has its name only when it is complete.
class Backup {
 public:
  // On the store's thread. What is not finished is removed.
  virtual ~Backup() = default;

  // Copies about so many bytes more, between commits, on the store's thread. True: that was the
  // last. RESOURCE_EXHAUSTED: no room for the copy. UNAVAILABLE: it cannot be read or written; the
  // store goes on.
  virtual absl::StatusOr<bool> Step(int64_t bytes) = 0;
  virtual BackupProgress progress() const = 0;
  // Waits until what was copied is on the disk. Any thread, but not during a Step.
  virtual absl::Status Sync() = 0;
  // After the last Step: syncs, and gives the file its name. ALREADY_EXISTS. As Sync.
  virtual absl::Status Finish() = 0;
};

class Store {
 public:
  virtual ~Store() = default;

  // Gives back memory that only makes the next calls faster. Called when nothing is asked for.
  virtual void ReleaseMemory() {}

  // `results` gets one entry per write when OK is returned.
  virtual absl::Status Commit(absl::Span<const Write> writes,
                              std::vector<WriteResult>* results) = 0;

  // Room set aside for a full disk, for a store that has a disk.
  // Gives it up for the next commits. False: there was none.
  virtual bool ReleaseReserve() = 0;
  // Sets it aside, if it is not. RESOURCE_EXHAUSTED: not enough room yet. UNAVAILABLE: it cannot.
  virtual absl::Status KeepReserve() = 0;

  // A copy in the file `path`, on the host of the store. ALREADY_EXISTS: the file, or an unfinished
  // copy. FAILED_PRECONDITION: it cannot be made there, or the store has no file.
  virtual absl::StatusOr<std::unique_ptr<Backup>> BeginBackup(const std::string& path) = 0;

  virtual absl::StatusOr<Directory> LoadDirectory() = 0;
  // Queued and deferred deliveries of campaigns that are not cancelled, with id > `after`. Looks at
  // no more than `limit` rows, so that no page takes long, however many beside them have ended.
  virtual absl::StatusOr<QueuedPage> LoadQueued(DeliveryId after, int limit) = 0;
  virtual absl::StatusOr<std::vector<OpenClaim>> LoadOpenClaims() = 0;

  virtual absl::StatusOr<Delivery> GetDelivery(DeliveryId id) = 0;  // NOT_FOUND.
  virtual absl::StatusOr<std::vector<Delivery>> ListDeliveries(const DeliveryFilter& filter,
                                                               DeliveryId after, int limit) = 0;
  // Kept in the commit that changes it: no scan.
  virtual absl::StatusOr<CampaignCounts> CountDeliveries(const CampaignId& campaign) = 0;
  // Of those, the ones that no list shows any more.
  virtual absl::StatusOr<CampaignCounts> CountPruned(const CampaignId& campaign) = 0;
  virtual absl::StatusOr<std::vector<Event>> ListEvents(const EventFilter& filter, EventId after,
                                                        int limit) = 0;
  virtual absl::StatusOr<EventId> LastEvent() = 0;  // 0 if there was none yet.
  // Those with a smaller id have been pruned. LastEvent() + 1 if there is none.
  virtual absl::StatusOr<EventId> FirstEvent() = 0;
  // By address.
  virtual absl::StatusOr<std::vector<Suppression>> ListSuppressions(absl::string_view after,
                                                                    int limit) = 0;
  virtual absl::StatusOr<Suppression> GetSuppression(absl::string_view address) = 0;  // NOT_FOUND.
  virtual absl::StatusOr<std::vector<Webhook>> ListWebhooks() = 0;                    // By id.
  // NOT_FOUND: nothing was reported of the address.
  virtual absl::StatusOr<Engagement> GetEngagement(absl::string_view address) = 0;
  // What the delivery's score follows from: its signals and what was reported. None: the score was
  // given, or there is no such delivery.
  virtual absl::StatusOr<std::optional<EngagementSignals>> GetSignals(DeliveryId id) = 0;
  virtual absl::StatusOr<std::vector<PlanDay>> ListPlanDays(const PlanId& plan) = 0;  // By day.
  virtual absl::StatusOr<std::vector<LedgerRow>> ListLedger(const EgressIpId& ip,
                                                            absl::CivilDay first,
                                                            absl::CivilDay last) = 0;
  // The last applied chunk of an import; 0 if none.
  virtual absl::StatusOr<int64_t> LastChunk(const CampaignId& campaign, const ImportId& import) = 0;
};

}  // namespace crescendo::ports
