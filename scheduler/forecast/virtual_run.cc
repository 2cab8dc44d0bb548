#include "scheduler/forecast/virtual_run.h"

#include <algorithm>
#include <cmath>
#include <queue>
#include <utility>

#include "scheduler/base/check.h"
#include "scheduler/base/random.h"
#include "scheduler/core/shard.h"

namespace crescendo::forecast {
namespace {

// Of one message, as receivers answer: what a steady lane's connections can carry follows from it.
constexpr absl::Duration kAnswer = absl::Milliseconds(300);
// A lane that connects may lose its turn to one that is connected: so it takes its time here too.
constexpr absl::Duration kConnect = absl::Milliseconds(100);
// How often it is noted what lanes wait for.
constexpr absl::Duration kLook = absl::Hours(6);
// Steps between two questions whether to go on: some milliseconds.
constexpr int kStepsPerQuestion = 2000;
// Messages that a receiver with a limit takes at once.
constexpr double kLimitBurst = 20;
constexpr char kTooFast[] = "forecast: over the rate of this lane";

const core::ReplyClassifier& Classifier() {
  static const auto* const kClassifier = [] {
    const auto rule = [](const char* name, const char* match, ReplyCategory category) {
      ReplyRule made;
      made.name = name;
      made.origin = "forecast";
      made.match = {match};
      made.category = category;
      return made;
    };
    core::ProviderRules rules;
    rules.provider = ProviderId("default");
    rules.rules = {rule("too-fast", "over the rate of this lane", ReplyCategory::kRateLimited),
                   // About one recipient. For now: guardrails do not count it; for good: a hard
                   // bounce.
                   rule("this-one", "this one", ReplyCategory::kUnknownRecipient)};
    auto made = core::ReplyClassifier::Create({std::move(rules)});
    CRESCENDO_CHECK(made.ok());
    return new core::ReplyClassifier(*std::move(made));
  }();
  return *kClassifier;
}

class Run {
 public:
  Run(const core::Snapshot& snapshot, const core::Options& options, const ReceiverModel& model,
      const Subject& subject, absl::Time horizon)
      : snapshot_(snapshot),
        world_(Scale(snapshot, options, subject.watched)),
        model_(model),
        subject_(subject),
        horizon_(horizon),
        random_(options.seed),
        shard_(*world_.catalog, Classifier(), world_.options),
        now_(snapshot.now),
        next_look_(snapshot.now.wall + kLook / 2) {
    for (const Unit& unit : world_.units) {
      if (!Counts(unit)) continue;
      result_.left += unit.weight;
      pending_[{PoolOf(unit.campaign), snapshot_.providers[unit.provider].id}] += unit.weight;
    }
    first_attempts_.resize(world_.units.size(), absl::InfinitePast());
    for (const auto& [lane, limit] : model.lane_limit_per_hour) limits_[lane].per_hour = limit;
  }

  absl::StatusOr<RunResult> Go(absl::FunctionRef<bool()> cancelled) {
    letters_ = std::move(world_.letters);
    // Of a campaign that has nobody left there is nothing to wait for.
    const bool nobody = subject_.campaign != CampaignKey() && result_.left == 0;
    while (now_.wall < horizon_ && !nobody) {
      if (++result_.steps % kStepsPerQuestion == 0 && cancelled()) {
        return absl::CancelledError("the forecast was cancelled");
      }
      std::vector<core::Effect> effects = shard_.Step(now_, std::exchange(letters_, {}));
      for (core::Effect& effect : effects) std::visit([this](auto& one) { Do(one); }, effect);
      if (Over()) break;
      if (now_.wall >= next_look_) Look();
      if (!letters_.empty() || shard_.next_wake() <= now_.wall) continue;
      const absl::Time due = due_.empty() ? absl::InfiniteFuture() : due_.top().time;
      absl::Time next = std::min(due, shard_.next_wake());
      if (next == absl::InfiniteFuture()) break;  // Nothing can happen any more.
      next = std::min({next, next_look_, horizon_});
      now_.steady += next - now_.wall;
      now_.wall = next;
      for (; !due_.empty() && due_.top().time <= now_.wall; due_.pop()) Answer(due_.top());
    }
    result_.end = now_.wall;
    Finish();
    return std::move(result_);
  }

