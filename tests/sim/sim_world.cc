#include "tests/sim/sim_world.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "scheduler/base/check.h"
#include "scheduler/base/civil_day.h"
#include "scheduler/core/ramp.h"

namespace crescendo::sim {
namespace {

struct SimProvider {
  const char* id;
  const char* host;
  double of_five, of_twelve;  // Share of the recipients.
};
constexpr SimProvider kProviders[] = {
    {"gmail", "mx.google.com", 0.45, 0.3},    {"yahoo", "mx.yahoodns.net", 0.2, 0.14},
    {"outlook", "mx.outlook.com", 0.2, 0.14}, {"orange", "mx.orange.fr", 0.1, 0.07},
    {"gmx", "mx.gmx.net", 0.05, 0.05},        {"icloud", "mx.icloud.com", 0, 0.08},
    {"comcast", "mx.comcast.net", 0, 0.05},   {"laposte", "mx.laposte.net", 0, 0.04},
    {"mailru", "mx.mail.ru", 0, 0.04},        {"yandex", "mx.yandex.ru", 0, 0.04},
    {"free", "mx.free.fr", 0, 0.03},          {"webde", "mx.web.de", 0, 0.02}};

absl::Span<const SimProvider> ProvidersOf(const WorldOptions& options) {
  return absl::MakeSpan(kProviders).first(static_cast<size_t>(options.providers));
}

std::unique_ptr<ProviderCatalog> MakeProviders(const WorldOptions& options) {
  std::vector<Provider> providers;
  for (const SimProvider& facts : ProvidersOf(options)) {
    Provider provider;
    provider.id = ProviderId(facts.id);
    provider.mx_suffixes = {facts.host};
    provider.max_connections_per_ip = 5;
    provider.messages_per_connection = 20;
    provider.rate_limit_stop = absl::Minutes(10);
    if (provider.id.text() == "gmail") provider.warming_daily_cap = 3000;
    if (options.facts) options.facts(&provider);
    providers.push_back(std::move(provider));
  }
  Provider fallback;
  fallback.id = ProviderId("default");
  return std::make_unique<ProviderCatalog>(std::move(providers), std::move(fallback));
}

std::unique_ptr<core::ReplyClassifier> MakeClassifier() {
  const auto rule = [](const char* name, const char* match, ReplyCategory category) {
    ReplyRule rule;
    rule.name = name;
    rule.origin = "sim";
    rule.match = {match};
    rule.category = category;
    return rule;
  };
  core::ProviderRules rules;
  rules.provider = ProviderId("default");
  rules.rules = {rule("rate", "unusual rate", ReplyCategory::kRateLimited),
                 rule("connections", "concurrent connections", ReplyCategory::kTooManyConnections),
                 rule("greylist", "greylisted", ReplyCategory::kGreylisted),
                 rule("full", "storage space", ReplyCategory::kMailboxFull),
                 rule("unknown", "does not exist", ReplyCategory::kUnknownRecipient),
                 rule("content", "spam", ReplyCategory::kContent),
                 rule("blocklist", "listed by a blocklist", ReplyCategory::kBlocklistPublic),
                 rule("temporary", "temporarily rejected", ReplyCategory::kTemporarySystem)};
  auto classifier = core::ReplyClassifier::Create({std::move(rules)});
  CRESCENDO_CHECK(classifier.ok());
  return std::make_unique<core::ReplyClassifier>(*std::move(classifier));
}

std::map<std::string, Behaviour> MakeBehaviours(const WorldOptions& options) {
  const double faults = options.faults;
  std::map<std::string, Behaviour> behaviours;
  for (const SimProvider& facts : ProvidersOf(options)) {
    Behaviour& behaviour = behaviours[facts.host];
    behaviour.unknown = 0.01 * faults;
    behaviour.full = 0.01 * faults;
    behaviour.greylist = (std::string(facts.id) == "gmx" ? 0.5 : 0.02) * faults;
    behaviour.temporary = 0.01 * faults;
    behaviour.content = 0.001 * faults;
    behaviour.drop_before_dot = 0.003 * faults;
    behaviour.drop_after_dot = 0.002 * faults;
    behaviour.refuse_connection = 0.01 * faults;
    if (faults > 0) behaviour.connections = 3;
  }
  if (faults > 0) {
    behaviours["mx.google.com"].rate_per_hour = 90;
    behaviours["mx.yahoodns.net"].rate_per_hour = 40;
  }
  for (const SimProvider& facts : ProvidersOf(options)) {
    if (options.behave) options.behave(facts.id, &behaviours[facts.host]);
  }
  return behaviours;
}

class SimResolver final : public ports::MxResolver {
 public:
  void Resolve(absl::string_view domain,
               absl::AnyInvocable<void(absl::StatusOr<ports::MxSet>)> done) override {
    for (const SimProvider& facts : kProviders) {
      if (domain == absl::StrCat(facts.id, ".test")) {
        return done(ports::MxSet{{{facts.host, "192.0.2.1", 25}}});
      }
    }
    done(absl::NotFoundError("no such domain"));
  }
};

class SimComposer final : public ports::MessageComposer {
 public:
  absl::Status Check(const Campaign&) override { return absl::OkStatus(); }
  absl::Status CheckReady(const Campaign&) override { return absl::OkStatus(); }
  absl::StatusOr<ports::ComposedMessage> Compose(
      const Campaign& campaign, DeliveryId, absl::string_view,
      const std::vector<std::pair<std::string, std::string>>&, absl::Time) override {
    return ports::ComposedMessage{
        campaign.return_path.empty() ? campaign.from_address : campaign.return_path,
        "Subject: x\r\n\r\nx\r\n"};
  }
};

EngagementSignals RandomSignals(base::Random& random, absl::Time now) {
  EngagementSignals signals;
  const auto ago = [&] { return now - absl::Hours(random.Between(1, 24 * 200)); };
  if (random.Unit() < 0.3) signals.last_click_time = ago();
  if (random.Unit() < 0.6) signals.last_open_time = ago();
  if (random.Unit() < 0.9) signals.subscribe_time = ago();
  signals.click_count = random.Between(0, 9);
  signals.open_count = random.Between(0, 30);
  return signals;
}

// Knows which recipients were claimed and given back, and who should have been claimed.
class WatchedStore final : public store::MemoryStore {
 public:
  WatchedStore(std::set<DeliveryId>* released, RankWitness* ranks)
      : released_(released), ranks_(ranks) {}
  absl::Status Commit(absl::Span<const ports::Write> writes,
                      std::vector<ports::WriteResult>* results) override {
    for (const ports::Write& write : writes) {
      const auto* release = std::get_if<ports::Release>(&write);
      if (release == nullptr) continue;
      released_->insert(release->deliveries.begin(), release->deliveries.end());
    }
    const absl::Status status = MemoryStore::Commit(writes, results);
    if (status.ok()) ranks_->Saw(writes, *results);
    return status;
  }

