// sim_receivers.h: a Transport whose far ends are simulated receivers that defer, block, drop and
// vanish, in virtual time. It is the independent witness: what it counted is what really happened.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/civil_time.h"
#include "scheduler/base/random.h"
#include "scheduler/ports/transport.h"
#include "tests/support/sim_clock.h"

namespace crescendo::sim {

// How one provider's receivers behave. Shares are of transactions, but `unknown` and `full`, which
// are of addresses.
struct Behaviour {
  double rate_per_hour = 0;  // Hidden, per source. 0: none.
  int burst = 20;
  absl::Duration penalty = absl::Minutes(10);  // Refuses everything for so long after a refusal.
  int connections = 0;                         // Per source; the next is refused. 0: no limit.
  double unknown = 0, full = 0;
  double greylist = 0;  // Share of addresses that are greylisted for 5 minutes.
  double temporary = 0, content = 0;
  double deferred = 0;  // "Try again later", and nothing is to be learnt from it.
  double drop_before_dot = 0, drop_after_dot = 0;
  double refuse_connection = 0;
};

// What goes wrong for a while.
struct Incident {
  enum class Kind {
    kDown,     // No connection opens.
    kBlocked,  // The source stands on a blocklist there.
    kBusy,     // Everything is deferred.
  };
  Kind kind = Kind::kDown;
  std::string host;
  std::string source;  // "": every one.
  absl::Time from, to;
};

struct Witness {
  // Messages accepted or refused for good, by source address and UTC day of the reply.
  absl::flat_hash_map<std::pair<std::string, absl::CivilDay>, int64_t> used;
  absl::flat_hash_map<std::pair<std::string, absl::CivilDay>, int64_t> accepted;
  absl::flat_hash_map<DeliveryId, int> copies;    // Accepted, also when the reply was lost.
  absl::flat_hash_map<DeliveryId, int> in_doubt;  // Ended behind the final dot without a reply.
  int64_t sends = 0, deferred = 0, refused = 0, rate_refusals = 0;
};

class SimReceivers final : public ports::Transport {
 public:
  // `provider_of` maps an MX host name to the behaviour's key.
  SimReceivers(support::SimClock* clock, uint64_t seed,
               std::map<std::string, Behaviour> behaviours_by_host);

  // Called for every Send, before it is answered.
  using OnSend = absl::AnyInvocable<void(const std::string& source, const std::string& host,
                                         const ports::SendMessage& message)>;
  void SetOnSend(OnSend on_send) { on_send_ = std::move(on_send); }
  // Called whenever a source has used one more of a day.
  using OnUsed =
      absl::AnyInvocable<void(const std::string& source, absl::CivilDay day, int64_t used)>;
  void SetOnUsed(OnUsed on_used) { on_used_ = std::move(on_used); }
  void Add(Incident incident) { incidents_.push_back(std::move(incident)); }

  void SetListener(absl::AnyInvocable<void(ports::TransportEvent)> listener) override {
    listener_ = std::move(listener);
  }
  void Open(ports::OpenConnection request) override;
  void Send(ports::SendMessage request) override;
  void Close(ConnectionId connection) override;
  std::string Transcript(DeliveryId) override { return ""; }

  // When the next answer is due; InfiniteFuture if none is.
  absl::Time NextAt() const;
  // Gives the answers that are due.
  void Run();
  // Our process died: connections are gone; each message under way is accepted or not, unseen.
  void Crash();
  const Witness& witness() const { return witness_; }
  int64_t attempts_from(const std::string& source) const;

 private:
  struct Connection {
    ports::OpenConnection request;
    bool open = false;
    bool dead = false;
  };
  struct Source {
    double tokens = -1;
    absl::Time filled_at = absl::InfinitePast();
    absl::Time penalty_until = absl::InfinitePast();
    int connections = 0;
  };

  void Later(absl::Duration after, ports::TransportEvent event);
  void CloseLater(ConnectionId id, absl::Duration after, Reply reply, std::string detail);
  Reply Judge(const Behaviour& behaviour, Source& source, const ports::SendMessage& message,
              const std::string& source_address);
  // A number in [0, 1) that belongs to the address for good.
  double Fate(const std::string& address, uint64_t salt) const;
  void CountUsed(const std::string& source, bool accepted);
  bool Suffers(Incident::Kind kind, const std::string& host, const std::string& source) const;

  support::SimClock* const clock_;
  base::Random random_;
  std::map<std::string, Behaviour> behaviours_;
  absl::AnyInvocable<void(ports::TransportEvent)> listener_;
  OnSend on_send_;
  OnUsed on_used_;
  std::vector<Incident> incidents_;
  absl::flat_hash_map<ConnectionId, Connection> connections_;
  // By source address and host.
  absl::flat_hash_map<std::pair<std::string, std::string>, Source> sources_;
  std::multimap<absl::Time, ports::TransportEvent> due_;
  // By source and address.
  absl::flat_hash_map<std::pair<std::string, std::string>, absl::Time> greylist_;
  Witness witness_;
};

}  // namespace crescendo::sim
