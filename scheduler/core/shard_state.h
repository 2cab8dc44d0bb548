// shard_state.h: what the shard knows. Internal to core/shard*.cc.
#pragma once

#include <bitset>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "scheduler/core/campaign_share.h"
#include "scheduler/core/day_pacer.h"
#include "scheduler/core/recipient_queue.h"
#include "scheduler/core/rolling_day.h"
#include "scheduler/core/status.h"
#include "scheduler/core/throttle.h"
#include "scheduler/core/token_bucket.h"
#include "scheduler/domain/campaign.h"
#include "scheduler/domain/egress_ip.h"
#include "scheduler/domain/ledger.h"
#include "scheduler/domain/plan.h"
#include "scheduler/domain/provider.h"
#include "scheduler/ports/mx_resolver.h"
#include "scheduler/ports/store.h"

namespace crescendo::core {

// Positions in Shard::Impl's vectors; a provider's and a site's never change.
using ProviderIndex = int;
using SiteIndex = int;
using HostIndex = int;

// A provider of the catalog, or one made for an MX set that none of them matches.
struct ProviderState {
  Provider provider;
  TokenBucket bucket;               // All our IPs together.
  bool ipv4 = false, ipv6 = false;  // Some host there has, or had, such an address.
};

// TLS that failed, and until when that is remembered.
struct TlsFault {
  absl::Time until = absl::InfinitePast();
  std::string text;
};

// One address of a host.
struct HostState {
  int failures = 0;        // In a row.
  bool forbidden = false;  // The transport never connects to it.
  absl::Time backoff_until = absl::InfinitePast();
  absl::Time down_since = absl::InfiniteFuture();  // No attempt went well since; else it is up.
  std::string fault;
  TlsFault not_encrypted, not_verified;  // It refused sessions that demanded so much.
  TlsFault downgraded;  // The handshake failed where TLS was wished for: not tried again for now.
};

// A set of MX hosts. Domains with the same set share connections.
struct SiteState {
  ports::MxSet mx;
  ProviderIndex provider = 0;
  std::vector<HostIndex> hosts;  // As mx.hosts.
};

struct DomainState {
  std::string name;
  enum class Mx { kUnknown, kAsked, kKnown, kNoMail } mx = Mx::kUnknown;
  SiteIndex site = -1;
  absl::Time refresh_at = absl::InfiniteFuture();        // Known: ask again when mail is there.
  absl::Time unanswered_since = absl::InfiniteFuture();  // Asked: nobody knows its MX hosts since.
  std::string fault;
  // Recipients that wait for the MX hosts to be known. Of a pinned IP and attempts, `Tried` knows.
  struct Waiting {
    CampaignKey campaign;
    Candidate candidate;
    absl::Time not_before;
  };
  std::vector<Waiting> waiting;
};

// What is remembered of a delivery that has been tried, until it ends.
struct Tried {
  int attempts = 0;
  absl::Time first_attempt_time = absl::InfinitePast();
  EgressIpId pinned_ip;
  absl::Time not_before = absl::InfinitePast();  // Its place among those that wait.
};

// A delivery with a slot: claimed, or being claimed.
struct Flight {
  RecipientQueue::Ranked ranked;
  Tried tried;
  SiteIndex site = 0;
  absl::CivilDay day;   // Whose slot it has.
  std::string refusal;  // Why no host is given it: it is deferred once it is claimed.
  ports::ClaimedDelivery claimed;
};

struct ConnectionState;

struct LaneBook {
  Lane lane;
  int ip = 0;
  ProviderIndex provider = 0;
  bool paused = false;
  std::string pause_reason;
  Throttle throttle;
  TokenBucket bucket;
  RateMeter meter;
  absl::btree_map<absl::CivilDay, LedgerRow> ledger;
  RecipientQueue pinned;                      // Greylisted here: to be retried from here.
  std::vector<ConnectionState*> connections;  // Opening or open; oldest first.
  std::deque<Flight> ready;                   // Claimed and durable, waiting for a connection.
  LaneTls tls;
  int claims_pending = 0;  // Deliveries in a claim that is not answered yet.
  absl::Time local_backoff_until = absl::InfinitePast();  // Our own trouble: bind, descriptors.
  std::string local_fault;
  // False: nothing can leave before a letter, or a time in IpState::alarms, wakes it.
  bool awake = false;
  absl::Time alarm = absl::InfinitePast();  // The next one of it in IpState::alarms, if not past.

