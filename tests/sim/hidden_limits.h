// hidden_limits.h: a receiver that keeps limits and does not tell them.
//
// Buckets, windows, a connection cap, a penalty box and noise, as a LimitScenario asks for.
//
// Units    seconds since the scenario's start, which is a midnight; messages.
// Threads  a value for one thread.
#pragma once

#include <deque>
#include <map>
#include <vector>

#include "scheduler/base/random.h"
#include "scheduler/domain/reply.h"
#include "tests/sim/limit_scenario.h"

namespace crescendo::testing {

enum class MailKind { kPlain, kGrey, kFull, kRecipientRate, kUnknown, kSpam };

struct Mail {
  double born = 0;
  double first_seen = -1;  // By the receiver.
  MailKind kind = MailKind::kPlain;
  int attempts = 0;
};

// Why the receiver answered so: what the sender is not told.
enum class Truth { kOk, kPermanent, kRate, kConnections, kNoise };

struct Answer {
  const Reply* reply;
  Truth truth;
  double latency_share;  // Of a whole transaction's.
};

class HiddenBucket {
 public:
  explicit HiddenBucket(const BucketLimit& limit) : limit_(limit) {}

  LimitScope scope() const { return limit_.scope; }
  double RateAt(double now, int ip) const;
  bool Passes(int ip, double now);
  void Take(int ip, double now);
  void Defer(int ip, double now);
  double NextPass(int ip, double now);
  void EndDay();

 private:
  struct Level {
    double tokens, at;
  };
  struct Conduct {
    int accepted = 0, refused = 0;
  };
  int Key(int ip) const { return limit_.scope == LimitScope::kIp ? ip : -1; }
  Level& Refilled(int ip, double now);

  BucketLimit limit_;
  std::map<int, Level> levels_;
  std::map<int, double> trust_;
  std::map<int, Conduct> today_;
};

class HiddenWindow {
 public:
  explicit HiddenWindow(const WindowLimit& limit) : limit_(limit) {}

  const WindowLimit& limit() const { return limit_; }
  bool Passes(int ip, double now);
  void Take(int ip, double now);
  double NextPass(int ip, double now);

 private:
  struct Used {
    int64_t window = -1;
    int count = 0;             // Fixed.
    std::deque<double> times;  // Sliding.
  };
  Used& Of(int ip) { return used_[limit_.scope == LimitScope::kIp ? ip : -1]; }

  WindowLimit limit_;
  std::map<int, Used> used_;
};

class HiddenReceiver {
 public:
  // `scenario` outlives this.
  explicit HiddenReceiver(const LimitScenario& scenario);

  // `open`: connections of this IP, this one included.
  Answer Attempt(double now, int ip, Mail& mail, int open);
  // The first instant at which an attempt will not be refused.
  double NextPass(double now, int ip);
  void EndDay();

  // The tightest limit's rate, for pictures and quotas.
  double RateAt(double now, int ip) const;
  double penalty_seconds() const { return penalty_seconds_; }

 private:
  bool InBox(double now, int ip);
  void Strike(double now, int ip);

  const LimitScenario& scenario_;
  std::vector<HiddenBucket> buckets_;
  std::vector<HiddenWindow> windows_;
  std::map<int, double> box_until_;
  std::map<int, std::deque<double>> strikes_;
  double penalty_seconds_ = 0;
  base::Random random_;
};

}  // namespace crescendo::testing
