// metrics.h: counters and histograms of what happened since the daemon started, for Prometheus.
//
// Counted where everything passes, at the store's commits (metered_store.h), so that no other room
// knows of them. What is, rather than happened, is read at each scrape: lane_metrics.h.
//
// Labels   egress_ip and provider of at most `most_lanes` lanes; those beyond are "other". A
// provider
//          is one of the shipped or configured data, and all MX sites of nobody known are "other":
//          a receiver cannot make series. So the series are bounded: README.md.
// Threads  Count* and Observe*: the store's. Collect: any.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include "absl/time/time.h"
#include "scheduler/base/mutex.h"
#include "scheduler/domain/event.h"
#include "scheduler/domain/provider.h"
#include "scheduler/ports/store.h"

namespace crescendo::dashboard {

// The labels of lanes, and an end to them.
class LaneLabels {
 public:
  LaneLabels(const ProviderCatalog* catalog, size_t most_lanes)
      : catalog_(catalog), most_lanes_(most_lanes) {}

  // The lane that `lane` is shown as. Thread-safe.
  Lane Shown(const Lane& lane) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const ProviderCatalog* const catalog_;
  const size_t most_lanes_;
  base::Mutex mu_;
  std::map<Lane, Lane> shown_ ABSL_GUARDED_BY(mu_);
};

class Metrics {
 public:
  // `catalog` outlives the metrics.
  explicit Metrics(const ProviderCatalog* catalog, size_t most_lanes = 1000);

  void CountAttempt(const ports::Settle& settle);
  void CountEvent(EventType type);
  void CountImport(const ports::AppendOutcome& outcome);
  void CountCommit(const absl::Status& status, size_t writes, absl::Duration took);
  // From the acknowledgement of the import to the receiver's 250, on the scheduler's clock.
  void ObserveAccepted(absl::Duration since_import);

  std::vector<prometheus::MetricFamily> Collect() const { return registry_.Collect(); }
  LaneLabels& labels() { return labels_; }

 private:
  using AttemptKey = std::tuple<Lane, ports::Settle::Slot, std::string>;

  LaneLabels labels_;
  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& attempts_;
  prometheus::Family<prometheus::Counter>& events_;
  prometheus::Family<prometheus::Counter>& recipients_;
  prometheus::Family<prometheus::Counter>& failures_;
  prometheus::Counter& writes_;
  prometheus::Histogram& commit_seconds_;
  prometheus::Histogram& accepted_seconds_;
  // The store's thread only: looked up once each.
  std::map<AttemptKey, prometheus::Counter*> attempt_counters_;
  std::map<EventType, prometheus::Counter*> event_counters_;
};

}  // namespace crescendo::dashboard
