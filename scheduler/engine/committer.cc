#include "scheduler/engine/committer.h"

#include <chrono>
#include <utility>

namespace crescendo::engine {
namespace {

constexpr size_t kMostReads = 10'000;
// Writes of one commit: more would keep the first caller waiting for the last one's rows.
constexpr size_t kMostWrites = 4'000;
constexpr auto kFullDiskPause = std::chrono::milliseconds(500);
// So long without work, and the store's memory is given back.
constexpr auto kIdle = std::chrono::seconds(1);

}  // namespace

Committer::Committer(ports::Store* store, Listener listener)
    : store_(store), listener_(std::move(listener)) {}

Committer::~Committer() { Stop(); }

void Committer::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void Committer::Stop() {
  {
    base::MutexLock lock(&mu_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void Committer::Post(Job job) {
  absl::Status status;
  {
    base::MutexLock lock(&mu_);
    status = health_;
    if (status.ok()) {
      jobs_.push_back(std::move(job));
      wake_.NotifyOne();
      return;
    }
  }
  job.done(status, {});
}

bool Committer::PostRead(absl::AnyInvocable<void(ports::Store&)> read) {
  base::MutexLock lock(&mu_);
  if (stopping_ || reads_.size() >= kMostReads) return false;
  reads_.push_back(std::move(read));
  wake_.NotifyOne();
  return true;
}

absl::Status Committer::health() const {
  base::MutexLock lock(&mu_);
  return health_;
}

bool Committer::idle() const {
  base::MutexLock lock(&mu_);
  return !busy_ && jobs_.empty() && reads_.empty() && kept_.empty();
}

void Committer::Loop() {
  bool last_try = false;
  bool rested = false;  // Since the last work.
  while (true) {
    std::deque<Job> jobs;
    Reads reads;
    {
      base::MutexLock lock(&mu_);
      while (jobs_.empty() && reads_.empty() && !stopping_) {
        if (accepting_ && rested) {
          wake_.Wait(&mu_);
        } else if (accepting_) {
          wake_.WaitFor(&mu_, kIdle);
          rested = jobs_.empty() && reads_.empty() && !stopping_;
          if (rested) store_->ReleaseMemory();
        } else {
          wake_.WaitFor(&mu_, kFullDiskPause);
          break;
        }
      }
      if (stopping_ && jobs_.empty() && reads_.empty()) {
        // What a full disk still holds back is tried once more; else it comes back in doubt.
        if (kept_.empty() || last_try) return;
        last_try = true;
      }
      jobs.swap(jobs_);
      reads.swap(reads_);
      busy_ = true;
    }
    Work(std::move(jobs), std::move(reads));
    rested = false;
    base::MutexLock lock(&mu_);
    busy_ = false;
  }
}

bool Committer::RunPending() {
  std::deque<Job> jobs;
  Reads reads;
  {
    base::MutexLock lock(&mu_);
    if (jobs_.empty() && reads_.empty() && kept_.empty()) return false;
    jobs.swap(jobs_);
    reads.swap(reads_);
  }
  Work(std::move(jobs), std::move(reads));
  return true;
}

void Committer::Work(std::deque<Job> jobs, Reads reads) {
  std::vector<Job> group;
  {
    base::MutexLock lock(&mu_);
    for (Job& job : kept_) group.push_back(std::move(job));
    kept_.clear();
  }
  // Nobody dares to write since the disk was full: let them try again.
  if (group.empty() && jobs.empty() && reads.empty()) SetAccepting(true);
  size_t writes = 0;
  while (!jobs.empty()) {
    writes += jobs.front().writes.size();
    group.push_back(std::move(jobs.front()));
    jobs.pop_front();
    if (writes >= kMostWrites) {
      CommitGroup(absl::MakeSpan(group));
      group.clear();
      writes = 0;
    }
  }
  if (!group.empty()) CommitGroup(absl::MakeSpan(group));
  while (!reads.empty()) {
    reads.front()(*store_);
    reads.pop_front();
  }
}

void Committer::CommitGroup(absl::Span<Job> jobs) {
  const absl::Status broken = health();
  std::vector<ports::Write> writes;
  std::vector<size_t> counts;
  for (Job& job : jobs) {
    counts.push_back(job.writes.size());
    for (ports::Write& write : job.writes) writes.push_back(std::move(write));
  }
  std::vector<ports::WriteResult> results;
  const absl::Status status = broken.ok() ? store_->Commit(writes, &results) : broken;
  if (status.ok()) {
    SetAccepting(true);
    size_t at = 0;
    for (size_t i = 0; i < jobs.size(); ++i) {
      jobs[i].done(status, absl::MakeSpan(results).subspan(at, counts[i]));
      at += counts[i];
    }
    listener_.committed();
    return;
  }
  const bool full = status.code() == absl::StatusCode::kResourceExhausted;
  if (!full && broken.ok()) Fail(status);
  if (full) SetAccepting(false);
  size_t at = 0;
  for (size_t i = 0; i < jobs.size(); ++i) {
    if (full && jobs[i].critical) {
      jobs[i].writes.assign(
          std::make_move_iterator(writes.begin() + static_cast<ptrdiff_t>(at)),
          std::make_move_iterator(writes.begin() + static_cast<ptrdiff_t>(at + counts[i])));
      base::MutexLock lock(&mu_);
      kept_.push_back(std::move(jobs[i]));
    } else {
      jobs[i].done(status, {});
    }
    at += counts[i];
  }
}

void Committer::SetAccepting(bool accepting) {
  {
    base::MutexLock lock(&mu_);
    if (accepting_ == accepting) return;
    accepting_ = accepting;
  }
  listener_.accepting(accepting);
}

void Committer::Fail(const absl::Status& status) {
  {
    base::MutexLock lock(&mu_);
    health_ = status;
  }
  listener_.fatal(status);
}

}  // namespace crescendo::engine
