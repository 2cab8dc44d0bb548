// provider_control.h: all throttles of one sender at one provider: a rate per IP, one for what the
// IPs share, and the connections.
//
// A limit is shared when a reply says so (it names the sending domain), or when the IPs are refused
// together again and again although each blames its own address.
//
// Units    messages per second.
// Threads  none of its own.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "scheduler/core/rate_control.h"

namespace crescendo::core {

struct ConnectionControlOptions {
  int most = 20;
  absl::Duration raise_interval = absl::Hours(1);  // Doubled by each refusal.
  absl::Duration longest_interval = absl::Hours(8);
};

// How many connections a receiver takes.
class ConnectionControl {
 public:
  // What is kept over a restart.
  struct State {
    int limit = 0;
    absl::Duration interval;
    absl::Time changed = absl::InfinitePast();
    friend bool operator==(const State&, const State&) = default;
  };

  explicit ConnectionControl(const ConnectionControlOptions* options)
      : options_(options), state_{options->most, options->raise_interval} {}
  ConnectionControl(const ConnectionControlOptions* options, const State& state)
      : options_(options), state_(state) {}

  // `open`: connections in use now. One more is tried only if all are in use.
  int Limit(absl::Time now, int open);
  // Refused when `open` others were in use.
  void OnRefused(absl::Time now, int open);
  const State& state() const { return state_; }

 private:
  const ConnectionControlOptions* options_;
  State state_;
};

// Whose limit a reply was about.
enum class Blame { kNobody, kIp, kShared, kConnections, kReceiver };

class ProviderControl {
 public:
  struct Options {
    RateControlOptions rate;
    ConnectionControlOptions connections;
    // Measured over all IPs, a shared limit is steady, and an IP's own share is not.
    double joint_messages = 15;  // Shorter runs say nothing.
    double joint_tolerance = 0.04;
    int joint_evidence = 2;
    absl::Duration busy_wait = absl::Seconds(2);
    double spread = 0.35;  // Start rates differ by so much, so that coincidence means something.
  };

  // What is kept over a restart.
  struct State {
    struct Ip {
      RateControl::State rate;
      ConnectionControl::State connections;
      friend bool operator==(const Ip&, const Ip&) = default;
    };
    std::vector<Ip> ips;
    std::optional<RateControl::State> shared;
    bool merged = false;  // Shared although replies blame the IP.
    friend bool operator==(const State&, const State&) = default;
  };

  // `needed`: each IP's, messages per second.
  ProviderControl(const Options& options, int ips, double needed, absl::Time now);
  ProviderControl(const Options& options, const State& state, absl::Time now);
  ProviderControl(const ProviderControl&) = delete;

  absl::Time Next(int ip, absl::Time now);
  int Connections(int ip, absl::Time now, int open);
  void OnSend(int ip, absl::Time now, double needed, int open);
  // `consumed`: the message went through the rate limits, whatever became of it.
  void OnResult(int ip, absl::Time now, absl::Time started, Blame blame, bool consumed,
                absl::string_view reply);
  void OnNewDay(absl::Time now);
  double RateInUse(int ip) const;
  State state() const;

  const RateControl& rate(int ip) const { return *ips_[ip].rate; }
  const RateControl* shared() const { return shared_.get(); }

 private:
  // From refusal to refusal.
  struct Run {
    absl::Time start = absl::InfinitePast();
    double passed = 0, rate = 0;
  };
  struct Ip {
    std::unique_ptr<RateControl> rate;
    ConnectionControl connections;
    absl::Time busy_until = absl::InfinitePast();
    Run own;
    double needed = 0;
    std::deque<std::pair<absl::Time, int>> open;
  };
  // True, false or nothing: does the run that ends now agree with the one before?
  std::optional<bool> EndRun(Run& run, absl::Time now);
  void Share(absl::Time now);
  double Needed() const;

  Options options_;
  std::vector<Ip> ips_;
  std::unique_ptr<RateControl> shared_;
  bool merged_ = false;
  Run joint_;
  int evidence_ = 0;  // That the limit is shared.
};

}  // namespace crescendo::core
