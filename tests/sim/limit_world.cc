#include "tests/sim/limit_world.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <queue>

#include "scheduler/base/check.h"

namespace crescendo::testing {
namespace {

constexpr double kDay = 86400;

class World;

class Clairvoyant : public LimitSender {
 public:
  Turn Next(int ip, double now, const SenderView&) override;
  void OnSend(int, double) override {}
  void OnResult(int, double, double, const Reply&) override {}
  double RetryDelay(int, double, int, const Reply& reply) override {
    if (reply.enhanced == EnhancedStatus{4, 2, 0}) return 301;
    if (reply.enhanced == EnhancedStatus{4, 2, 1}) return 901;
    return reply.enhanced == EnhancedStatus{4, 2, 2} ? 5 * 3600 : 30;
  }

  World* world = nullptr;
};

class World {
 public:
  World(const LimitScenario& scenario, LimitSender& sender)
      : scenario_(scenario),
        sender_(sender),
        receiver_(scenario),
        quota_(QuotaOf(scenario)),
        latency_(static_cast<uint64_t>(scenario.seed) * 104729 + 1),
        kinds_(static_cast<uint64_t>(scenario.seed) * 31 + 5),
        paths_(scenario.ips) {
    for (Path& path : paths_) path.delivered_by_day.assign(scenario.days, 0);
  }

  LimitRun Run();

  HiddenReceiver& receiver() { return receiver_; }
  int connections() const {
    return scenario_.max_connections > 0 ? scenario_.max_connections : 200;
  }

 private:
  enum class Happens { kArrival, kWake, kAnswer, kDayEnds };
  struct Event {
    double at;
    int64_t sequence;
    Happens what;
    int ip;
    Mail* mail = nullptr;
    double started = 0;
    Answer answer = {};
    int count = 0;
    bool operator>(const Event& other) const {
      return at != other.at ? at > other.at : sequence > other.sequence;
    }
  };
  struct Retry {
    double at;
    int64_t sequence;
    Mail* mail;
    bool operator>(const Retry& other) const {
      return at != other.at ? at > other.at : sequence > other.sequence;
    }
  };
  template <class T>
  using Heap = std::priority_queue<T, std::vector<T>, std::greater<T>>;
  struct Path {
    std::deque<Mail*> ready;
    Heap<Retry> retries;
    int open = 0;
    double wake = kNever;
    std::vector<int64_t> delivered_by_day;
  };

  int DayOf(double now) const { return std::min(static_cast<int>(now / kDay), scenario_.days - 1); }
  SenderView View(const Path& path, double now) const;
  void Post(Event event) {
    event.sequence = ++sequence_;
    events_.push(event);
  }
  void WakeAt(int ip, double at, double now);
  void Pump(int ip, double now);
  void Arrive(const Event& event);
  void Answered(const Event& event);
  void Sample(double now);
  MailKind DrawKind();

