#include "tests/sim/sim_world.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "scheduler/base/check.h"
#include "scheduler/base/civil_day.h"

namespace crescendo::sim {
namespace {

struct SimProvider {
  const char* id;
  const char* host;
  double share;  // Of the recipients.
};
constexpr SimProvider kProviders[] = {{"gmail", "mx.google.com", 0.45},
                                      {"yahoo", "mx.yahoodns.net", 0.2},
                                      {"outlook", "mx.outlook.com", 0.2},
                                      {"orange", "mx.orange.fr", 0.1},
                                      {"gmx", "mx.gmx.net", 0.05}};

std::unique_ptr<ProviderCatalog> MakeProviders() {
  std::vector<Provider> providers;
  for (const SimProvider& facts : kProviders) {
    Provider provider;
    provider.id = ProviderId(facts.id);
    provider.mx_suffixes = {facts.host};
    provider.max_connections_per_ip = 5;
    provider.messages_per_connection = 20;
    provider.rate_limit_stop = absl::Minutes(10);
    if (provider.id.text() == "gmail") provider.warming_daily_cap = 3000;
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
                 rule("temporary", "temporarily rejected", ReplyCategory::kTemporarySystem)};
  auto classifier = core::ReplyClassifier::Create({std::move(rules)});
  CRESCENDO_CHECK(classifier.ok());
  return std::make_unique<core::ReplyClassifier>(*std::move(classifier));
}

std::map<std::string, Behaviour> MakeBehaviours(double faults) {
  std::map<std::string, Behaviour> behaviours;
  for (const SimProvider& facts : kProviders) {
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

}  // namespace

World::World(const WorldOptions& options)
    : options_(options),
      clock_(absl::FromCivil(options.start_day, absl::UTCTimeZone()) - absl::Hours(1)),
      providers_(MakeProviders()),
      classifier_(MakeClassifier()),
      store_(std::make_unique<store::MemoryStore>()),
      receivers_(std::make_unique<SimReceivers>(&clock_, options.seed * 7919,
                                                MakeBehaviours(options.faults))),
      resolver_(std::make_unique<SimResolver>()),
      composer_(std::make_unique<SimComposer>()) {
  receivers_->SetOnSend(
      [this](const std::string& source, const std::string& host,
             const ports::SendMessage& message) { OnSend(source, host, message); });
  StartEngine();
  SetUp();
}

World::~World() = default;

std::string World::AddressOf(int ip) { return absl::StrCat("192.0.2.", 10 + ip); }

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
    const bool is_spare = i >= options_.egress_ips;
    (is_spare ? spare : pool).egress_ips.push_back(ip.id);
    const auto stored = Await<EgressIp>([&](auto done) { engine_->Put(ip, {}, std::move(done)); });
    if (!stored.ok()) Violated("set-up", stored.status().ToString());
    if (i >= options_.egress_ips - options_.established) continue;
    Plan plan;
    plan.id = PlanId(absl::StrCat("plan-", i));
    plan.egress_ip = ip.id;
    plan.stages = ClassicRamp(options_.target);
    // An IP without a plan sends from the first moment on; the others are there by then.
    const bool alone = options_.established + options_.spare_ips == 0;
    plan.start_date = options_.start_day - (alone ? 0 : 1);
    plan.engagement_floors = options_.floors;
    plan.shape = options_.shape;
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

  base::Random random(options_.seed);
  for (int c = 0; c < options_.campaigns; ++c) {
    Campaign campaign;
    campaign.id = CampaignId(absl::StrCat("campaign-", c));
    campaign.pool = pool.id;
    campaign.from_address = "news@example.com";
    campaign.subject = "x";
    campaign.text_body = "x";
    if (!options_.weights.empty()) campaign.weight = options_.weights[c];
    const auto stored =
        Await<Campaign>([&](auto done) { engine_->Put(campaign, {}, std::move(done)); });
    if (!stored.ok()) Violated("set-up", stored.status().ToString());
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
        while (provider + 1 < std::size(kProviders) && dice > kProviders[provider].share) {
          dice -= kProviders[provider++].share;
        }
        append.rows.push_back({absl::StrCat("u", i, "-", c, "@", kProviders[provider].id, ".test"),
                               random.Unit(),
                               {}});
        if (options_.engaged_days > 0) {
          const auto ago = static_cast<EngagedDay>(random.Below(options_.engaged_days));
          append.rows.back().engaged_day = EngagedDayOf(append.now) - ago;
          engaged_[append.rows.back().address] = append.rows.back().engaged_day;
        }
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

void World::Suppress(const std::string& address) {
  const auto done = Await<int64_t>([&](auto answer) {
    engine_->Suppress({{address, SuppressionReason::kManual, "", {}}}, {}, std::move(answer));
  });
  if (!done.ok()) Violated("suppress", done.status().ToString());
  suppressed_.insert(address);
}

CampaignCounts World::Counts() {
  CampaignCounts sum;
  for (int c = 0; c < options_.campaigns; ++c) {
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

int64_t World::CapOf(const std::string& source, absl::CivilDay day) {
  // Kept once known; 0 while there is no cap: before the day is opened, or when the plan is done.
  const auto [found, is_new] = caps_.try_emplace({source, day}, 0);
  if (found->second > 0) return found->second;
  for (int i = 0; i < options_.egress_ips; ++i) {
    if (AddressOf(i) != source) continue;
    const auto days = store_->ListPlanDays(PlanId(absl::StrCat("plan-", i)));
    for (const PlanDay& plan_day : *days) {
      if (plan_day.day == day) found->second = plan_day.cap;
    }
  }
  return found->second;
}

void World::OnSend(const std::string& source, const std::string& host,
                   const ports::SendMessage& message) {
  const absl::Time now = clock_.Now().wall;
  const absl::StatusOr<Delivery> delivery = store_->GetDelivery(message.delivery);
  CRESCENDO_CHECK(delivery.ok());
  const auto engaged = engaged_.find(delivery->address);
  sent_.push_back({now, source, host, delivery->campaign.text().back() - '0', delivery->score,
                   engaged == engaged_.end() ? EngagedDay{0} : engaged->second});
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
  const absl::CivilDay day = base::DayOf(now, absl::UTCTimeZone());
  const int64_t cap = CapOf(source, day);
  const auto last = last_send_.find(source);
  // With hours of weights of their own, day_pacer_test looks at the rate.
  if (last != last_send_.end() && cap > 0 && options_.shape == SendingShape()) {
    const absl::Duration least = absl::Hours(24) * (1 - options_.core.pacing.window_margin) /
                                 static_cast<double>(cap) / options_.core.pacing.catch_up_factor;
    if (now - last->second < least - absl::Milliseconds(1)) {
      Violated("L2", absl::StrCat(source, ": ", absl::FormatDuration(now - last->second),
                                  " after the last one, at least ", absl::FormatDuration(least)));
    }
  }
  last_send_[source] = now;
  // L5: first attempts of a lane leave best first, within a campaign (pauses and holds of one let
  // another pass).
  // What an established IP may take beside a warming one, and a floor lets through, changes.
  if (!options_.floors.empty() && last_day_ != day) last_score_.clear();
  last_day_ = day;
  const bool others = options_.established + options_.spare_ips > 0;
  if (delivery->attempts == 0 && delivery->in_doubt_count == 0 && (cap > 0 || !others)) {
    const std::string lane = absl::StrCat(source, " ", host, " ", delivery->campaign.text());
    const auto score = last_score_.find(lane);
    if (score != last_score_.end() && delivery->score > score->second) {
      Violated("L5", absl::StrCat(lane, ": ", delivery->score, " after ", score->second));
    }
    last_score_[lane] = delivery->score;
  }
}

void World::CheckTurn() {
  // L1, from the receivers' own counts.
  const absl::CivilDay today = base::DayOf(clock_.Now().wall, absl::UTCTimeZone());
  for (int i = 0; i < options_.egress_ips; ++i) {
    const auto used = witness().used.find({AddressOf(i), today});
    if (used == witness().used.end()) continue;
    const int64_t cap = CapOf(AddressOf(i), today);
    if (cap > 0 && used->second > cap) {  // 0: the plan is done.
      Violated("L1", absl::StrCat(AddressOf(i), ": ", used->second, " of ", cap));
    }
  }
  // L3: everyone is in exactly one state.
  if (const int64_t total = Counts().total(); total != imported_) {
    Violated("L3", absl::StrCat(total, " of ", imported_, " accounted for"));
  }
}

void World::CheckAll() {
  CampaignCounts recount;
  for (int c = 0; c < options_.campaigns; ++c) {
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
    const PlanId plan(absl::StrCat("plan-", i));
    const EgressIpId ip(absl::StrCat("mta1-", std::string(1, static_cast<char>('a' + i))));
    const auto days = store_->ListPlanDays(plan);
    const PlanDay* before = nullptr;
    for (const PlanDay& day : *days) {
      int64_t used = 0;
      const auto rows = store_->ListLedger(ip, day.day, day.day);
      for (const LedgerRow& row : *rows) used += row.used();
      if (used > day.cap) Violated("L1", absl::StrCat("ledger: ", used, " of ", day.cap));
      if (before != nullptr) {
        const int steps = (day.stage - before->stage) + (day.day_in_stage != before->day_in_stage);
        if (day.stage < before->stage || steps > 2 || day.stage > before->stage + 1) {
          Violated("L9", "more than one step a day on " + base::FormatDay(day.day));
        }
        if (before->decision == DayDecision::kRepeat && day.stage != before->stage) {
          Violated("L9", "advanced after a repeat on " + base::FormatDay(day.day));
        }
      }
      before = &day;
    }
  }
}

}  // namespace crescendo::sim