 private:
  // A connection that opens, or a message on its way.
  struct Due {
    absl::Time time;
    int64_t order = 0;
    ConnectionId connection;
    DeliveryId delivery;  // 0: it opens.
    friend bool operator>(const Due& a, const Due& b) {
      return a.time != b.time ? a.time > b.time : a.order > b.order;
    }
  };
  // One kind of trouble at a provider: of each n that a share of 1/n makes one, exactly one, which
  // one by chance. Plain dice over a few heavy recipients would trip guardrails by chance.
  struct Trouble {
    double owed = 0;   // The sum of the shares.
    double next = -1;  // Reached by `owed`: it comes. Negative: not drawn yet.
  };
  struct Troubles {
    Trouble deferred, pushback, refused, hard_bounces, complaints;
  };
  struct HiddenLimit {
    double per_hour = 0;
    double tokens = kLimitBurst;
    absl::Time filled_at = absl::InfinitePast();
  };

  const Unit& UnitOf(DeliveryId id) const {
    return world_.units[static_cast<size_t>(id.value() - 1)];
  }
  bool Counts(const Unit& unit) const {
    return subject_.campaign == CampaignKey() || unit.campaign == subject_.campaign;
  }
  PoolId PoolOf(CampaignKey campaign) const {
    for (const Campaign& one : snapshot_.campaigns) {
      if (one.key == campaign) return one.pool;
    }
    return PoolId();
  }
  bool Over() const { return result_.at.has_value(); }

  void Do(core::Save& save) {
    if (save.claim != 0) {
      const auto& claim = std::get<ports::Claim>(save.write);
      std::vector<ports::ClaimedDelivery> claimed(claim.deliveries.size());
      for (size_t i = 0; i < claimed.size(); ++i) {
        claimed[i].id = claim.deliveries[i];
        claimed[i].campaign = UnitOf(claimed[i].id).campaign;
        // Of the first claim, as a store answers: its lifetime runs from there.
        absl::Time& first = first_attempts_[static_cast<size_t>(claimed[i].id.value() - 1)];
        if (first == absl::InfinitePast()) first = claim.now;
        claimed[i].first_attempt_time = first;
        Leaves(claim.lane, claimed[i].id);
      }
      letters_.push_back(core::ClaimAnswer{save.claim, std::move(claimed)});
    } else if (const auto* settle = std::get_if<ports::Settle>(&save.write)) {
      Settled(*settle);
    } else if (const auto* end = std::get_if<ports::EndDelivery>(&save.write)) {
      Ended(end->delivery);
    } else if (const auto* day = std::get_if<ports::PutPlanDay>(&save.write)) {
      DayChanged(day->day);
    } else if (const auto* plan = std::get_if<ports::Put<Plan>>(&save.write)) {
      if (plan->record.id == subject_.plan && plan->record.state == PlanState::kGraduated) {
        result_.at = now_.wall;
      }
    }
  }
  void Do(ports::OpenConnection& open) {
    due_.push({now_.wall + kConnect * static_cast<double>(world_.weight), ++order_, open.connection,
               DeliveryId()});
  }
  void Do(core::Send& send) {
    const int64_t weight = UnitOf(send.delivery.id).weight;
    // As long as its recipients would take one after the other.
    const absl::Duration takes = kAnswer * static_cast<double>(weight) * random_.Between(0.5, 1.5);
    due_.push({now_.wall + takes, ++order_, send.connection, send.delivery.id});
  }
  void Do(core::Close& close) {
    ports::TransportEvent event;
    event.connection = close.connection;
    letters_.push_back(std::move(event));
  }
  void Do(core::Resolve& resolve) {
    // The hosts it was told at the start are those it has.
    letters_.push_back(core::MxAnswer{resolve.domain, absl::UnavailableError("asked again")});
  }

  void Leaves(const Lane& lane, DeliveryId id) {
    claimed_by_[id] = lane;
    if (subject_.lane.has_value() && subject_.lane->egress_ip == lane.egress_ip &&
        (subject_.lane->provider.empty() || subject_.lane->provider == lane.provider)) {
      result_.at = now_.wall;
    }
    if (world_.watched.has_value() && id.value() == static_cast<int64_t>(*world_.watched) + 1) {
      result_.at = now_.wall;
    }
  }

  void Answer(const Due& due) {
    ports::TransportEvent event;
    event.kind = ports::TransportEvent::Kind::kOpened;
    event.connection = due.connection;
    if (due.delivery == DeliveryId()) return letters_.push_back(std::move(event));
    event.kind = ports::TransportEvent::Kind::kSent;
    event.delivery = due.delivery;
    event.result = ports::TransportEvent::SentResult::kReply;
    event.connection_usable = true;
    event.reply = Judge(due.delivery);
    letters_.push_back(std::move(event));
  }

