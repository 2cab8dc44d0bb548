// interrupt.h: Ctrl-C, brought to whatever the command waits for.
//
// Threads  safe from any thread, but not from a signal handler: a thread that waits for the signal
//          calls Trigger().
#pragma once

#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "grpcpp/client_context.h"
#include "scheduler/base/mutex.h"

namespace crescendo::cli {

class Interrupt {
 public:
  // Ends every guarded call with CANCELLED, and every Sleep.
  void Trigger() ABSL_LOCKS_EXCLUDED(mu_);
  bool triggered() const ABSL_LOCKS_EXCLUDED(mu_);
  // Waits for about `delay` of real time. False when interrupted meanwhile, or before.
  bool Sleep(absl::Duration delay) ABSL_LOCKS_EXCLUDED(mu_);

  // While this lives, Trigger cancels the call. A call that starts later is cancelled at once.
  class Guard {
   public:
    Guard(Interrupt* interrupt, grpc::ClientContext* call);
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    Interrupt* const interrupt_;
    grpc::ClientContext* const call_;
  };

 private:
  mutable base::Mutex mu_;
  base::CondVar changed_;
  bool triggered_ ABSL_GUARDED_BY(mu_) = false;
  std::set<grpc::ClientContext*> calls_ ABSL_GUARDED_BY(mu_);
};

}  // namespace crescendo::cli
