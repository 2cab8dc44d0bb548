#include "scheduler/forecast/workers.h"

#include <sys/resource.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "scheduler/base/real_clock.h"

namespace crescendo::forecast {
namespace {

// Mail goes first.
constexpr int kNice = 10;

}  // namespace

Workers::Workers(int most, absl::Duration limit)
    : most_(most), limit_(limit), clock_(base::NewRealClock()) {
  for (int i = 0; i < most; ++i) threads_.emplace_back([this] { Loop(); });
}

Workers::~Workers() {
  stopping_ = true;
  {
    base::MutexLock lock(&mu_);
    wake_.NotifyAll();
  }
  for (std::thread& thread : threads_) thread.join();
}

absl::StatusOr<Workers::Slot> Workers::Reserve() {
  base::MutexLock lock(&mu_);
  if (reserved_ >= most_) {
    return absl::ResourceExhaustedError(
        absl::StrCat(most_,
                     " forecasts are being made, which is as many as may be at once; try "
                     "again in a few seconds"));
  }
  ++reserved_;
  return Slot(this);
}

Workers::Slot::~Slot() {
  if (workers_ != nullptr) workers_->Free();
}

void Workers::Slot::Run(Work work) && {
  Workers* const workers = std::exchange(workers_, nullptr);
  base::MutexLock lock(&workers->mu_);
  workers->works_.push_back(std::move(work));
  workers->wake_.NotifyOne();
}

void Workers::Free() {
  base::MutexLock lock(&mu_);
  --reserved_;
}

void Workers::Loop() {
  // Of this thread alone, on Linux; where it is not allowed it runs as the others do.
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice);
  while (true) {
    Work work;
    {
      base::MutexLock lock(&mu_);
      while (works_.empty() && !stopping_) wake_.Wait(&mu_);
      if (stopping_) return;
      work = std::move(works_.back());
      works_.pop_back();
    }
    const absl::Duration until = clock_->Now().steady + limit_;
    Answer answer = work([this, until] { return stopping_ || clock_->Now().steady > until; });
    work = nullptr;  // With all that it holds.
    Free();
    answer();
  }
}

}  // namespace crescendo::forecast
