#include "scheduler/forecast/scaled_world.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"

namespace crescendo::forecast {
namespace {

// A cap of 0 sends nothing; any other sends something.
int64_t ScaledCap(int64_t cap, int64_t weight) {
  if (cap == 0) return 0;
  return std::max<int64_t>(1, (cap + weight / 2) / weight);
}

// Each provider has one receiving site, of a name that only it matches.
std::string HostOf(const ProviderId& provider) {
  return absl::StrCat("mx.", provider.text(), ".forecast");
}

std::unique_ptr<ProviderCatalog> ScaledCatalog(const core::Snapshot& snapshot, int64_t weight) {
  const auto scale = static_cast<double>(weight);
  std::vector<Provider> providers;
  Provider fallback;
  for (Provider provider : snapshot.providers) {
    provider.lane_rate_per_hour /= scale;
    provider.provider_rate_per_hour /= scale;
    provider.messages_per_connection =
        std::max(1, provider.messages_per_connection / static_cast<int>(weight));
    if (provider.warming_daily_cap > 0) {
      provider.warming_daily_cap = ScaledCap(provider.warming_daily_cap, weight);
    }
    provider.mx_suffixes.clear();
    if (provider.id == ProviderId("default")) {
      fallback = std::move(provider);
      continue;
    }
    provider.mx_suffixes = {HostOf(provider.id)};
    providers.push_back(std::move(provider));
  }
  return std::make_unique<ProviderCatalog>(std::move(providers), std::move(fallback));
}

core::Options ScaledOptions(core::Options options, int64_t weight) {
  options.throttle.lowest_rate_per_hour /= static_cast<double>(weight);
  options.idle_connection *= static_cast<double>(weight);
  options.max_connections = std::max(options.max_connections, 100'000);
  return options;
}

// Of a count that says enough: a unit stands for `weight` messages.
int64_t ScaledSample(int64_t sample, int64_t weight) {
  if (sample == 0) return 0;
  return std::max<int64_t>(1, sample / weight);
}

PlanShape ScaledShape(PlanShape shape, int64_t weight) {
  for (Stage& stage : shape.stages) stage.daily_cap = ScaledCap(stage.daily_cap, weight);
  for (ProviderCap& cap : shape.provider_caps) cap.daily_cap = ScaledCap(cap.daily_cap, weight);
  for (ProviderRamp& ramp : shape.provider_ramps) {
    for (Stage& stage : ramp.stages) stage.daily_cap = ScaledCap(stage.daily_cap, weight);
  }
  Guardrails& guardrails = shape.guardrails;
  guardrails.min_sample = ScaledSample(guardrails.min_sample, weight);
  guardrails.early_sample = ScaledSample(guardrails.early_sample, weight);
  // Complaints are counted one by one, against acceptances that stand for many.
  Thresholds& complaints = guardrails.complaints;
  for (double* one : {&complaints.hold, &complaints.step_back, &complaints.pause}) {
    *one *= static_cast<double>(weight);
  }
  return shape;
}

Plan ScaledPlan(Plan plan, int64_t weight) {
  static_cast<PlanShape&>(plan) = ScaledShape(plan, weight);
  if (plan.next.has_value()) plan.next = ScaledShape(*plan.next, weight);
  return plan;
}

PlanDay ScaledDay(PlanDay day, int64_t weight) {
  day.cap = ScaledCap(day.cap, weight);
  day.peak_cap = std::max(day.cap, ScaledCap(day.peak_cap, weight));
  day.accepted /= weight;
  for (ProviderDay& provider : day.providers) {
    provider.cap = ScaledCap(provider.cap, weight);
    provider.accepted /= weight;
  }
  double carry = 0;
  for (auto& [quarter, slots] : day.recent) slots = InUnits(slots, weight, &carry);
  return day;
}

// The ledger of each IP and day as a whole keeps its sum, so that no day is over its cap.
std::vector<LedgerRow> ScaledLedger(const core::Snapshot& snapshot, int64_t weight) {
  std::map<std::pair<std::string, absl::CivilDay>, std::pair<double, double>> carries;
  std::vector<LedgerRow> rows;
  for (const LedgerRow& row : snapshot.ledger) {
    auto& [accepted, refused] = carries[{row.lane.egress_ip.text(), row.day}];
    LedgerRow scaled;
    scaled.lane = row.lane;
    scaled.day = row.day;
    // What is in flight will be accepted, most of it.
    scaled.accepted = InUnits(row.accepted + row.claimed, weight, &accepted);
    scaled.refused = InUnits(row.refused + row.in_doubt + row.carried, weight, &refused);
    rows.push_back(std::move(scaled));
  }
  return rows;
}

// A unit before it has its number.
struct Draft {
  Unit unit;
  double score = 0;
  int64_t tie = 0;  // Of equal scores the lower goes first.
  EngagedDay engaged_day = 0;
  absl::Time not_before = absl::InfinitePast();
  bool watched = false;
};

void AddGroup(const core::Snapshot& snapshot, const core::QueueGroup& group, int provider,
              double* carry, std::vector<Draft>* drafts) {
  const int64_t weight = snapshot.stride;
  const auto count = InUnits(group.ready, weight, carry);
  const auto last = static_cast<int64_t>(group.sample.size()) - 1;
  for (int64_t i = 0; i < count && last >= 0; ++i) {
    const core::Candidate& candidate = group.sample[std::min(i, last)];
    drafts->push_back({{group.campaign, provider, weight},
                       candidate.score,
                       candidate.id.value(),
                       candidate.engaged_day});
  }
  const auto waiting = InUnits(group.waiting, weight, carry);
  for (int64_t i = 0; i < waiting; ++i) {
    const double share = (static_cast<double>(i) + 0.5) / static_cast<double>(waiting);
    core::Candidate middle;
    middle.score = 0.5;
    if (last >= 0) middle = group.sample[last / 2];
    drafts->push_back({{group.campaign, provider, weight},
                       middle.score,
                       i,
                       middle.engaged_day,
                       group.first_retry + share * (group.last_retry - group.first_retry)});
  }
}

std::vector<Draft> Drafts(const core::Snapshot& snapshot, const std::optional<Watched>& watched) {
  absl::flat_hash_map<ProviderId, int> providers;
  for (size_t i = 0; i < snapshot.providers.size(); ++i) {
    providers[snapshot.providers[i].id] = static_cast<int>(i);
  }
  std::vector<Draft> drafts;
  std::map<CampaignKey, std::pair<double, const core::QueueGroup*>> carries;
  for (const core::QueueGroup& group : snapshot.queue) {
    auto& [carry, largest] = carries[group.campaign];
    AddGroup(snapshot, group, providers.at(group.provider), &carry, &drafts);
    if (largest == nullptr || group.ready > largest->ready) largest = &group;
  }
  // What no group's rounding took: one lighter unit, so that no campaign is lost.
  for (const auto& [key, rest] : carries) {
    const auto left = std::llround(rest.first * static_cast<double>(snapshot.stride));
    if (left < 1) continue;
    const core::QueueGroup& group = *rest.second;
    const core::Candidate end = group.sample.empty() ? core::Candidate{} : group.sample.back();
    drafts.push_back({{key, providers.at(group.provider), left},
                      end.score,
                      end.id.value() + 1,
                      end.engaged_day});
  }
  if (watched.has_value()) {
    drafts.push_back({{watched->campaign, providers.at(watched->provider), 1},
                      watched->candidate.score,
                      watched->candidate.id.value(),
                      watched->candidate.engaged_day,
                      watched->not_before,
                      true});
  }
  std::sort(drafts.begin(), drafts.end(), [](const Draft& a, const Draft& b) {
    if (a.score != b.score) return a.score > b.score;
    // A sample stands for itself and those behind it: the watched one goes with them.
    return a.tie != b.tie ? a.tie < b.tie : a.watched && !b.watched;
  });
  return drafts;
}

}  // namespace

int64_t InUnits(int64_t count, int64_t weight, double* carry) {
  const double exact = static_cast<double>(count) / static_cast<double>(weight) + *carry;
  // Of sums that are whole but for the last bit.
  const double whole = std::floor(exact + 1e-9);
  *carry = exact - whole;
  return static_cast<int64_t>(whole);
}

ScaledWorld Scale(const core::Snapshot& snapshot, const core::Options& options,
                  const std::optional<Watched>& watched) {
  const int64_t weight = snapshot.stride;
  ScaledWorld world;
  world.weight = weight;
  world.catalog = ScaledCatalog(snapshot, weight);
  world.options = ScaledOptions(options, weight);
  std::vector<core::Letter>& letters = world.letters;
  for (const Pool& pool : snapshot.pools) letters.push_back(pool);
  for (const EgressIp& ip : snapshot.egress_ips) letters.push_back(ip);
  for (const Plan& plan : snapshot.plans) letters.push_back(ScaledPlan(plan, weight));
  for (LedgerRow& row : ScaledLedger(snapshot, weight)) letters.push_back(std::move(row));
  for (const PlanDay& day : snapshot.plan_days) letters.push_back(ScaledDay(day, weight));
  for (LaneRecord lane : snapshot.lanes) {
    lane.rate_per_hour /= static_cast<double>(weight);
    letters.push_back(std::move(lane));
  }
  for (const Campaign& campaign : snapshot.campaigns) letters.push_back(campaign);
  for (size_t i = 0; i < snapshot.providers.size(); ++i) {
    const DomainKey key(static_cast<int64_t>(i) + 1);
    const std::string host = HostOf(snapshot.providers[i].id);
    letters.push_back(core::NewDomain{key, host});
    // Of both families, so that every IP reaches it.
    ports::MxSet mx{{{host, "192.0.2.1", 25}, {host, "2001:db8::1", 25}}};
    letters.push_back(core::MxAnswer{key, std::move(mx)});
  }
  std::vector<QueuedDelivery> queue;
  for (const Draft& draft : Drafts(snapshot, watched)) {
    if (draft.watched) world.watched = world.units.size();
    world.units.push_back(draft.unit);
    QueuedDelivery& queued = queue.emplace_back();
    queued.id = DeliveryId(static_cast<int64_t>(world.units.size()));
    queued.campaign = draft.unit.campaign;
    queued.domain = DomainKey(draft.unit.provider + 1);
    queued.score = draft.score;
    queued.engaged_day = draft.engaged_day;
    if (draft.not_before == absl::InfinitePast()) continue;
    queued.not_before = draft.not_before;
    queued.attempts = 1;
    queued.first_attempt_time = snapshot.now.wall;
  }
  letters.push_back(std::move(queue));
  return world;
}

}  // namespace crescendo::forecast