  const LimitScenario& scenario_;
  LimitSender& sender_;
  HiddenReceiver receiver_;
  std::vector<int> quota_;
  base::Random latency_, kinds_;
  std::vector<Path> paths_;
  std::deque<Mail> mails_;
  Heap<Event> events_;
  int64_t sequence_ = 0;
  LimitRun run_;
};

LimitSender::Turn Clairvoyant::Next(int ip, double now, const SenderView&) {
  return {world->receiver().NextPass(now, ip), world->connections()};
}

SenderView World::View(const Path& path, double now) const {
  const int day = DayOf(now);
  const auto backlog = static_cast<double>(path.ready.size() + path.retries.size() + path.open);
  const double left =
      std::max(backlog, static_cast<double>(quota_[day] - path.delivered_by_day[day]));
  return {left / std::max(600.0, day * kDay + scenario_.window_end - now), path.open};
}

void World::WakeAt(int ip, double at, double now) {
  Path& path = paths_[ip];
  if (at >= path.wake - 1e-9 && path.wake > now) return;
  path.wake = at;
  Post({.at = at, .what = Happens::kWake, .ip = ip});
}

void World::Pump(int ip, double now) {
  Path& path = paths_[ip];
  const double time_of_day = std::fmod(now, kDay);
  if (time_of_day < scenario_.window_start || time_of_day >= scenario_.window_end) {
    const double midnight = now - time_of_day;
    WakeAt(ip, midnight + scenario_.window_start + (time_of_day >= scenario_.window_end ? kDay : 0),
           now);
    return;
  }
  while (!path.retries.empty() && path.retries.top().at <= now) {
    path.ready.push_front(path.retries.top().mail);
    path.retries.pop();
  }
  while (!path.ready.empty()) {
    const LimitSender::Turn turn = sender_.Next(ip, now, View(path, now));
    if (path.open >= turn.max_connections) break;
    if (turn.at > now + 1e-9) {
      if (turn.at < kNever) WakeAt(ip, turn.at, now);
      break;
    }
    Mail* mail = path.ready.front();
    path.ready.pop_front();
    ++mail->attempts;
    sender_.OnSend(ip, now);
    ++run_.attempts;
    ++path.open;
    const Answer answer = receiver_.Attempt(now, ip, *mail, path.open);
    const double latency =
        latency_.Between(scenario_.latency_low, scenario_.latency_high) * answer.latency_share;
    Post({.at = now + latency,
          .what = Happens::kAnswer,
          .ip = ip,
          .mail = mail,
          .started = now,
          .answer = answer});
  }
  if (!path.retries.empty()) WakeAt(ip, path.retries.top().at, now);
}

MailKind World::DrawKind() {
  const NoiseMix& mix = scenario_.mix;
  double at = kinds_.Unit();
  for (const auto& [share, kind] : {std::pair{mix.grey, MailKind::kGrey},
                                    {mix.full, MailKind::kFull},
                                    {mix.recipient_rate, MailKind::kRecipientRate},
                                    {mix.unknown, MailKind::kUnknown},
                                    {mix.spam, MailKind::kSpam}}) {
    if (at < share) return kind;
    at -= share;
  }
  return MailKind::kPlain;
}

void World::Arrive(const Event& event) {
  Path& path = paths_[event.ip];
  for (int i = 0; i < event.count; ++i) {
    mails_.push_back({.born = event.at, .kind = DrawKind()});
    path.ready.push_back(&mails_.back());
  }
  Pump(event.ip, event.at);
}

void World::Answered(const Event& event) {
  Path& path = paths_[event.ip];
  --path.open;
  const Reply& reply = *event.answer.reply;
  sender_.OnResult(event.ip, event.at, event.started, reply);
  const auto bin = static_cast<size_t>(event.at / kBinSeconds);
  switch (event.answer.truth) {
    case Truth::kOk:
      ++run_.delivered;
      ++run_.delivered_by_bin[bin];
      ++path.delivered_by_day[DayOf(event.at)];
      break;
    case Truth::kPermanent:
      ++run_.permanent;
      break;
    case Truth::kRate:
      ++run_.rate_refused;
      ++run_.refused_by_bin[bin];
      break;
    case Truth::kConnections:
      ++run_.connection_refused;
      break;
    case Truth::kNoise:
      ++run_.noise;
      break;
  }
  if (reply.temporary()) {
    const double delay = sender_.RetryDelay(event.ip, event.at, event.mail->attempts, reply);
    path.retries.push({event.at + std::max(0.5, delay), ++sequence_, event.mail});
  }
  Pump(event.ip, event.at);
  // A canary that the IPs share may just have been answered.
  for (int other = 0; other < scenario_.ips; ++other) {
    if (other != event.ip && !paths_[other].ready.empty()) Pump(other, event.at);
  }
}

void World::Sample(double now) {
  double limit = 0, rate = 0;
  for (int ip = 0; ip < scenario_.ips; ++ip) {
    limit += receiver_.RateAt(now, ip);
    rate += sender_.RateInUse(ip);
  }
  const bool shared =
      std::any_of(scenario_.buckets.begin(), scenario_.buckets.end(),
                  [](const BucketLimit& bucket) { return bucket.scope != LimitScope::kIp; });
  run_.limit_by_bin.push_back(shared ? limit / scenario_.ips : limit);
  run_.rate_by_bin.push_back(rate);
}

LimitRun World::Run() {
  const double end = scenario_.days * kDay;
  const auto bins = static_cast<size_t>(end / kBinSeconds) + 1;
  run_.delivered_by_bin.assign(bins, 0);
  run_.refused_by_bin.assign(bins, 0);
  const int chunks = scenario_.uniform ? 240 : 1;
  const double length = scenario_.window_end - scenario_.window_start;
  for (int day = 0; day < scenario_.days; ++day) {
    for (int ip = 0; ip < scenario_.ips; ++ip) {
      const int64_t quota = quota_[day];
      for (int64_t chunk = 0; chunk < chunks; ++chunk) {
        Post({.at = day * kDay + scenario_.window_start + length * chunk / chunks,
              .what = Happens::kArrival,
              .ip = ip,
              .count = static_cast<int>(quota * (chunk + 1) / chunks - quota * chunk / chunks)});
      }
    }
    Post({.at = (day + 1) * kDay - 1e-6, .what = Happens::kDayEnds});
  }
  while (!events_.empty() && events_.top().at <= end) {
    const Event event = events_.top();
    events_.pop();
    while (run_.limit_by_bin.size() * kBinSeconds <= event.at) Sample(event.at);
    switch (event.what) {
      case Happens::kArrival:
        Arrive(event);
        break;
      case Happens::kAnswer:
        Answered(event);
        break;
      case Happens::kDayEnds:
        receiver_.EndDay();
        break;
      case Happens::kWake:
        if (paths_[event.ip].wake > event.at + 1e-9) break;
        paths_[event.ip].wake = -1;
        Pump(event.ip, event.at);
        break;
    }
  }
  run_.penalty_seconds = receiver_.penalty_seconds();
  size_t left = 0, open = 0, planned = 0;
  run_.delivered_by_day.assign(scenario_.days, 0);
  for (const Path& path : paths_) {
    left += path.ready.size() + path.retries.size() + path.open;
    open += path.open;
    for (int day = 0; day < scenario_.days; ++day) {
      run_.delivered_by_day[day] += path.delivered_by_day[day];
      planned += quota_[day];
    }
  }
  CRESCENDO_CHECK(run_.delivered + run_.permanent + static_cast<int64_t>(left) ==
                  static_cast<int64_t>(planned));
  CRESCENDO_CHECK(run_.attempts == run_.delivered + run_.permanent + run_.rate_refused +
                                       run_.connection_refused + run_.noise +
                                       static_cast<int64_t>(open));
  return std::move(run_);
}

struct StepEdge {
  double at, ratio, rate;
};

// Of the first bucket that has steps.
std::vector<StepEdge> EdgesOf(const LimitScenario& scenario) {
  std::vector<StepEdge> edges;
  for (const BucketLimit& bucket : scenario.buckets) {
    if (bucket.steps.empty()) continue;
    double before = 1;
    for (const auto& [at, factor] : bucket.steps) {
      if (at > 0 && at < scenario.days * kDay) {
        edges.push_back({at, factor / before, bucket.rate * factor});
      }
      before = factor;
    }
    break;
  }
  return edges;
}

}  // namespace

std::vector<int> QuotaOf(const LimitScenario& scenario) {
  std::vector<int> quota;
  const HiddenReceiver receiver(scenario);
  const double length = scenario.window_end - scenario.window_start;
  for (int day = 0; day < scenario.days; ++day) {
    if (!scenario.daily_quota.empty()) {
      const size_t at = std::min<size_t>(day, scenario.daily_quota.size() - 1);
      quota.push_back(static_cast<int>(scenario.daily_quota[at]));
      continue;
    }
    double capacity = kNever;
    for (const BucketLimit& limit : scenario.buckets) {
      const HiddenBucket bucket(limit);
      double sum = 0;
      for (int i = 0; i < 96; ++i) {
        sum += bucket.RateAt(day * kDay + scenario.window_start + (i + 0.5) * length / 96, 0);
      }
      const int share = limit.scope == LimitScope::kIp ? 1 : scenario.ips;
      capacity = std::min(capacity, sum / 96 * length / share);
    }
    for (const WindowLimit& limit : scenario.windows) {
      const int share = limit.scope == LimitScope::kIp ? 1 : scenario.ips;
      capacity = std::min(capacity, limit.cap * std::max(1.0, length / limit.seconds) / share);
    }
    quota.push_back(static_cast<int>(capacity * scenario.quota_share));
  }
  return quota;
}

LimitRun Play(const LimitScenario& scenario, LimitSender& sender) {
  return World(scenario, sender).Run();
}

LimitRun PlayClairvoyant(const LimitScenario& scenario) {
  Clairvoyant sender;
  World world(scenario, sender);
  sender.world = &world;
  return world.Run();
}

LimitScore ScoreOf(const LimitScenario& scenario, const LimitRun& run,
                   const LimitRun& clairvoyant) {
  LimitScore score;
  const double span = scenario.days * (scenario.window_end - scenario.window_start) * scenario.ips;
  score.goodput = std::min(
      1.0, static_cast<double>(run.delivered) / std::max<double>(1, clairvoyant.delivered));
  score.refused = static_cast<double>(run.rate_refused + run.connection_refused) /
                  std::max<double>(1, run.attempts);
  score.penalty = std::min(1.0, run.penalty_seconds / span);
  int days = 0;
  for (int day = 0; day < scenario.days; ++day) {
    const auto best = static_cast<double>(clairvoyant.delivered_by_day[day]);
    if (best <= 0) continue;
    const double share = std::min(1.0, run.delivered_by_day[day] / best);
    score.day_fair += share;
    score.worst_day = std::min(score.worst_day, share);
    ++days;
  }
  score.day_fair /= std::max(1, days);
  const std::vector<StepEdge> edges = EdgesOf(scenario);
  const bool shared = !scenario.buckets.empty() && scenario.buckets[0].scope != LimitScope::kIp;
  for (size_t i = 0; i < edges.size(); ++i) {
    const auto first = static_cast<size_t>(edges[i].at / kBinSeconds);
    if (edges[i].ratio < 1) {
      double refused = 0;
      for (size_t bin = first; bin < first + 6 && bin < run.refused_by_bin.size(); ++bin) {
        refused += run.refused_by_bin[bin];
      }
      const double capacity = edges[i].rate * 3600 * (shared ? 1 : scenario.ips);
      score.overshoot = std::max(score.overshoot.value_or(0), refused / std::max(1.0, capacity));
      continue;
    }
    const double next = i + 1 < edges.size() ? edges[i + 1].at : scenario.days * kDay;
    const size_t last = static_cast<size_t>(next / kBinSeconds) - 1;
    double took = (last - first) * kBinSeconds;
    const auto three = [](const std::vector<int64_t>& bins, size_t at) {
      int64_t sum = 0;
      for (size_t bin = at; bin < std::min(at + 3, bins.size()); ++bin) sum += bins[bin];
      return static_cast<double>(sum);
    };
    for (size_t bin = first; bin < last; ++bin) {
      const double best = three(clairvoyant.delivered_by_bin, bin);
      if (best > 0 && three(run.delivered_by_bin, bin) >= 0.9 * best) {
        took = (bin - first) * kBinSeconds;
        break;
      }
    }
    score.recovery = std::max(score.recovery.value_or(0), took);
  }
  double adapts = 1;
  if (score.overshoot) adapts *= 1 / (1 + *score.overshoot / 0.05);
  if (score.recovery) adapts *= 1 / (1 + *score.recovery / 7200);
  if (score.overshoot && score.recovery) adapts = std::sqrt(adapts);
  score.score = 100 * std::pow(score.goodput, 0.45) *
                std::pow(1 / (1 + score.refused / 0.03), 0.25) * std::pow(1 - score.penalty, 0.10) *
                std::pow(score.day_fair, 0.10) * std::pow(adapts, 0.10);
  return score;
}

}  // namespace crescendo::testing