 private:
  std::set<DeliveryId>* const released_;
  RankWitness* const ranks_;
};

}  // namespace

World::World(const WorldOptions& options)
    : options_(options),
      clock_(absl::FromCivil(options.start_day, absl::UTCTimeZone()) - absl::Hours(1)),
      providers_(MakeProviders(options)),
      classifier_(MakeClassifier()),
      store_(std::make_unique<WatchedStore>(&released_, &ranks_)),
      receivers_(
          std::make_unique<SimReceivers>(&clock_, options.seed * 7919, MakeBehaviours(options))),
      resolver_(std::make_unique<SimResolver>()),
      composer_(std::make_unique<SimComposer>()) {
  receivers_->SetOnSend(
      [this](const std::string& source, const std::string& host,
             const ports::SendMessage& message) { OnSend(source, host, message); });
  receivers_->SetOnUsed([this](const std::string& source, absl::CivilDay day, int64_t used) {
    OnUsed(source, day, used);
  });
  StartEngine();
  SetUp();
}

World::~World() = default;

std::string World::AddressOf(int ip) const { return absl::StrCat("192.0.2.", 10 + ip); }

void World::StartEngine() {
  core::Options options = options_.core;
  options.seed = options_.seed;
  engine_ = std::make_unique<engine::Engine>(
      engine::Edges{&clock_, store_.get(), receivers_.get(), resolver_.get(), composer_.get(),
                    providers_.get(), classifier_.get()},
      options, engine::Threads::kNone);
  const absl::Status status = engine_->Start();
  if (!status.ok()) Violated("start", status.ToString());
}

void World::SetUp() {
  Pool pool;
  pool.id = PoolId("cold");
  Pool spare;
  spare.id = PoolId("spare");
  for (int i = 0; i < options_.egress_ips + options_.spare_ips; ++i) {
    EgressIp ip;
    ip.id = EgressIpId(absl::StrCat("mta1-", std::string(1, static_cast<char>('a' + i))));
    ip.address = AddressOf(i);
    ip.ehlo_name = "mta1.example.com";
    (i < options_.egress_ips ? pool : spare).egress_ips.push_back(ip.id);
    const auto stored = Await<EgressIp>([&](auto done) { engine_->Put(ip, {}, std::move(done)); });
    if (!stored.ok()) Violated("set-up", stored.status().ToString());
    if (i >= options_.egress_ips - options_.established) continue;
    Plan plan;
    plan.id = PlanId(absl::StrCat("plan-", i));
    plan.egress_ip = ip.id;
    plan.stages = options_.stages.empty() ? ClassicRamp(options_.target) : options_.stages;
    // An IP without a plan sends from the first moment on; the others are there by then.
    const bool alone = options_.established + options_.spare_ips == 0;
    plan.start_date = options_.start_day - (alone ? 0 : 1);
    plan.time_zone = options_.time_zone;
    if (options_.shape) options_.shape(plan);
    floors_ = !plan.engagement_floors.empty();
    shaped_ = plan.shape != SendingShape() || plan.window != SendingWindow();
    const auto made = Await<Plan>([&](auto done) { engine_->Put(plan, {}, std::move(done)); });
    if (!made.ok()) Violated("set-up", made.status().ToString());
    const auto started = Await<Plan>([&](auto done) {
      engine_->Change(plan.id, engine::PlanVerb::kStart, 0, {}, std::move(done));
    });
    if (!started.ok()) Violated("set-up", started.status().ToString());
  }
  if (options_.spare_ips > 0) {
    pool.overflow = spare.id;
    const auto stored = Await<Pool>([&](auto done) { engine_->Put(spare, {}, std::move(done)); });
    if (!stored.ok()) Violated("set-up", stored.status().ToString());
  }
  const auto made = Await<Pool>([&](auto done) { engine_->Put(pool, {}, std::move(done)); });
  if (!made.ok()) Violated("set-up", made.status().ToString());

  for (int c = 0; c < options_.campaigns && options_.start_campaigns; ++c) Launch(c);
}

void World::Launch(int number) {
  // The same whichever came before.
  base::Random random(options_.seed + static_cast<uint64_t>(number) * 1'000'003);
  Campaign campaign;
  campaign.id = CampaignId(absl::StrCat("campaign-", number));
  campaign.pool = PoolId("cold");
  campaign.from_address = "news@example.com";
  campaign.subject = "x";
  campaign.text_body = "x";
  if (options_.campaign) options_.campaign(number, campaign);
  const auto stored =
      Await<Campaign>([&](auto done) { engine_->Put(campaign, {}, std::move(done)); });
  if (!stored.ok()) Violated("set-up", stored.status().ToString());
  launched_.push_back(number);
  const absl::Span<const SimProvider> providers = ProvidersOf(options_);
  const int64_t count = options_.recipients / options_.campaigns;
  int64_t chunk = 0;
  for (int64_t at = 0; at < count; at += 5000) {
    ports::AppendRecipients append;
    append.campaign = campaign.id;
    append.import = ImportId("list");
    append.chunk = ++chunk;
    append.now = clock_.Now().wall;
    for (int64_t i = at; i < std::min(at + 5000, count); ++i) {
      double dice = random.Unit();
      size_t provider = 0;
      const auto share = [&] {
        const SimProvider& one = providers[provider];
        return providers.size() == 5 ? one.of_five : one.of_twelve;
      };
      while (provider + 1 < providers.size() && dice > share()) {
        dice -= share();
        ++provider;
      }
      append.rows.push_back(
          {absl::StrCat("u", i, "-", number, "@", providers[provider].id, ".test"),
           random.Unit(),
           {}});
      if (options_.engaged_days > 0) {
        const auto ago = static_cast<EngagedDay>(random.Below(options_.engaged_days));
        append.rows.back().engaged_day = EngagedDayOf(append.now) - ago;
        engaged_[append.rows.back().address] = append.rows.back().engaged_day;
      }
      if (!options_.signals) continue;
      append.rows.back().signals = RandomSignals(random, clock_.Now().wall);
      addresses_.push_back(append.rows.back().address);
    }
    const auto outcome =
        Await<ports::AppendOutcome>([&](auto done) { engine_->Import(append, std::move(done)); });
    if (!outcome.ok()) {
      Violated("set-up", outcome.status().ToString());
    } else {
      imported_ += outcome->added;
    }
  }
  const auto started = Await<Campaign>([&](auto done) {
    engine_->Change(campaign.id, engine::CampaignVerb::kStart, 0, {}, std::move(done));
  });
  if (!started.ok()) Violated("set-up", started.status().ToString());
}

void World::Suffer(Incident::Kind kind, int provider, absl::Duration lasts, int ip) {
  const absl::Time now = clock_.Now().wall;
  receivers_->Add({kind, ProvidersOf(options_)[static_cast<size_t>(provider)].host,
                   ip < 0 ? "" : AddressOf(ip), now, now + lasts});
}

absl::StatusOr<core::Snapshot> World::Snapshot(int64_t most_samples) {
  return Await<core::Snapshot>(
      [&](auto done) { engine_->TakeSnapshot(most_samples, std::move(done)); });
}

std::vector<PlanDay> World::DaysOf(int ip) {
  return *store_->ListPlanDays(PlanId(absl::StrCat("plan-", ip)));
}

int64_t World::WitnessedOn(int ip, absl::CivilDay day) const {
  const auto found = witness().accepted.find({AddressOf(ip), day});
  return found == witness().accepted.end() ? 0 : found->second;
}

void World::RunDays(int days) { RunUntil(clock_.Now().wall + absl::Hours(24) * days); }

void World::RunUntil(absl::Time time) {
  absl::Time wake = engine_->Turn();
  while (clock_.Now().wall < time && violations_.size() < 20) {
    clock_.AdvanceTo(std::min({wake, receivers_->NextAt(), time}));
    receivers_->Run();
    wake = engine_->Turn();
    CheckTurn();
  }
}

void World::CrashAndRestart() {
  receivers_->Crash();
  receivers_->SetListener([](ports::TransportEvent) {});
  engine_.reset();
  last_score_.clear();  // The memory store is the disk; the order starts anew.
  StartEngine();
}

void World::JumpClock(absl::Duration by) {
  clock_.JumpWall(by);
  jumped_ = true;
  last_send_.clear();  // Wall times of before and after say nothing about a rate.
}

void World::SetMembers(const PoolId& pool, const std::vector<std::string>& ips,
                       const PoolId& overflow) {
  Pool changed = Await<Pool>([&](auto done) { engine_->GetPool(pool, std::move(done)); }).value();
  changed.egress_ips.clear();
  for (const std::string& ip : ips) changed.egress_ips.emplace_back(ip);
  changed.overflow = overflow;
  const auto stored = Await<Pool>([&](auto done) { engine_->Put(changed, {}, std::move(done)); });
  if (!stored.ok()) Violated("set members", stored.status().ToString());
}

void World::PauseLane(const std::string& ip, const std::string& provider) {
  const auto paused = Await<core::LaneStatus>([&](auto done) {
    engine_->Change({EgressIpId(ip), ProviderId(provider)}, engine::LaneVerb::kPause, {},
                    std::move(done));
  });
  if (!paused.ok()) Violated("pause lane", paused.status().ToString());
}

void World::Pause(const CampaignId& campaign) {
  const auto paused = Await<Campaign>([&](auto done) {
    engine_->Change(campaign, engine::CampaignVerb::kPause, 0, {}, std::move(done));
  });
  if (!paused.ok()) Violated("pause", paused.status().ToString());
  paused_.insert(campaign.text());
}

void World::Resume(const CampaignId& campaign) {
  paused_.erase(campaign.text());
  const auto resumed = Await<Campaign>([&](auto done) {
    engine_->Change(campaign, engine::CampaignVerb::kResume, 0, {}, std::move(done));
  });
  if (!resumed.ok()) Violated("resume", resumed.status().ToString());
}

void World::Engage(base::Random& random, int events) {
  ports::RecordEngagement record;
  record.now = clock_.Now().wall;
  for (int i = 0; i < events; ++i) {
    record.events.push_back(
        {addresses_[random.Below(addresses_.size())], static_cast<EngagementKind>(random.Below(3)),
         record.now - absl::Minutes(random.Between(0, 3000)), base::Random::Mix(++reported_)});
  }
  const auto done = Await<ports::EngagementOutcome>(
      [&](auto answer) { engine_->RecordEngagement(record, std::move(answer)); });
  if (!done.ok()) Violated("engage", done.status().ToString());
}

void World::Suppress(const std::string& address, SuppressionReason reason) {
  const auto done = Await<int64_t>([&](auto answer) {
    engine_->Suppress({{address, reason, "", {}}}, {}, std::move(answer));
  });
  if (!done.ok()) Violated("suppress", done.status().ToString());
  suppressed_.insert(address);
}

CampaignCounts World::Counts() {
  CampaignCounts sum;
  for (const int c : launched_) {
    CampaignCounts counts = *store_->CountDeliveries(CampaignId(absl::StrCat("campaign-", c)));
    for (int s = 0; s <= static_cast<int>(DeliveryState::kCancelled); ++s) {
      sum[static_cast<DeliveryState>(s)] += counts[static_cast<DeliveryState>(s)];
    }
  }
  return sum;
}

void World::Violated(absl::string_view law, std::string what) {
  violations_.push_back(absl::StrCat(law, " at ",
                                     absl::FormatTime(clock_.Now().wall, absl::UTCTimeZone()),
                                     ", seed ", options_.seed, ": ", what));
}

int World::IpOf(const std::string& source) {
  int last = 0;
  CRESCENDO_CHECK(absl::SimpleAtoi(source.substr(source.rfind('.') + 1), &last));
  return last - 10;
}

int World::HostOf(const std::string& host) const {
  const absl::Span<const SimProvider> providers = ProvidersOf(options_);
  for (size_t i = 0; i < providers.size(); ++i) {
    if (host == providers[i].host) return static_cast<int>(i);
  }
  CRESCENDO_CHECK(false);
  return -1;
}

absl::Status World::Edit(int ip, core::Effective effective, std::function<void(PlanShape&)> edit) {
  const PlanId id(absl::StrCat("plan-", ip));
  absl::StatusOr<Plan> plan =
      Await<Plan>([&](auto done) { engine_->GetPlan(id, std::move(done)); });
  if (!plan.ok()) return plan.status();
  static_cast<PlanShape&>(*plan) = PlanShape(core::EditBase(*plan, effective));
  edit(*plan);
  const auto changed = Await<core::ChangedPlan>(
      [&](auto done) { engine_->PutPlan(*plan, effective, {}, std::move(done)); });
  engine_->Turn();
  days_.clear();
  edited_ = true;
  return changed.status();
}

absl::Status World::Act(int ip, const core::PlanAction& action) {
  const auto changed = Await<core::ChangedPlan>([&](auto done) {
    engine_->ChangePlan(PlanId(absl::StrCat("plan-", ip)), action, 0, {}, std::move(done));
  });
  engine_->Turn();
  days_.clear();
  edited_ = true;
  return changed.status();
}

const PlanDay* World::DayOf(int ip, absl::CivilDay day) {
  const auto known = days_.find({ip, day});
  if (known != days_.end()) return &known->second;
  for (const PlanDay& plan_day : DaysOf(ip)) {
    if (plan_day.day == day) return &(days_[{ip, day}] = plan_day);
  }
  return nullptr;
}

bool World::IsBeyond(const PlanDay& day) const {
  const size_t stages =
      options_.stages.empty() ? ClassicRamp(options_.target).size() : options_.stages.size();
  return !edited_ && day.stage >= static_cast<int>(stages);
}

void World::OnUsed(const std::string& source, absl::CivilDay day, int64_t used) {
  // L1, from the receivers' own counts.
  if (options_.time_zone != "UTC") return;
  const PlanDay* planned = DayOf(IpOf(source), day);
  if (planned != nullptr && used > planned->peak_cap) {
    Violated("L1", absl::StrCat(source, ": ", used, " of ", planned->peak_cap));
  }
}

void World::OnSend(const std::string& source, const std::string& host,
                   const ports::SendMessage& message) {
  const absl::Time now = clock_.Now().wall;
  const absl::StatusOr<Delivery> delivery = store_->GetDelivery(message.delivery);
  CRESCENDO_CHECK(delivery.ok());
  trace_ = base::Random::Mix(trace_ ^ static_cast<uint64_t>(message.delivery.value()) ^
                             static_cast<uint64_t>(absl::ToUnixNanos(now)));
  // L3, L7: only what is durably claimed leaves, so nothing that is final ever does.
  if (delivery->state != DeliveryState::kClaimed) {
    Violated("L7",
             absl::StrCat(message.rcpt_to, " sent in state ", DeliveryStateName(delivery->state)));
  }
  // L6.
  if (paused_.contains(delivery->campaign.text()))
    Violated("L6", "sent while paused: " + message.rcpt_to);
  if (suppressed_.contains(delivery->address))
    Violated("L6", "sent though suppressed: " + message.rcpt_to);
  // L2: burst 1, and no faster than the catch-up factor times the even rate.
  const std::string& campaign = delivery->campaign.text();
  const auto engaged = engaged_.find(delivery->address);
  sent_.push_back({now, IpOf(source), HostOf(host), campaign.back() - '0', delivery->score,
                   engaged == engaged_.end() ? EngagedDay{0} : engaged->second});
  const absl::CivilDay today = base::DayOf(now, absl::UTCTimeZone());
  const PlanDay* day = DayOf(IpOf(source), today);
  const auto last = last_send_.find(source);
  // Behind its ramp an IP is not paced; days of 23 hours and edits have a pace of their own. With
  // hours of weights of their own, day_pacer_test looks at the rate.
  const bool paced =
      day != nullptr && !IsBeyond(*day) && !edited_ && !shaped_ && options_.time_zone == "UTC";
  if (last != last_send_.end() && paced) {
    const absl::Duration least = absl::Hours(24) * (1 - options_.core.pacing.window_margin) /
                                 static_cast<double>(day->cap) /
                                 options_.core.pacing.catch_up_factor;
    if (now - last->second < least - absl::Milliseconds(1)) {
      Violated("L2", absl::StrCat(source, ": ", absl::FormatDuration(now - last->second),
                                  " after the last one, at least ", absl::FormatDuration(least)));
    }
  }
  last_send_[source] = now;
  // L5: first attempts of a lane leave best first, within a campaign (pauses and holds of one let
  // another pass). One that an IP had claimed and gave back, because it was stopped, was not there
  // to be taken when others left. What an established IP may take beside a warming one, and a floor
  // lets through, changes. Where events re-rank, RankWitness knows who was best.
  if (floors_ && last_day_ != today) last_score_.clear();
  last_day_ = today;
  const bool alone = options_.established + options_.spare_ips == 0;
  // Behind its ramp an IP takes what warming ones leave it, and better ones when they leave more.
  const bool leaves_the_best = day != nullptr && !ranks_.TakesTheBest(day->egress_ip);
  if (leaves_the_best) {
    last_score_.erase({IpOf(source), HostOf(host), delivery->campaign});
  } else if (reported_ == 0 && delivery->attempts == 0 && delivery->in_doubt_count == 0 &&
             !released_.contains(delivery->id) && (day != nullptr || alone)) {
    const auto [score, is_new] =
        last_score_.try_emplace({IpOf(source), HostOf(host), delivery->campaign}, delivery->score);
    if (!is_new && delivery->score > score->second) {
      Violated("L5", absl::StrCat(source, " ", host, " ", delivery->campaign.text(), ": ",
                                  delivery->score, " after ", score->second));
    }
    score->second = delivery->score;
  }
}

void World::CheckTurn() {
  // Floors, sunsets and warming IPs beside established ones let others go first.
  const bool by_rank_alone =
      options_.engaged_days == 0 && options_.established + options_.spare_ips == 0;
  for (; by_rank_alone && ranked_ < ranks_.violations().size(); ++ranked_) {
    Violated("L5", ranks_.violations()[ranked_]);
  }
  // One that was lost stays lost: now and then is often enough.
  if (++turns_ % 50 != 0) return;
  // L3: everyone is in exactly one state.
  if (const int64_t total = Counts().total(); total != imported_) {
    Violated("L3", absl::StrCat(total, " of ", imported_, " accounted for"));
  }
}

// Each day that ended was decided, with a reason, on what the receivers saw.
void World::CheckDecisions(int ip) {
  for (const PlanDay& day : DaysOf(ip)) {
    if (day.decision == DayDecision::kOpen) continue;
    ++decisions_;
    if (day.reason.empty()) Violated("L9", "no reason on " + base::FormatDay(day.day));
    // Replies that were lost, and those around midnight, are seen by one side only.
    const int64_t seen = WitnessedOn(ip, day.day);
    if (!jumped_ && options_.time_zone == "UTC" && std::abs(seen - day.accepted) > 5 + seen / 50) {
      Violated("L9", absl::StrCat(base::FormatDay(day.day), " was decided on ", day.accepted,
                                  " accepted, the receivers say ", seen));
    }
  }
}

void World::CheckAll() {
  CampaignCounts recount;
  for (const int c : launched_) {
    ports::DeliveryFilter filter;
    filter.campaign = CampaignId(absl::StrCat("campaign-", c));
    DeliveryId after;
    while (true) {
      const auto page = store_->ListDeliveries(filter, after, 5000);
      if (page->empty()) break;
      after = page->back().id;
      for (const Delivery& delivery : *page) {
        ++recount[delivery.state];
        const auto copies = witness().copies.find(delivery.id);
        const int got = copies == witness().copies.end() ? 0 : copies->second;
        const auto doubt = witness().in_doubt.find(delivery.id);
        const int doubts = doubt == witness().in_doubt.end() ? 0 : doubt->second;
        // L4.
        if (got > 1 + doubts)
          Violated("L4", absl::StrCat(delivery.address, " got ", got, " copies"));
        // What is said to be accepted was.
        if (delivery.state == DeliveryState::kAccepted && got == 0) {
          Violated("L3", delivery.address + " never reached its receiver");
        }
        if (got > 0 && doubts == 0 && delivery.state != DeliveryState::kAccepted &&
            delivery.state != DeliveryState::kClaimed) {
          Violated("L3", absl::StrCat(delivery.address, " was accepted and is ",
                                      DeliveryStateName(delivery.state)));
        }
      }
    }
  }
  if (recount.total() != imported_ || recount.accepted != Counts().accepted) {
    Violated("L3", "a recount of the rows differs from the counts");
  }
  // L1, from our own ledger, and at most one step a day (L9).
  for (int i = 0; i < options_.egress_ips; ++i) {
    CheckDecisions(i);
    const PlanId plan(absl::StrCat("plan-", i));
    const EgressIpId ip(absl::StrCat("mta1-", std::string(1, static_cast<char>('a' + i))));
    const auto days = store_->ListPlanDays(plan);
    const PlanDay* before = nullptr;
    for (const PlanDay& day : *days) {
      int64_t used = 0;
      const auto rows = store_->ListLedger(ip, day.day, day.day);
      for (const LedgerRow& row : *rows) used += row.used();
      if (used > day.peak_cap) Violated("L1", absl::StrCat("ledger: ", used, " of ", day.peak_cap));
      if (day.peak_cap < day.cap) Violated("L1", "a cap that was never allowed");
      if (before != nullptr && day.decision != DayDecision::kOpen && day.reason.empty()) {
        Violated("L9", "a decision without its reason on " + base::FormatDay(day.day));
      }
      if (before != nullptr && !edited_) {
        // L9, exactly: a day is what its plan and the day before make of it.
        Plan then = *store_->LoadDirectory()->plans.begin();
        then.start_date = options_.start_day;
        then.state = before->decision == DayDecision::kGraduate ||
                             (IsBeyond(*before) && before->decision != DayDecision::kPause)
                         ? PlanState::kGraduated
                         : PlanState::kActive;
        const auto again = core::OpenDay(then, *before, day.day);
        if (!again.has_value() || again->stage != day.stage ||
            again->day_in_stage != day.day_in_stage || again->cap != day.cap) {
          Violated("L9",
                   "another day than follows from the one before: " + base::FormatDay(day.day));
        }
      }
      if (before != nullptr && !edited_ && before->decision == DayDecision::kRepeat) {
        if (day.stage > before->stage) {
          Violated("L9", "advanced after a repeat on " + base::FormatDay(day.day));
        }
      }
      before = &day;
    }
  }
}

}  // namespace crescendo::sim
