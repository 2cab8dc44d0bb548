// retry.h: coming back after a cut, with growing pauses and an end.
#pragma once

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "cmd/crescendo/context.h"

namespace crescendo::cli {

class Retry {
 public:
  explicit Retry(Context& context) : context_(context), pause_(context.options.first_retry) {}

  // Something was heard: pauses begin anew.
  void Heard() {
    pause_ = context_.options.first_retry;
    waited_ = absl::ZeroDuration();
  }

  // Waits before the next try. False when `cause` does not get better by waiting, when the limit is
  // reached, or when interrupted.
  bool Wait(const absl::Status& cause) {
    if (!IsTransient(cause) || waited_ >= context_.options.retry_limit) return false;
    if (!context_.client.interrupt().Sleep(pause_)) return false;
    waited_ += pause_;
    pause_ = std::min(2 * pause_, context_.options.last_retry);
    return true;
  }

  // How long the next Wait takes.
  absl::Duration pause() const { return pause_; }

 private:
  Context& context_;
  absl::Duration pause_;
  absl::Duration waited_ = absl::ZeroDuration();
};

}  // namespace crescendo::cli