  // Each claim counts on an idle connection. Were that closed, a later and lesser recipient with
  // another connection would overtake (L5).
  bool has_claims() const { return claims_pending > 0 || !ready.empty(); }
};

// When a lane that sleeps is looked at again.
struct Alarm {
  absl::Time time;
  ProviderIndex provider = 0;
  friend bool operator>(const Alarm& a, const Alarm& b) {
    return a.time != b.time ? a.time > b.time : a.provider > b.provider;
  }
};

struct IpState {
  EgressIp ip;
  int index = 0;     // Among all of them.
  int pool = -1;     // Index, or -1.
  std::string plan;  // Its id; "" if there is none.
  // Of the plan: today's day once it has been opened, else the last one.
  std::optional<PlanDay> day;
  absl::TimeZone zone = absl::UTCTimeZone();
  absl::Time day_end = absl::InfinitePast();
  absl::Time window_start, window_end;
  EngagementFloor floor;  // Of its plan today; 0 days: there is none.
  DayPacer pacer;
  RollingDay rolling;                            // Slots used of late.
  bool evidence = false;                         // There is new evidence of today to judge.
  std::vector<std::unique_ptr<LaneBook>> lanes;  // By provider; null until needed.
  // Thousands of small sites are lanes too, and few of them can do anything at a time.
  std::vector<ProviderIndex> awake;
  std::priority_queue<Alarm, std::vector<Alarm>, std::greater<Alarm>> alarms;
  // With connections, claimed or pinned recipients.
  absl::btree_set<ProviderIndex> engaged;
  // Slots of the day that are gone, and those in flight, until a lane's ledger changes.
  mutable std::optional<std::pair<absl::CivilDay, int64_t>> used;
  mutable std::optional<int64_t> claimed;
};

// The best-ranked of a queue, which only the pool's warming IPs take today (see shard_pool.cc).
struct Kept {
  int64_t count = 0;
  int engaged_within = 0;                     // The floor of those IPs; 0: none.
  absl::Time until = absl::InfiniteFuture();  // About when that ends.
  bool spills = false;                        // The rest may leave by the overflow pool.
};

struct PoolState {
  Pool pool;
  int overflow = -1;                                    // Index of its overflow pool, or -1.
  std::vector<std::unique_ptr<RecipientQueue>> queues;  // By provider; null until needed.
  std::vector<Kept> kept;                               // By provider; empty: nothing is.
  std::vector<CampaignShare> turns;                     // By provider, of its IPs; short if unused.
  // By provider: what others than its warming IPs took from its queues on `taken_on`; short if
  // none.
  std::vector<int64_t> taken;
  EngagedDay taken_on = 0;
};

// How a campaign's content fares at one provider.
struct CampaignAtProvider {
  std::bitset<100> refused;  // Of the last 100 answers.
  int next = 0;
  int seen = 0;
  absl::Time held_until = absl::InfinitePast();
  std::string fault;
};

struct CampaignStatus {
  Campaign campaign;
  std::string sending_domain;
  int pool = -1;
  absl::btree_map<ProviderIndex, CampaignAtProvider> at;
};

// A From domain at one provider (SPF and DKIM quotas span our IPs), and everywhere.
struct SendingDomainAtProvider {
  Throttle throttle;
  TokenBucket bucket;
  RateMeter meter;
};
struct SendingDomain {
  absl::Time held_until = absl::InfinitePast();
  std::string fault;
  absl::btree_map<ProviderIndex, SendingDomainAtProvider> at;
};

struct ConnectionState {
  ConnectionId id;
  LaneBook* lane = nullptr;
  SiteIndex site = 0;
  HostIndex host = 0;
  enum class State { kOpening, kIdle, kBusy, kClosing } state = State::kOpening;
  ports::MxHost mx;
  // What a mail that goes this way gets, for certain: as it was asked for, then as it is. In the
  // clear it is kOpportunistic.
  TlsPolicy tls = TlsPolicy::kOpportunistic;
  std::vector<std::string> tls_names;  // That were verified.
  std::string clear_reason;            // Why it was asked for without TLS.
  int sent = 0;
  absl::Time idle_since;
  std::optional<Flight> flight;
};

}  // namespace crescendo::core
