#include "scheduler/engine/committer.h"

#include <chrono>
#include <utility>

namespace crescendo::engine {
namespace {

constexpr size_t kMostReads = 10'000;
// Writes of one commit: more would keep the first caller waiting for the last one's rows.
constexpr size_t kMostWrites = 4'000;
constexpr auto kFullDiskPause = std::chrono::milliseconds(500);

absl::Status FullDisk() {
  return absl::ResourceExhaustedError(
      "the disk of the store is full: no new work is taken (what happens to mail in flight is still"
      " recorded); free some space on it, and it goes on by itself");
}

}  // namespace

Committer::Committer(ports::Store* store, Listener listener)
    : store_(store), listener_(std::move(listener)) {}

Committer::~Committer() { Stop(); }

void Committer::CheckRoom() {
  full_ = absl::IsResourceExhausted(store_->KeepReserve());
  SetAccepting(!full_);
}

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
  while (true) {
    std::deque<Job> jobs;
    Reads reads;
    {
      base::MutexLock lock(&mu_);
      while (jobs_.empty() && reads_.empty() && !stopping_) {
        if (accepting_) {
          wake_.Wait(&mu_);
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
  std::vector<Job> group = TakeKept();
  if (full_) full_ = absl::IsResourceExhausted(store_->KeepReserve());
  // Nobody dares to write since the disk was full: let them try again.
  if (!full_ && group.empty() && jobs.empty() && reads.empty()) SetAccepting(true);
  size_t writes = 0;
  while (!jobs.empty()) {
    if (full_ && !jobs.front().critical && health().ok()) {
      jobs.front().done(FullDisk(), {});
      jobs.pop_front();
      continue;
    }
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

std::vector<Job> Committer::TakeKept() {
  base::MutexLock lock(&mu_);
  std::vector<Job> kept(std::make_move_iterator(kept_.begin()),
                        std::make_move_iterator(kept_.end()));
  kept_.clear();
  return kept;
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
    if (!full_) SetAccepting(true);
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
  bool more_room = false;
  if (full) {
    SetAccepting(false);
    more_room = store_->ReleaseReserve();
    full_ = full_ || more_room;
  }
  size_t at = 0;
  for (size_t i = 0; i < jobs.size(); ++i) {
    if (full && jobs[i].critical) {
      jobs[i].writes.assign(
          std::make_move_iterator(writes.begin() + static_cast<ptrdiff_t>(at)),
          std::make_move_iterator(writes.begin() + static_cast<ptrdiff_t>(at + counts[i])));
      base::MutexLock lock(&mu_);
      kept_.push_back(std::move(jobs[i]));
    } else {
      jobs[i].done(full ? FullDisk() : status, {});
    }
    at += counts[i];
  }
  if (!more_room) return;
  std::vector<Job> kept = TakeKept();
  if (!kept.empty()) CommitGroup(absl::MakeSpan(kept));
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
