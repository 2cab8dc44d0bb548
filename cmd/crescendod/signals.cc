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
  signal(SIGHUP, SIG_DFL);
  sigset_t set = StopSignals();
  sigaddset(&set, SIGHUP);
  CRESCENDO_CHECK(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
}

int WaitForStop(const std::function<void()>& reload) {
  sigset_t awaited = StopSignals();
  sigaddset(&awaited, SIGHUP);
  int signal_number = 0;
  while (true) {
    CRESCENDO_CHECK(sigwait(&awaited, &signal_number) == 0);
    if (signal_number != SIGHUP) break;
    reload();
  }
  const sigset_t stop = StopSignals();
  CRESCENDO_CHECK(pthread_sigmask(SIG_UNBLOCK, &stop, nullptr) == 0);
  return signal_number;
}

}  // namespace crescendo::daemon
