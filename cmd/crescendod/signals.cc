#include "cmd/crescendod/signals.h"

#include <pthread.h>
#include <signal.h>

#include "scheduler/base/check.h"

namespace crescendo::daemon {
namespace {

sigset_t StopSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

void TakeSignals() {
  signal(SIGPIPE, SIG_IGN);
  // A shell starts background jobs with SIGINT ignored; sigwait would then never see it.
  signal(SIGINT, SIG_DFL);
  signal(SIGTERM, SIG_DFL);
  const sigset_t set = StopSignals();
  CRESCENDO_CHECK(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
}

int WaitForStop() {
  const sigset_t set = StopSignals();
  int signal_number = 0;
  CRESCENDO_CHECK(sigwait(&set, &signal_number) == 0);
  CRESCENDO_CHECK(pthread_sigmask(SIG_UNBLOCK, &set, nullptr) == 0);
  return signal_number;
}

}  // namespace crescendo::daemon
