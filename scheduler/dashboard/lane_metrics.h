// lane_metrics.h: what is now, as gauges: lanes, IPs, plans.
//
// Threads  pure functions but for `labels`: safe from any thread.
#pragma once

#include <vector>

#include <prometheus/metric_family.h>

#include "absl/time/time.h"
#include "scheduler/core/status.h"
#include "scheduler/dashboard/metrics.h"
#include "scheduler/domain/plan.h"

namespace crescendo::dashboard {

// Of lanes that share a label, counts are added up, and what does not add up (caps, rates, waits)
// is left out.
std::vector<prometheus::MetricFamily> LaneFamilies(const std::vector<core::LaneStatus>& lanes,
                                                   absl::Time now, LaneLabels* labels);
std::vector<prometheus::MetricFamily> PlanFamilies(const std::vector<Plan>& plans);

// One gauge without labels.
prometheus::MetricFamily GaugeFamily(const std::string& name, const std::string& help,
                                     double value);

}  // namespace crescendo::dashboard
