// store_throughput: rows a second that a store appends, claims and settles, printed. Not a test.
//
//   store_throughput [ROWS [GROUP [FOLDER]]]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <memory>

#include "absl/strings/str_cat.h"
#include "scheduler/base/check.h"
#include "scheduler/base/random.h"
#include "scheduler/base/real_clock.h"
#include "store/memory/memory_store.h"
#include "store/sqlite/sqlite_store.h"

namespace crescendo::store {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1772409600);
const absl::CivilDay kDay(2026, 3, 2);
const Lane kLane{EgressIpId("mta1-a"), ProviderId("gmail")};

void CommitAll(ports::Store& store, const std::vector<ports::Write>& writes) {
  std::vector<ports::WriteResult> results;
  CRESCENDO_CHECK(store.Commit(writes, &results).ok());
  for (const ports::WriteResult& result : results) CRESCENDO_CHECK(result.status.ok());
}

void Prepare(ports::Store& store) {
  ports::Put<EgressIp> ip;
  ip.record.id = kLane.egress_ip;
  ports::Put<Pool> pool;
  pool.record.id = PoolId("main");
  pool.record.egress_ips = {kLane.egress_ip};
  ports::Put<Campaign> campaign;
  campaign.record.id = CampaignId("spring");
  campaign.record.pool = pool.record.id;
  CommitAll(store, {ip, pool, campaign});
}

std::vector<ports::Write> Chunk(int64_t number, int64_t first, int64_t rows, bool variables) {
  ports::AppendRecipients append;
  append.campaign = CampaignId("spring");
  append.import = ImportId("list");
  append.chunk = number;
  append.now = kNow;
  for (int64_t i = first; i < first + rows; ++i) {
    // Scrambled, as addresses in a list come in any order.
    const uint64_t mixed = base::Random::Mix(static_cast<uint64_t>(i));
    auto& row = append.rows.emplace_back();
    row.address = absl::StrCat("user.", absl::Hex(mixed), "@domain", mixed % 500, ".example");
    row.score = static_cast<double>(mixed % 1000) / 1000;
    if (variables) row.variables = {{"name", "Ada"}};
  }
  return {append};
}

// The deliveries in an order far from that of their ids, as the ranking would have it.
DeliveryId Nth(int64_t n, int64_t rows) { return DeliveryId(1 + (n * 7919) % rows); }

void Measure(const char* what, int64_t rows, base::Clock& clock,
             const std::function<void()>& work) {
  const absl::Duration start = clock.Now().steady;
  const std::clock_t cpu_start = std::clock();
  work();
  const double seconds = absl::ToDoubleSeconds(clock.Now().steady - start);
  const double cpu_seconds = static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC;
  std::printf("  %-28s %9.0f rows/s  %6.2f us CPU a row\n", what,
              static_cast<double>(rows) / seconds, cpu_seconds * 1e6 / static_cast<double>(rows));
}

void Run(ports::Store& store, int64_t rows, int64_t group) {
  const auto clock = base::NewRealClock();
  Prepare(store);
  Measure("append, chunks of 10000", rows, *clock, [&] {
    int64_t number = 0;
    for (int64_t at = 0; at < rows; at += 10000) {
      CommitAll(store, Chunk(++number, at, std::min<int64_t>(10000, rows - at), false));
    }
  });
  Measure("claim, in such groups", rows, *clock, [&] {
    for (int64_t at = 0; at < rows; at += group) {
      ports::Claim claim{kLane, kDay, {}, kNow};
      for (int64_t i = at; i < std::min(at + group, rows); ++i) {
        claim.deliveries.push_back(Nth(i, rows));
      }
      CommitAll(store, {claim});
    }
  });
  Measure("settle with one event each", rows, *clock, [&] {
    std::vector<ports::Write> writes;
    for (int64_t i = 0; i < rows; ++i) {
      ports::Settle settle;
      settle.delivery = Nth(i, rows);
      settle.lane = kLane;
      settle.claim_day = settle.settle_day = kDay;
      settle.slot = ports::Settle::Slot::kAccepted;
      settle.state = DeliveryState::kAccepted;
      settle.category = ReplyCategory::kAccepted;
      settle.reply = "250 2.0.0 OK 1772409600 queued";
      settle.now = kNow;
      Event event;
      event.time = kNow;
      event.type = EventType::kAccepted;
      event.egress_ip = kLane.egress_ip;
      event.provider = kLane.provider;
      event.campaign = CampaignId("spring");
      event.delivery = settle.delivery;
      event.text = settle.reply;
      settle.events = {event};
      writes.push_back(std::move(settle));
      if (static_cast<int64_t>(writes.size()) < group && i + 1 < rows) continue;
      CommitAll(store, writes);
      writes.clear();
    }
  });
}

int Main(int argc, char** argv) {
  const int64_t rows = argc > 1 ? std::atoll(argv[1]) : 100000;
  const int64_t group = argc > 2 ? std::atoll(argv[2]) : 1000;
  const std::string folder = argc > 3 ? argv[3] : ".";
  std::printf("memory, %lld rows\n", static_cast<long long>(rows));
  MemoryStore memory;
  Run(memory, rows, group);
  const std::string path = folder + "/store_throughput.db";
  for (const char* suffix : {"", "-wal"}) std::remove((path + suffix).c_str());
  {
    auto sqlite = SqliteStore::Open(path);
    if (!sqlite.ok()) {
      std::fprintf(stderr, "%s\n", sqlite.status().ToString().c_str());
      return 1;
    }
    std::printf("sqlite, %lld rows, groups of %lld\n", static_cast<long long>(rows),
                static_cast<long long>(group));
    Run(**sqlite, rows, group);
  }
  for (const char* suffix : {"", "-wal"}) std::remove((path + suffix).c_str());
  return 0;
}

}  // namespace
}  // namespace crescendo::store

int main(int argc, char** argv) { return crescendo::store::Main(argc, argv); }
