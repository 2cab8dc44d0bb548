// bench_release: how fast the core finds who leaves next, with N recipients queued.
//
//   bench_release N [CLAIMS]
//
// Ten egress IPs of one pool and ten providers make 100 lanes; the recipients are of 5,000 domains
// and three campaigns. Connections, claims and messages are answered at once, so that what is timed
// is the core's own work for a message, all of it: choose, claim, hand over, settle. Prints one
// JSON object.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "scheduler/base/check.h"
#include "scheduler/base/random.h"
#include "scheduler/core/shard.h"
#include "scheduler/providers/provider_loader.h"

namespace crescendo::core {
namespace {

constexpr int kIps = 10;
constexpr int kDomains = 5000;
constexpr int kCampaigns = 3;
constexpr absl::string_view kMxHosts[] = {
    "gmail-smtp-in.l.google.com",
    "mta5.am0.yahoodns.net",
    "hotmail-com.olc.protection.outlook.com",
    "shop-example.mail.protection.outlook.com",
    "mx01.mail.icloud.com",
    "mx1.comcast.net",
    "smtp-in.orange.fr",
    "mx00.gmx.net",
    "mxs.mail.ru",
    "mx.yandex.net",
};

int64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  int64_t size = 0, resident = 0;
  statm >> size >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

class Bench {
 public:
  explicit Bench(const providers::ProviderData& providers)
      : shard_(providers.catalog, providers.classifier, Options()) {
    std::vector<Letter> letters;
    Pool pool;
    pool.id = PoolId("main");
    for (int i = 0; i < kIps; ++i) {
      EgressIp ip;
      ip.id = EgressIpId(absl::StrCat("mta", i));
      ip.address = absl::StrCat("192.0.2.", i + 1);
      pool.egress_ips.push_back(ip.id);
      letters.push_back(ip);
    }
    letters.push_back(pool);
    for (int i = 1; i <= kCampaigns; ++i) {
      Campaign campaign;
      campaign.id = CampaignId(absl::StrCat("campaign-", i));
      campaign.key = CampaignKey(i);
      campaign.pool = pool.id;
      campaign.from_address = "news@shop.example";
      campaign.state = CampaignState::kSending;
      letters.push_back(campaign);
    }
    for (int i = 1; i <= kDomains; ++i) {
      letters.push_back(NewDomain{DomainKey(i), absl::StrCat("domain", i, ".example")});
      MxAnswer answer;
      answer.domain = DomainKey(i);
      ports::MxSet mx;
      mx.hosts = {{std::string(kMxHosts[i % std::size(kMxHosts)]), "192.0.2.200", 25}};
      answer.mx = std::move(mx);
      letters.push_back(std::move(answer));
    }
    shard_.Take(Now(), letters);
  }

  void Load(int64_t count) {
    std::vector<QueuedDelivery> page;
    for (int64_t id = 1; id <= count; ++id) {
      const uint64_t mixed = base::Random::Mix(static_cast<uint64_t>(id));
      QueuedDelivery& queued = page.emplace_back();
      queued.id = DeliveryId(id);
      queued.campaign = CampaignKey(1 + static_cast<int64_t>(mixed % kCampaigns));
      queued.domain = DomainKey(1 + static_cast<int64_t>((mixed >> 8) % kDomains));
      queued.score = static_cast<double>(mixed >> 40) / (1 << 24);
      if (page.size() < 1000 && id < count) continue;
      const Letter letter = std::exchange(page, {});
      shard_.Take(Now(), {&letter, 1});
    }
  }

  // Seconds spent in the core for `claims` messages, from claim to settled.
  double Run(int64_t claims) {
    using Clock = std::chrono::steady_clock;
    double seconds = 0;
    int64_t claimed = 0;
    std::vector<Letter> letters;
    while (claimed < claims) {
      elapsed_ += absl::Milliseconds(1);
      const base::Moment now = Now();
      const Clock::time_point start = Clock::now();
      const std::vector<Effect> effects = shard_.Step(now, letters);
      seconds += std::chrono::duration<double>(Clock::now() - start).count();
      letters.clear();
      for (const Effect& effect : effects) claimed += Answer(effect, &letters);
      if (letters.empty()) break;
    }
    CRESCENDO_CHECK(claimed >= claims);
    return seconds * static_cast<double>(claims) / static_cast<double>(claimed);
  }

 private:
  base::Moment Now() const {
    return {absl::FromUnixSeconds(1772409600) + elapsed_, absl::Hours(1) + elapsed_};
  }

  // The answers to one effect; how many deliveries it claimed.
  static int64_t Answer(const Effect& effect, std::vector<Letter>* letters) {
    using Event = ports::TransportEvent;
    if (const auto* save = std::get_if<Save>(&effect); save != nullptr && save->claim != 0) {
      const auto& claim = std::get<ports::Claim>(save->write);
      std::vector<ports::ClaimedDelivery> claimed(claim.deliveries.size());
      for (size_t i = 0; i < claimed.size(); ++i) {
        claimed[i].id = claim.deliveries[i];
        claimed[i].address = "user@domain.example";
      }
      letters->push_back(ClaimAnswer{save->claim, std::move(claimed)});
      return static_cast<int64_t>(claim.deliveries.size());
    }
    Event event;
    if (const auto* open = std::get_if<ports::OpenConnection>(&effect)) {
      event.kind = Event::Kind::kOpened;
      event.connection = open->connection;
      letters->push_back(std::move(event));
    } else if (const auto* send = std::get_if<Send>(&effect)) {
      event.kind = Event::Kind::kSent;
      event.connection = send->connection;
      event.delivery = send->delivery.id;
      event.result = Event::SentResult::kReply;
      event.connection_usable = true;
      event.reply.code = 250;
      event.reply.lines = {"2.0.0 Ok"};
      letters->push_back(std::move(event));
    } else if (const auto* close = std::get_if<Close>(&effect)) {
      event.kind = Event::Kind::kClosed;
      event.connection = close->connection;
      letters->push_back(std::move(event));
    }
    return 0;
  }

  Shard shard_;
  absl::Duration elapsed_;
};

int Run(int64_t count, int64_t claims) {
  auto providers = providers::LoadProviders("");
  CRESCENDO_CHECK(providers.ok());
  const int64_t before = ResidentBytes();
  Bench first(*providers);
  first.Load(count);
  const int64_t bytes = ResidentBytes() - before;
  // A small queue is emptied soon: as many of them as it takes.
  const int64_t each = std::min(claims, count / 2);
  int64_t done = each;
  double seconds = first.Run(each);
  while (done < claims) {
    Bench again(*providers);
    again.Load(count);
    seconds += again.Run(each);
    done += each;
  }
  std::printf("{\"queued\": %lld, \"claims_per_second\": %.0f, \"bytes_per_recipient\": %.1f}\n",
              static_cast<long long>(count), static_cast<double>(done) / seconds,
              static_cast<double>(bytes) / static_cast<double>(count));
  return 0;
}

}  // namespace
}  // namespace crescendo::core

int main(int argc, char** argv) {
  const int64_t count = argc > 1 ? std::atoll(argv[1]) : 0;
  if (count < 100) {
    std::fprintf(stderr, "usage: bench_release N [CLAIMS]; N is at least 100\n");
    return 2;
  }
  return crescendo::core::Run(count, argc > 2 ? std::atoll(argv[2]) : 300'000);
}