  Reply Judge(DeliveryId delivery) {
    const Unit& unit = UnitOf(delivery);
    Reply reply;
    reply.stage = SmtpStage::kEndOfData;
    const auto limit = limits_.find(claimed_by_[delivery]);
    if (limit != limits_.end() && OverLimit(&limit->second, unit.weight)) {
      reply.code = 421;
      reply.lines = {kTooFast};
      return reply;
    }
    const ProviderId& provider = snapshot_.providers[unit.provider].id;
    const ReceiverModel::Shares& shares = model_.Of(provider);
    Troubles& troubles = troubles_[provider];
    if (Comes(shares.deferred, &troubles.deferred) || IsStubborn(delivery)) {
      const bool pushback = Comes(Part(shares.pushback, shares.deferred), &troubles.pushback);
      reply.code = 450;
      reply.lines = {pushback ? "forecast: not now" : "forecast: this one, not now"};
    } else if (Comes(Part(shares.refused, 1 - shares.deferred), &troubles.refused)) {
      const bool hard = Comes(Part(shares.hard_bounces, shares.refused), &troubles.hard_bounces);
      reply.code = 550;
      reply.lines = {hard ? "forecast: this one, never" : "forecast: never"};
    } else {
      reply.code = 250;
      reply.lines = {"ok"};
    }
    return reply;
  }

  static double Part(double of, double all) { return all > 0 ? std::min(of / all, 1.0) : 0; }
  bool Comes(double share, Trouble* trouble) {
    if (trouble->next < 0) trouble->next = random_.Unit();
    trouble->owed += share;
    if (trouble->owed <= trouble->next) return false;
    trouble->next = std::floor(trouble->next) + 1 + random_.Unit();
    return true;
  }

  // The same each time it is asked.
  bool IsStubborn(DeliveryId delivery) const {
    const uint64_t mixed = base::Random::Mix(static_cast<uint64_t>(delivery.value()) * 7919 + 1);
    return static_cast<double>(mixed >> 11) * 0x1.0p-53 < model_.stubborn;
  }

  bool OverLimit(HiddenLimit* limit, int64_t weight) {
    const double burst = std::max(kLimitBurst, 2.0 * static_cast<double>(weight));
    if (limit->filled_at != absl::InfinitePast()) {
      limit->tokens = std::min(
          burst, limit->tokens + limit->per_hour * absl::FDivDuration(now_.wall - limit->filled_at,
                                                                      absl::Hours(1)));
    }
    limit->filled_at = now_.wall;
    if (limit->tokens < static_cast<double>(weight)) return true;
    limit->tokens -= static_cast<double>(weight);
    return false;
  }

  void Settled(const ports::Settle& settle) {
    const Unit& unit = UnitOf(settle.delivery);
    claimed_by_.erase(settle.delivery);
    const bool final = IsFinal(settle.state);
    if (settle.slot == ports::Settle::Slot::kAccepted) Complain(settle, unit.weight);
    if (!Counts(unit)) return;
    Volume& volume = result_.volumes[{settle.claim_day, settle.lane}];
    switch (settle.slot) {
      case ports::Settle::Slot::kAccepted:
        volume.accepted += unit.weight;
        break;
      case ports::Settle::Slot::kDeferred:
        volume.deferred += unit.weight;
        break;
      default:
        volume.refused += unit.weight;
    }
    if (final) Ended(settle.delivery);
  }

  // Also without an attempt.
  void Ended(DeliveryId delivery) {
    const Unit& unit = UnitOf(delivery);
    if (!Counts(unit)) return;
    result_.left -= unit.weight;
    pending_[{PoolOf(unit.campaign), snapshot_.providers[unit.provider].id}] -= unit.weight;
    if (subject_.campaign != CampaignKey() && result_.left <= 0) result_.at = now_.wall;
  }

  // Each of them counts: there are too few for one to stand for many (scaled_world.cc).
  void Complain(const ports::Settle& settle, int64_t weight) {
    const ProviderId& provider = settle.lane.provider;
    double share = model_.Of(provider).complaints * static_cast<double>(weight);
    for (; Comes(share, &troubles_[provider].complaints); share = 0) {
      letters_.push_back(core::Complaint{settle.lane, settle.settle_day});
    }
  }

  void DayChanged(const PlanDay& day) {
    // It has graduated: what opens now is behind its ramp.
    if (Over() && day.plan == subject_.plan) return;
    const auto known = std::find_if(
        result_.days.rbegin(), result_.days.rend(),
        [&](const PlannedDay& one) { return one.plan == day.plan && one.day == day.day; });
    PlannedDay& planned = known == result_.days.rend() ? result_.days.emplace_back() : *known;
    planned.plan = day.plan;
    planned.day = day.day;
    planned.stage = day.stage;
    planned.cap = CapOf(day);
    planned.decision = day.decision;
    planned.accepted = std::min(day.accepted * world_.weight, planned.cap);
  }

