#include "scheduler/dashboard/metrics.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace crescendo::dashboard {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildHistogram;
using prometheus::Histogram;

// A synced commit on a small disk is about 6 ms; a second is an incident.
const Histogram::BucketBoundaries kCommitSeconds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                    0.1,   0.25,   0.5,   1,    2.5,   10};
// A second to a month: a warm-up makes mail wait for days.
const Histogram::BucketBoundaries kAcceptedSeconds = {
    1, 10, 60, 600, 3600, 6 * 3600, 86400, 2 * 86400, 4 * 86400, 7 * 86400, 14 * 86400, 30 * 86400};

const char* OutcomeName(ports::Settle::Slot slot) {
  switch (slot) {
    case ports::Settle::Slot::kAccepted:
      return "accepted";
    case ports::Settle::Slot::kRefused:
      return "refused";
    case ports::Settle::Slot::kInDoubt:
      return "in_doubt";
    case ports::Settle::Slot::kDeferred:
      return "deferred";
  }
  return "";
}

std::string CodeName(const absl::Status& status) {
  return absl::AsciiStrToLower(absl::StatusCodeToString(status.code()));
}

}  // namespace

Lane LaneLabels::Shown(const Lane& lane) {
  base::MutexLock lock(&mu_);
  if (const auto found = shown_.find(lane); found != shown_.end()) return found->second;
  const ProviderId other("other");
  Lane shown = lane;
  if (catalog_->Find(lane.provider) == nullptr) shown.provider = other;
  if (shown_.size() >= most_lanes_) {
    // Sites of nobody known come without end, and are not remembered one by one.
    const bool known = std::any_of(shown_.begin(), shown_.end(),
                                   [&](const auto& one) { return one.second == shown; });
    return known ? shown : Lane{EgressIpId("other"), other};
  }
  shown_.emplace(lane, shown);
  return shown;
}

Metrics::Metrics(const ProviderCatalog* catalog, size_t most_lanes)
    : labels_(catalog, most_lanes),
      attempts_(BuildCounter()
                    .Name("crescendo_attempts_total")
                    .Help("Attempts that ended, by outcome and category of the reply")
                    .Register(registry_)),
      events_(BuildCounter()
                  .Name("crescendo_events_total")
                  .Help("Events appended, by type (crescendo.v1.Event.Type)")
                  .Register(registry_)),
      recipients_(BuildCounter()
                      .Name("crescendo_recipients_total")
                      .Help("Recipients of imports, by what became of them")
                      .Register(registry_)),
      failures_(BuildCounter()
                    .Name("crescendo_store_commit_failures_total")
                    .Help("Commits of the store that failed as a whole, by status")
                    .Register(registry_)),
      writes_(BuildCounter()
                  .Name("crescendo_store_writes_total")
                  .Help("Writes in the commits that succeeded")
                  .Register(registry_)
                  .Add({})),
      commit_seconds_(BuildHistogram()
                          .Name("crescendo_store_commit_seconds")
                          .Help("Real time of a synced group commit")
                          .Register(registry_)
                          .Add({}, kCommitSeconds)),
      accepted_seconds_(
          BuildHistogram()
              .Name("crescendo_import_to_accepted_seconds")
              .Help("From the import to the receiver's 250, on the scheduler's clock; "
                    "of a sample, one of each commit")
              .Register(registry_)
              .Add({}, kAcceptedSeconds)) {}

void Metrics::CountAttempt(const ports::Settle& settle) {
  const Lane lane = labels_.Shown(settle.lane);
  const std::string category =
      settle.category.has_value() ? std::string(ReplyCategoryCode(*settle.category)) : "NO_REPLY";
  prometheus::Counter*& counter = attempt_counters_[{lane, settle.slot, category}];
  if (counter == nullptr) {
    counter = &attempts_.Add({{"egress_ip", lane.egress_ip.text()},
                              {"provider", lane.provider.text()},
                              {"outcome", OutcomeName(settle.slot)},
                              {"category", category}});
  }
  counter->Increment();
}

void Metrics::CountEvent(EventType type) {
  prometheus::Counter*& counter = event_counters_[type];
  if (counter == nullptr) counter = &events_.Add({{"type", std::string(EventTypeName(type))}});
  counter->Increment();
}

void Metrics::CountImport(const ports::AppendOutcome& outcome) {
  if (outcome.replayed) return;
  recipients_.Add({{"result", "added"}}).Increment(static_cast<double>(outcome.added));
  recipients_.Add({{"result", "duplicate"}}).Increment(static_cast<double>(outcome.duplicates));
  recipients_.Add({{"result", "suppressed"}}).Increment(static_cast<double>(outcome.suppressed));
  recipients_.Add({{"result", "updated"}}).Increment(static_cast<double>(outcome.updated));
}

void Metrics::CountCommit(const absl::Status& status, size_t writes, absl::Duration took) {
  commit_seconds_.Observe(absl::ToDoubleSeconds(took));
  if (status.ok()) return writes_.Increment(static_cast<double>(writes));
  failures_.Add({{"code", CodeName(status)}}).Increment();
}

void Metrics::ObserveAccepted(absl::Duration since_import) {
  accepted_seconds_.Observe(absl::ToDoubleSeconds(since_import));
}

}  // namespace crescendo::dashboard
