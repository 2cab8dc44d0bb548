#include "scheduler/dashboard/lane_metrics.h"

#include <map>
#include <set>
#include <string>
#include <utility>

namespace crescendo::dashboard {
namespace {

using Labels = std::vector<prometheus::ClientMetric::Label>;

// Families by name, in the order of their first value.
class Gauges {
 public:
  void Add(const std::string& name, const std::string& help, Labels labels, double value) {
    auto [found, fresh] = places_.emplace(name, families_.size());
    if (fresh) families_.push_back({name, help, prometheus::MetricType::Gauge, {}});
    prometheus::ClientMetric metric;
    metric.label = std::move(labels);
    metric.gauge.value = value;
    families_[found->second].metric.push_back(std::move(metric));
  }
  std::vector<prometheus::MetricFamily> Take() { return std::move(families_); }

 private:
  std::vector<prometheus::MetricFamily> families_;
  std::map<std::string, size_t> places_;
};

// Of the lanes that are shown as one.
struct Shown {
  int lanes = 0;
  const core::LaneStatus* only = nullptr;  // Of one.
  LedgerRow today;
  int64_t queued = 0, retrying = 0, in_flight = 0, connections = 0;
};

void AddCounts(const Shown& shown, const Labels& labels, Gauges* gauges) {
  const auto add = [&](const char* name, const char* help, int64_t value) {
    gauges->Add(name, help, labels, static_cast<double>(value));
  };
  add("crescendo_lane_accepted_today", "Accepted on the current plan day", shown.today.accepted);
  add("crescendo_lane_refused_today", "Refused for good on the current plan day",
      shown.today.refused);
  add("crescendo_lane_deferred_today", "Deferred on the current plan day", shown.today.deferred);
  add("crescendo_lane_complaints_today", "Complaints that came on the current plan day",
      shown.today.complaints);
  add("crescendo_lane_hard_bounces_today", "Unknown recipients on the current plan day",
      shown.today.hard_bounces);
  add("crescendo_lane_queued",
      "Recipients that could leave by this lane; the lanes of a pool share them", shown.queued);
  add("crescendo_lane_retrying", "Of these, waiting for their retry time", shown.retrying);
  add("crescendo_lane_in_flight", "Messages handed to a connection and not answered",
      shown.in_flight);
  add("crescendo_lane_connections", "Connections open or opening", shown.connections);
}

void AddState(const core::LaneStatus& lane, absl::Time now, const Labels& labels, Gauges* gauges) {
  if (lane.provider_cap.has_value()) {
    gauges->Add("crescendo_lane_daily_cap", "Messages per plan day of this lane; none: its IP's",
                labels, static_cast<double>(*lane.provider_cap));
  }
  gauges->Add("crescendo_lane_connection_limit", "Connections the lane may have", labels,
              lane.connection_limit);
  gauges->Add("crescendo_lane_rate_per_hour",
              "Messages per hour that refill its token bucket; 0: not limited", labels,
              lane.rate_per_hour);
  gauges->Add("crescendo_lane_throttle_rate_per_hour",
              "The rate that the receiver's answers have cut; 0: not cut", labels,
              lane.record.rate_per_hour);
  gauges->Add(
      "crescendo_lane_stopped_seconds",
      "Until the throttle's stop ends, on the scheduler's clock; 0: not stopped", labels,
      lane.record.stopped_until > now ? absl::ToDoubleSeconds(lane.record.stopped_until - now) : 0);
  Labels wait = labels;
  wait.push_back({"reason", std::string(core::ReasonCode(lane.wait.reason))});
  gauges->Add("crescendo_lane_wait", "1 for the reason why nothing more leaves now",
              std::move(wait), 1);
}

}  // namespace

std::vector<prometheus::MetricFamily> LaneFamilies(const std::vector<core::LaneStatus>& lanes,
                                                   absl::Time now, LaneLabels* labels) {
  std::map<Lane, Shown> shown;
  std::set<EgressIpId> ips;
  Gauges gauges;
  for (const core::LaneStatus& lane : lanes) {
    const Lane as = labels->Shown(lane.lane);
    Shown& sum = shown[as];
    sum.only = ++sum.lanes == 1 && as == lane.lane ? &lane : nullptr;
    sum.today += lane.today;
    sum.queued += lane.queued;
    sum.retrying += lane.retrying;
    sum.in_flight += lane.in_flight;
    sum.connections += lane.connections;
    if (as.egress_ip == lane.lane.egress_ip && ips.insert(as.egress_ip).second) {
      const Labels ip = {{"egress_ip", as.egress_ip.text()}};
      if (lane.ip_cap.has_value()) {
        gauges.Add("crescendo_ip_daily_cap",
                   "Messages per plan day of this IP; none: no plan caps it", ip,
                   static_cast<double>(*lane.ip_cap));
      }
      gauges.Add("crescendo_ip_used_today", "Slots of its cap that are gone", ip,
                 static_cast<double>(lane.ip_used));
    }
  }
  for (const auto& [lane, sum] : shown) {
    const Labels names = {{"egress_ip", lane.egress_ip.text()}, {"provider", lane.provider.text()}};
    AddCounts(sum, names, &gauges);
    if (sum.only != nullptr) AddState(*sum.only, now, names, &gauges);
  }
  return gauges.Take();
}

std::vector<prometheus::MetricFamily> PlanFamilies(const std::vector<Plan>& plans) {
  Gauges gauges;
  // As of lanes: an operator makes these, and no more than he has addresses for.
  for (const Plan& plan : plans) {
    gauges.Add("crescendo_plan_state", "1 for the state that the plan is in",
               {{"plan", plan.id.text()},
                {"egress_ip", plan.egress_ip.text()},
                {"state", std::string(PlanStateName(plan.state))}},
               1);
  }
  return gauges.Take();
}

prometheus::MetricFamily GaugeFamily(const std::string& name, const std::string& help,
                                     double value) {
  prometheus::ClientMetric metric;
  metric.gauge.value = value;
  return {name, help, prometheus::MetricType::Gauge, {metric}};
}

}  // namespace crescendo::dashboard
