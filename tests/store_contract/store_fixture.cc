#include "tests/store_contract/store_fixture.h"

#include <stdlib.h>

#include <filesystem>

#include "store/memory/memory_store.h"
#include "store/sqlite/sqlite_store.h"

namespace crescendo::store {

TempFolder::TempFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "crescendo-store-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) ADD_FAILURE() << "no temporary folder " << name;
  path_ = name;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::vector<StoreKind> AllStores() {
  const auto memory = [](const std::string&) { return std::make_unique<MemoryStore>(); };
  return {{"Memory", memory, false}, {"Sqlite", OpenSqlite, true}};
}

std::unique_ptr<ports::Store> OpenSqlite(const std::string& path) {
  // Addresses are filed soon, so that both ways to find one are taken.
  absl::StatusOr<std::unique_ptr<ports::Store>> store =
      SqliteStore::Open(path, {.unfiled_addresses = 7});
  if (store.ok()) return *std::move(store);
  ADD_FAILURE() << store.status();
  return nullptr;
}

ports::WriteResult CommitOne(ports::Store& store, ports::Write write) {
  std::vector<ports::WriteResult> results;
  const absl::Status status = store.Commit({&write, 1}, &results);
  EXPECT_TRUE(status.ok()) << status;
  if (results.size() != 1) {
    ADD_FAILURE() << results.size() << " results for one write";
    return {absl::UnknownError("no result"), {}, false};
  }
  return std::move(results[0]);
}

ports::Put<EgressIp> NewIp(const std::string& id) {
  ports::Put<EgressIp> put;
  put.record.id = EgressIpId(id);
  put.record.address = "192.0.2.1";
  put.record.ehlo_name = id + ".example.com";
  put.record.create_time = kStart;
  return put;
}

ports::Put<Pool> NewPool(const std::string& id, const std::vector<std::string>& ips) {
  ports::Put<Pool> put;
  put.record.id = PoolId(id);
  for (const std::string& ip : ips) put.record.egress_ips.emplace_back(ip);
  put.record.create_time = kStart;
  return put;
}

ports::Put<Plan> NewPlan(const std::string& id, const std::string& ip) {
  ports::Put<Plan> put;
  put.record.id = PlanId(id);
  put.record.egress_ip = EgressIpId(ip);
  put.record.stages = {{2, 200}, {2, 500}};
  put.record.provider_caps = {{ProviderId("gmail"), 100}, {ProviderId("yahoo"), 0}};
  put.record.time_zone = "Europe/Berlin";
  put.record.window = {absl::Hours(8), absl::Hours(20)};
  put.record.start_date = kMonday;
  put.record.advance_rule = AdvanceRule::kCalendar;
  put.record.engagement_floors = {{14, 30}, {0, 90}};
  put.record.shape.hourly_weights.assign(24, 1);
  put.record.shape.hourly_weights[9] = 5;
  put.record.shape.sends_on[5] = put.record.shape.sends_on[6] = false;
  put.record.provider_ramps = {{ProviderId("gmail"), {{1, 30}, {3, 90}}},
                               {ProviderId("gmx"), {{2, 7}}}};
  put.record.guardrails.hard_bounces = {0.0123456789012345, 1.0 / 3, 0.7};
  put.record.guardrails.deferrals = {0, 0, 0};
  put.record.guardrails.min_sample = 40;
  put.record.guardrails.min_complaints = 3;
  put.record.guardrails.clear_at = 0.1 + 0.2;
  put.record.guardrails.early_sample = 0;
  put.record.guardrails.blocklist_pause = false;
  put.record.rolling_day = true;
  put.record.bounded_growth = false;
  put.record.next = static_cast<const PlanShape&>(put.record);
  put.record.next->stages = {{1, 9}};
  put.record.next->provider_caps.clear();
  put.record.next->window = {absl::Seconds(90), absl::Hours(24)};
  put.record.next_from = kMonday + 1;
  put.record.move = {4, 1, kMonday};
  put.record.acted_day = kMonday - 1;
  put.record.state = PlanState::kActive;
  put.record.state_reason = "started by anna";
  put.record.create_time = kStart;
  return put;
}

ports::Put<Campaign> NewCampaign(const std::string& id, const std::string& pool) {
  ports::Put<Campaign> put;
  put.record.id = CampaignId(id);
  put.record.pool = PoolId(pool);
  put.record.from_name = "Shop";
  put.record.from_address = "news@shop.example";
  put.record.return_path = "bounce@shop.example";
  put.record.subject = "Hello {{name}}";
  put.record.text_body = "Grüße\r\n";
  put.record.html_body = "<p>Hi</p>";
  put.record.list_unsubscribe = "<https://shop.example/u>";
  put.record.headers = {{"Reply-To", "help@shop.example"}, {"X-Note", ""}};
  put.record.raw_message = std::string("Subject: s\n\n\xE9\0", 14);
  put.record.feedback_sender_id = "shop1";
  put.record.tls = TlsPolicy::kRequired;
  put.record.lifetime = absl::Hours(48);
  put.record.weight = 3;
  put.record.sunset_days = 365;
  put.record.state = CampaignState::kSending;
  put.record.state_reason = "started";
  put.record.create_time = kStart;
  return put;
}

Event NewEvent(EventType type, const std::string& text) {
  Event event;
  event.time = kStart;
  event.type = type;
  event.text = text;
  return event;
}

ports::Settle NewSettle(DeliveryId id, ports::Settle::Slot slot, DeliveryState state) {
  ports::Settle settle;
  settle.delivery = id;
  settle.lane = kLane;
  settle.claim_day = settle.settle_day = kMonday;
  settle.slot = slot;
  settle.state = state;
  settle.now = kStart + absl::Hours(1);
  return settle;
}

void Cancel(ports::Store& store, const std::string& campaign) {
  const ports::Directory directory = store.LoadDirectory().value();
  for (const Campaign& record : directory.campaigns) {
    if (record.id.text() != campaign) continue;
    ports::Put<Campaign> put;
    put.record = record;
    put.record.state = CampaignState::kCancelled;
    EXPECT_TRUE(CommitOne(store, put).status.ok());
    return;
  }
  ADD_FAILURE() << "no campaign " << campaign;
}

int64_t CancelAll(ports::Store& store, const std::string& campaign, absl::Time now, int limit) {
  ports::CancelDeliveries cancel{CampaignId(campaign), now, DeliveryId(), limit};
  int64_t sum = 0;
  for (bool more = true; more;) {
    const ports::WriteResult result = CommitOne(store, cancel);
    EXPECT_TRUE(result.status.ok()) << result.status;
    if (!result.status.ok()) break;
    const auto& step = std::get<ports::CancelledDeliveries>(result.value);
    EXPECT_LE(std::ssize(step.ended), limit);
    EXPECT_TRUE(!step.more || cancel.after < step.next) << "it never ends";
    more = step.more && cancel.after < step.next;
    sum += std::ssize(step.ended);
    cancel.after = step.next;
  }
  return sum;
}

void StoreTest::SetUp() {
  store_ = GetParam().open(folder_.Path("crescendo.db"));
  ASSERT_NE(store_, nullptr);
  for (const char* ip : {"mta1-a", "mta1-b"}) ASSERT_TRUE(Do(NewIp(ip)).status.ok());
  ASSERT_TRUE(Do(NewPool("main", {"mta1-a", "mta1-b"})).status.ok());
  for (const char* id : {"spring", "autumn"}) {
    ASSERT_TRUE(Do(NewCampaign(id, "main")).status.ok());
  }
}

void StoreTest::Reopen() {
  if (!GetParam().durable) return;
  store_.reset();
  store_ = GetParam().open(folder_.Path("crescendo.db"));
  ASSERT_NE(store_, nullptr);
}

ports::AppendOutcome StoreTest::Import(const std::string& campaign,
                                       const std::vector<std::string>& addresses) {
  ports::AppendRecipients append;
  append.campaign = CampaignId(campaign);
  append.import = ImportId("list");
  append.chunk = store().LastChunk(append.campaign, append.import).value() + 1;
  for (const std::string& address : addresses) append.rows.push_back({address, 0.5, {}});
  append.now = kStart;
  const ports::WriteResult result = Do(append);
  EXPECT_TRUE(result.status.ok()) << result.status;
  if (!result.status.ok()) return {};
  return std::get<ports::AppendOutcome>(result.value);
}

DeliveryId StoreTest::ImportOne(const std::string& campaign, const std::string& address) {
  const ports::AppendOutcome outcome = Import(campaign, {address});
  if (outcome.queued.size() == 1) return outcome.queued[0].id;
  ADD_FAILURE() << address << " was not queued";
  return DeliveryId();
}

std::vector<ports::ClaimedDelivery> StoreTest::ClaimThem(std::vector<DeliveryId> ids,
                                                         const Lane& lane, absl::CivilDay day) {
  const ports::WriteResult result = Do(ports::Claim{lane, day, std::move(ids), kStart});
  EXPECT_TRUE(result.status.ok()) << result.status;
  return std::get<std::vector<ports::ClaimedDelivery>>(result.value);
}

Delivery StoreTest::Get(DeliveryId id) {
  const absl::StatusOr<Delivery> delivery = store().GetDelivery(id);
  EXPECT_TRUE(delivery.ok()) << delivery.status();
  return delivery.ok() ? *delivery : Delivery();
}

LedgerRow StoreTest::LedgerOf(const Lane& lane, absl::CivilDay day) {
  const auto rows = store().ListLedger(lane.egress_ip, day, day).value();
  for (const LedgerRow& row : rows) {
    if (row.lane == lane) return row;
  }
  return {};
}

CampaignCounts StoreTest::Counts(const std::string& campaign) {
  return store().CountDeliveries(CampaignId(campaign)).value();
}

std::vector<Event> StoreTest::AllEvents(const ports::EventFilter& filter) {
  return store().ListEvents(filter, EventId(0), 1000000).value();
}

Campaign StoreTest::GetCampaign(const std::string& id) {
  const ports::Directory directory = store().LoadDirectory().value();
  for (const Campaign& campaign : directory.campaigns) {
    if (campaign.id.text() == id) return campaign;
  }
  ADD_FAILURE() << "no campaign " << id;
  return {};
}

}  // namespace crescendo::store