  // As the plan says, not as it was rounded.
  int64_t CapOf(const PlanDay& day) const {
    for (const Plan& plan : snapshot_.plans) {
      if (plan.id != day.plan) continue;
      const bool edited = plan.next.has_value() && day.day >= plan.next_from;
      const std::vector<Stage>& stages = edited ? plan.next->stages : plan.stages;
      // Behind the ramp the cap is no stage's.
      if (day.stage < static_cast<int>(stages.size())) return stages[day.stage].daily_cap;
    }
    return day.cap * world_.weight;
  }

  // What do the lanes wait for that have recipients of those who are asked about?
  void Look() {
    next_look_ = now_.wall + kLook;
    for (const Pool& pool : snapshot_.pools) {
      for (const EgressIpId& ip : pool.egress_ips) {
        if (!Concerns(ip)) continue;
        for (const core::LaneStatus& lane : shard_.LanesOf(ip)) {
          const auto pending = pending_.find({pool.id, lane.lane.provider});
          if (pending != pending_.end() && pending->second > 0) Note(lane);
        }
      }
    }
  }

  bool Concerns(const EgressIpId& ip) const {
    if (subject_.plan.empty()) return true;
    return std::any_of(snapshot_.plans.begin(), snapshot_.plans.end(), [&](const Plan& plan) {
      return plan.id == subject_.plan && plan.egress_ip == ip;
    });
  }

  void Note(const core::LaneStatus& lane) {
    Lane where = lane.lane;
    core::Reason reason = lane.wait.reason;
    switch (reason) {
      case core::Reason::kNone:
      case core::Reason::kConnecting:
      case core::Reason::kInFlight:
        return;
      case core::Reason::kIpPacing:
      case core::Reason::kProviderShare:
        // The day's cap, spread over its hours and shared out among the providers.
        reason = core::Reason::kIpDailyCap;
        break;
      default:
        break;
    }
    const bool of_ip =
        reason == core::Reason::kIpDailyCap || reason == core::Reason::kPlanPaused ||
        reason == core::Reason::kPlanNotStarted || reason == core::Reason::kPlanAborted ||
        reason == core::Reason::kRollingDay || reason == core::Reason::kBeforeStartDate ||
        reason == core::Reason::kOutsideWindow;
    if (of_ip) where.provider = ProviderId();
    waited_[{where, static_cast<int>(reason)}] += kLook;
  }

  void Finish() {
    // It ended before the first look: what holds it now does so for good.
    if (waited_.empty() && !Over()) Look();
    for (const auto& [key, time] : waited_) {
      result_.limits.push_back({key.first, static_cast<core::Reason>(key.second), time});
    }
    std::sort(result_.limits.begin(), result_.limits.end(), [](const Limit& a, const Limit& b) {
      return a.time != b.time ? a.time > b.time : a.lane < b.lane;
    });
    result_.left = std::max<int64_t>(result_.left, 0);
  }

  const core::Snapshot& snapshot_;
  ScaledWorld world_;
  const ReceiverModel& model_;
  const Subject& subject_;
  const absl::Time horizon_;
  base::Random random_;
  core::Shard shard_;
  base::Moment now_;
  absl::Time next_look_;
  std::vector<core::Letter> letters_;
  std::priority_queue<Due, std::vector<Due>, std::greater<Due>> due_;
  int64_t order_ = 0;
  std::vector<absl::Time> first_attempts_;  // By unit; InfinitePast: none yet.
  absl::flat_hash_map<DeliveryId, Lane> claimed_by_;
  absl::flat_hash_map<Lane, HiddenLimit> limits_;
  absl::flat_hash_map<ProviderId, Troubles> troubles_;
  std::map<std::pair<PoolId, ProviderId>, int64_t> pending_;
  std::map<std::pair<Lane, int>, absl::Duration> waited_;
  RunResult result_;
};

}  // namespace

absl::StatusOr<RunResult> RunAhead(const core::Snapshot& snapshot, const core::Options& options,
                                   const ReceiverModel& model, const Subject& subject,
                                   absl::Time horizon, absl::FunctionRef<bool()> cancelled) {
  return Run(snapshot, options, model, subject, horizon).Go(cancelled);
}

}  // namespace crescendo::forecast
