// live.h: the state that the page shows, told to all who watch as it changes.
//
// While anybody watches, a thread asks the service about once a second for egress IPs, lanes,
// plans' progress and campaigns, and keeps the JSON of each. A viewer is told what changed since he
// last took something: one who is slow misses steps, not states, and costs no memory. So a hundred
// viewers cost the service no more questions than one.
//
// As server-sent events: `ip`, `lane`, `progress` (of a plan; without its lanes), `campaign`
// (without its bodies), each with the API's message; `gone` with {"name": …}; `now` with the
// daemon's clock and how often it is asked, after each round; `failed` with a google.rpc.Status
// while the service does not answer.
//
// Threads  safe from any thread; it has one of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "scheduler/base/clock.h"
#include "scheduler/base/mutex.h"
#include "scheduler/dashboard/calls.h"
#include "scheduler/dashboard/http.h"

namespace crescendo::dashboard {

class Live {
 public:
  struct Options {
    absl::Duration interval = absl::Seconds(1);  // Of real time, between two rounds, at least.
    int rest = 10;                               // And so many times as long as a round takes.
  };

  // All outlive it. `clock`: the daemon's, which the viewers see. `real_clock`: of the interval.
  Live(Calls* calls, const base::Clock* clock, const base::Clock* real_clock,
       const Options& options);
  ~Live();  // Stops.

  // REQUIRES: closed before the Live goes.
  std::shared_ptr<Feed> NewFeed();
  // Ends all feeds, now and from now on.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  class Viewer;
  struct Entry {
    int64_t version = 0;  // Of the round that changed it.
    std::string text;     // The event. A tombstone is one too.
    std::string name;
  };
  using Texts = std::map<std::string, Entry>;  // By "{kind} {name}".

  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  // Asks everything; what is there now.
  absl::Status Read(Texts* texts);
  // All pages of a list; `each` gets its messages.
  absl::Status List(const std::string& method, google::protobuf::Message* request,
                    const std::function<absl::Status(google::protobuf::Message*)>& each);
  absl::StatusOr<MessagePtr> Ask(const std::string& method,
                                 const google::protobuf::Message& request);
  void Keep(Texts texts, const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::string Since(int64_t version) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  Calls* const calls_;
  const base::Clock* const clock_;
  const base::Clock* const real_clock_;
  const Options options_;

  base::Mutex mu_;
  base::CondVar changed_;
  std::map<Viewer*, std::function<void()>> viewers_ ABSL_GUARDED_BY(mu_);
  Texts entries_ ABSL_GUARDED_BY(mu_);
  std::string last_ ABSL_GUARDED_BY(mu_);     // What ends each piece: `now`, or why not.
  int64_t version_ ABSL_GUARDED_BY(mu_) = 0;  // Rounds made. 0: none yet.
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace crescendo::dashboard
