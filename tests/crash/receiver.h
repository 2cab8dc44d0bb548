// receiver.h: a receiving MX that keeps its own log of what it took, and can strike at any moment
// of a dialogue.
//
// It accepts most recipients, greylists some at first, and knows a few of them not.
//
// Threads  it serves on a thread of its own, which also calls `strike`; the rest is safe from any.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "scheduler/base/clock.h"
#include "scheduler/base/mutex.h"

namespace crescendo::crash {

enum class Moment { kConnect, kRecipient, kBody, kDotUnanswered, kDotAnswered };

// Is this recipient one that the receiver does not know?
bool IsUnknown(const std::string& address);

struct Copy {
  absl::Time time;  // On the scaled clock.
  std::string message_id;
};

class Receiver {
 public:
  explicit Receiver(const base::Clock* clock);
  ~Receiver();

  uint16_t port() const { return port_; }
  // Calls `strike` when that moment has come for the `nth` time from now, once.
  void StrikeAt(Moment moment, int nth, std::function<void()> strike) ABSL_LOCKS_EXCLUDED(mu_);
  std::map<std::string, std::vector<Copy>> copies() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Session;

  void Serve();
  // False: the session is over.
  bool Hear(Session& session) ABSL_LOCKS_EXCLUDED(mu_);
  std::string Answer(Session& session, const std::string& line) ABSL_LOCKS_EXCLUDED(mu_);
  void TakeMessage(Session& session) ABSL_LOCKS_EXCLUDED(mu_);
  void Pass(Moment moment) ABSL_LOCKS_EXCLUDED(mu_);

  const base::Clock* const clock_;
  int listener_ = -1;
  int stop_[2] = {-1, -1};
  uint16_t port_ = 0;
  mutable base::Mutex mu_;
  std::map<std::string, std::vector<Copy>> copies_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, int> offered_ ABSL_GUARDED_BY(mu_);
  Moment strike_moment_ ABSL_GUARDED_BY(mu_) = Moment::kConnect;
  int strike_in_ ABSL_GUARDED_BY(mu_) = 0;  // 0: never.
  std::function<void()> strike_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace crescendo::crash
