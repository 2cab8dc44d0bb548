#include "cmd/crescendo/interrupt.h"

namespace crescendo::cli {

void Interrupt::Trigger() {
  base::MutexLock lock(&mu_);
  triggered_ = true;
  for (grpc::ClientContext* call : calls_) call->TryCancel();
  changed_.NotifyAll();
}

bool Interrupt::triggered() const {
  base::MutexLock lock(&mu_);
  return triggered_;
}

bool Interrupt::Sleep(absl::Duration delay) {
  base::MutexLock lock(&mu_);
  // A wake-up for no reason makes a pause shorter, which harms nobody.
  if (!triggered_) changed_.WaitFor(&mu_, absl::ToChronoNanoseconds(delay));
  return !triggered_;
}

Interrupt::Guard::Guard(Interrupt* interrupt, grpc::ClientContext* call)
    : interrupt_(interrupt), call_(call) {
  base::MutexLock lock(&interrupt_->mu_);
  interrupt_->calls_.insert(call_);
  if (interrupt_->triggered_) call_->TryCancel();
}

Interrupt::Guard::~Guard() {
  base::MutexLock lock(&interrupt_->mu_);
  interrupt_->calls_.erase(call_);
}

}  // namespace crescendo::cli
