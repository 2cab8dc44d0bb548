#include "tests/support/rig.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace crescendo::support {
namespace {

class RigResolver final : public ports::MxResolver {
 public:
  void Resolve(absl::string_view domain,
               absl::AnyInvocable<void(absl::StatusOr<ports::MxSet>)> done) override {
    if (domain == "null.test") return done(absl::NotFoundError("null.test takes no mail"));
    if (domain == "lost.test") return done(absl::UnavailableError("lost.test: no answer"));
    const bool gmail = domain == "gmail.test";
    done(ports::MxSet{{{gmail ? "mx.google.com" : "mx.example.net", "192.0.2.100", 25}}});
  }
};

class RigComposer final : public ports::MessageComposer {
 public:
  absl::Status Check(const Campaign&) override { return absl::OkStatus(); }
  absl::Status CheckReady(const Campaign&) override { return absl::OkStatus(); }
  absl::StatusOr<ports::ComposedMessage> Compose(
      const Campaign& campaign, DeliveryId, absl::string_view address,
      const std::vector<std::pair<std::string, std::string>>&, absl::Time) override {
    return ports::ComposedMessage{
        campaign.return_path.empty() ? campaign.from_address : campaign.return_path,
        absl::StrCat("To: ", address, "\r\n\r\n", campaign.text_body, "\r\n")};
  }
};

ProviderCatalog MakeCatalog() {
  Provider gmail;
  gmail.id = ProviderId("gmail");
  gmail.display_name = "Gmail";
  gmail.mx_suffixes = {".google.com"};
  Provider fallback;
  fallback.id = ProviderId("default");
  return ProviderCatalog({std::move(gmail)}, std::move(fallback));
}

core::ReplyClassifier MakeClassifier() {
  const auto rule = [](const char* name, const char* match, ReplyCategory category) {
    ReplyRule rule;
    rule.name = name;
    rule.origin = "rig";
    rule.match = {match};
    rule.category = category;
    return rule;
  };
  core::ProviderRules rules;
  rules.provider = ProviderId("default");
  rules.rules = {rule("rate", "unusual rate", ReplyCategory::kRateLimited),
                 rule("unknown", "does not exist", ReplyCategory::kUnknownRecipient)};
  return core::ReplyClassifier::Create({std::move(rules)}).value();
}

}  // namespace

EgressIp NewIp(const std::string& id, const std::string& address) {
  EgressIp ip;
  ip.id = EgressIpId(id);
  ip.address = address;
  ip.ehlo_name = "mta1.example.com";
  return ip;
}

Pool NewPool(const std::string& id, const std::vector<std::string>& ips) {
  Pool pool;
  pool.id = PoolId(id);
  for (const std::string& ip : ips) pool.egress_ips.emplace_back(ip);
  return pool;
}

Plan NewPlan(const std::string& id, const std::string& ip) {
  Plan plan;
  plan.id = PlanId(id);
  plan.egress_ip = EgressIpId(ip);
  plan.stages = {{2, 100}};
  plan.start_date = absl::CivilDay(2026, 3, 4);
  return plan;
}

Campaign NewCampaign(const std::string& id) {
  Campaign campaign;
  campaign.id = CampaignId(id);
  campaign.pool = PoolId("main");
  campaign.from_address = "news@example.com";
  campaign.subject = "Spring";
  campaign.text_body = "Hello";
  return campaign;
}

Rig::Rig(engine::Threads threads, const core::Options& options, ports::Store* used_store)
    : threads_(threads),
      options_(options),
      used_store_(used_store == nullptr ? &store : used_store),
      resolver_(std::make_unique<RigResolver>()),
      composer_(std::make_unique<RigComposer>()),
      providers_(MakeCatalog()),
      classifier_(MakeClassifier()) {
  Crash();
}

Rig::~Rig() = default;

void Rig::Crash() {
  transport.SetListener(nullptr);
  engine_.reset();
  engine_ = std::make_unique<engine::Engine>(
      engine::Edges{&clock, used_store_, &transport, resolver_.get(), composer_.get(), &providers_,
                    &classifier_},
      options_, threads_);
}

absl::Status Rig::Start() { return engine_->Start(); }

void Rig::MakePool() {
  for (const auto& [id, address] : {std::pair("mta1-a", "192.0.2.1"), {"mta1-b", "192.0.2.2"}}) {
    const auto ip =
        Await<EgressIp>([&](auto done) { engine_->Put(NewIp(id, address), {}, std::move(done)); });
    EXPECT_TRUE(ip.ok()) << ip.status();
  }
  const auto pool = Await<Pool>(
      [&](auto done) { engine_->Put(NewPool("main", {"mta1-a"}), {}, std::move(done)); });
  EXPECT_TRUE(pool.ok()) << pool.status();
}

void Rig::MakeCampaign(const std::string& id, const std::vector<std::string>& addresses) {
  const auto made =
      Await<Campaign>([&](auto done) { engine_->Put(NewCampaign(id), {}, std::move(done)); });
  EXPECT_TRUE(made.ok()) << made.status();
  const auto imported = Import(id, 1, addresses);
  EXPECT_TRUE(imported.ok()) << imported.status();
  const auto started = Change(id, engine::CampaignVerb::kStart);
  EXPECT_TRUE(started.ok()) << started.status();
}

absl::StatusOr<ports::AppendOutcome> Rig::Import(const std::string& campaign, int64_t chunk,
                                                 const std::vector<std::string>& addresses) {
  ports::AppendRecipients append;
  append.campaign = CampaignId(campaign);
  append.import = ImportId("list");
  append.chunk = chunk;
  append.now = clock.Now().wall;
  double score = 1;
  for (const std::string& address : addresses) append.rows.push_back({address, score *= 0.9, {}});
  return Await<ports::AppendOutcome>(
      [&](auto done) { engine_->Import(std::move(append), std::move(done)); });
}

absl::StatusOr<Campaign> Rig::Change(const std::string& campaign, engine::CampaignVerb verb,
                                     int64_t revision) {
  return Await<Campaign>([&](auto done) {
    engine_->Change(CampaignId(campaign), verb, revision, {}, std::move(done));
  });
}

absl::StatusOr<Plan> Rig::Change(const std::string& plan, engine::PlanVerb verb, int64_t revision) {
  return Await<Plan>(
      [&](auto done) { engine_->Change(PlanId(plan), verb, revision, {}, std::move(done)); });
}

CampaignCounts Rig::Counts(const std::string& campaign) {
  const auto counts = Await<CampaignCounts>([&](auto done) {
    EXPECT_TRUE(engine_->Read([campaign, done = std::move(done)](ports::Store& read) mutable {
      done(read.CountDeliveries(CampaignId(campaign)));
    }));
  });
  EXPECT_TRUE(counts.ok()) << counts.status();
  return counts.ok() ? *counts : CampaignCounts();
}

std::vector<Event> Rig::Events(EventType type) {
  const auto events = Await<std::vector<Event>>([&](auto done) {
    EXPECT_TRUE(engine_->Read([type, done = std::move(done)](ports::Store& read) mutable {
      ports::EventFilter filter;
      filter.types = {type};
      done(read.ListEvents(filter, EventId(), 1000));
    }));
  });
  EXPECT_TRUE(events.ok()) << events.status();
  return events.ok() ? *events : std::vector<Event>();
}

}  // namespace crescendo::support
