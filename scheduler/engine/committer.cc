#include "scheduler/engine/committer.h"

#include <chrono>
#include <utility>

namespace crescendo::engine {
namespace {

constexpr size_t kMostReads = 10'000;
// Writes of one commit: more would keep the first caller waiting for the last one's rows.
constexpr size_t kMostWrites = 4'000;
// Rows of imports in one commit: some 50 ms.
constexpr size_t kMostRows = 20'000;
constexpr auto kFullDiskPause = std::chrono::milliseconds(500);
// So long without work, and the store's memory is given back.
constexpr auto kIdle = std::chrono::seconds(1);

absl::Status Gone() {
  return absl::UnavailableError("the daemon is shutting down; try again later");
}

// Fails the ordinary ones of `jobs` with `full` and returns the others, in order.
std::vector<Job> TakeCritical(std::vector<Job>& jobs, const absl::Status& full) {
  std::vector<Job> critical;
  for (Job& job : jobs) {
    if (job.critical) {
      critical.push_back(std::move(job));
    } else {
      job.done(full, {});
    }
  }
  return critical;
}

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
  std::deque<Job> kept, late;
  {
    base::MutexLock lock(&mu_);
    ended_ = true;
    stepped_.NotifyAll();
    kept.swap(kept_);
    late.swap(jobs_);
  }
  for (Job& job : kept) {
    job.done(absl::ResourceExhaustedError("the disk stayed full until the daemon stopped"), {});
  }
  for (Job& job : late) job.done(Gone(), {});
}

void Committer::Post(Job job) {
  absl::Status status;
  {
    base::MutexLock lock(&mu_);
    status = ended_ && health_.ok() ? Gone() : health_;
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

bool Committer::RunBetween(const std::function<void(ports::Store&)>& run) {
  Step step{run};
  base::MutexLock lock(&mu_);
  if (ended_) return false;
  steps_.push_back(&step);
  wake_.NotifyOne();
  while (!step.over && !ended_) stepped_.Wait(&mu_);
  if (!step.over) std::erase(steps_, &step);
  return step.over;
}

void Committer::RunStep() {
  Step* step = nullptr;
  {
    base::MutexLock lock(&mu_);
    if (steps_.empty()) return;
    step = steps_.front();
    steps_.pop_front();
  }
  step->run(*store_);
  base::MutexLock lock(&mu_);
  step->over = true;
  stepped_.NotifyAll();
}

absl::Status Committer::health() const {
  base::MutexLock lock(&mu_);
  return health_;
}

bool Committer::idle() const {
  base::MutexLock lock(&mu_);
  return !busy_ && jobs_.empty() && reads_.empty() && steps_.empty() && kept_.empty();
}

void Committer::Loop() {
  bool last_try = false;
  bool rested = false;  // Since the last work.
  while (true) {
    std::deque<Job> jobs;
    Reads reads;
    {
      base::MutexLock lock(&mu_);
      while (jobs_.empty() && reads_.empty() && steps_.empty() && !stopping_) {
        if (accepting_ && rested) {
          wake_.Wait(&mu_);
        } else if (accepting_) {
          wake_.WaitFor(&mu_, kIdle);
          rested = jobs_.empty() && reads_.empty() && steps_.empty() && !stopping_;
          if (rested) store_->ReleaseMemory();
        } else {
          wake_.WaitFor(&mu_, kFullDiskPause);
          break;
        }
      }
      if (stopping_ && jobs_.empty() && reads_.empty() && steps_.empty()) {
        // What a full disk still holds back is tried once more; else it comes back in doubt.
        if (kept_.empty() || last_try) {
          ended_ = true;
          return;
        }
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
  bool again = false;
  {
    base::MutexLock lock(&mu_);
    if (jobs_.empty() && reads_.empty() && steps_.empty() && kept_.empty()) return false;
    again = jobs_.empty() && reads_.empty() && steps_.empty();
    jobs.swap(jobs_);
    reads.swap(reads_);
  }
  Work(std::move(jobs), std::move(reads));
  base::MutexLock lock(&mu_);
  return !again || kept_.empty();
}

void Committer::Work(std::deque<Job> jobs, Reads reads) {
  {
    base::MutexLock lock(&mu_);
    jobs.insert(jobs.begin(), std::make_move_iterator(kept_.begin()),
                std::make_move_iterator(kept_.end()));
    kept_.clear();
  }
  if (full_) full_ = absl::IsResourceExhausted(store_->KeepReserve());
  // Nobody dares to write since the disk was full: let them try again.
  if (!full_ && jobs.empty() && reads.empty()) SetAccepting(true);
  std::deque<Job> imports;
  bool stuck = false;
  const auto read_all = [&] {
    for (; !reads.empty(); reads.pop_front()) reads.front()(*store_);
  };
  while (!stuck) {
    std::vector<Job> group = NextGroup(&jobs, &imports);
    if (group.empty()) break;
    if (CommitGroup(group).ok()) {
      if (!full_) SetAccepting(true);
      if (jobs.empty()) read_all();
      if (imports.empty()) continue;
      RunStep();
      TakeMore(&jobs, &reads);
      continue;
    }
    SetAccepting(false);
    full_ = store_->ReleaseReserve() || full_;
    // What has happened is little beside what somebody wants to add, and may still find room.
    std::vector<Job> critical = TakeCritical(group, FullDisk());
    stuck = !critical.empty() && !CommitGroup(critical).ok();
    if (!stuck) continue;
    jobs.insert(jobs.begin(), std::make_move_iterator(critical.begin()),
                std::make_move_iterator(critical.end()));
  }
  if (stuck) {
    // None may overtake what is kept.
    std::vector<Job> rest(std::make_move_iterator(jobs.begin()),
                          std::make_move_iterator(jobs.end()));
    for (Job& job : imports) job.done(FullDisk(), {});
    for (Job& job : TakeCritical(rest, FullDisk())) {
      base::MutexLock lock(&mu_);
      kept_.push_back(std::move(job));
    }
  }
  read_all();
  RunStep();
}

void Committer::TakeMore(std::deque<Job>* jobs, Reads* reads) {
  base::MutexLock lock(&mu_);
  for (; !jobs_.empty(); jobs_.pop_front()) jobs->push_back(std::move(jobs_.front()));
  reads->swap(reads_);
}

std::vector<Job> Committer::NextGroup(std::deque<Job>* jobs, std::deque<Job>* imports) {
  const bool refuse = full_ && health().ok();
  std::vector<Job> group;
  size_t writes = 0, rows = 0;
  for (; !jobs->empty() && writes < kMostWrites; jobs->pop_front()) {
    Job& job = jobs->front();
    if (refuse && !job.critical) {
      job.done(FullDisk(), {});
    } else if (job.rows > 0) {
      imports->push_back(std::move(job));
    } else {
      writes += job.writes.size();
      group.push_back(std::move(job));
    }
  }
  for (; !imports->empty() && rows < kMostRows; imports->pop_front()) {
    if (refuse) {
      imports->front().done(FullDisk(), {});
      continue;
    }
    rows += imports->front().rows;
    group.push_back(std::move(imports->front()));
  }
  return group;
}

absl::Status Committer::CommitGroup(std::vector<Job>& jobs) {
  const absl::Status broken = health();
  std::vector<ports::Write> writes;
  std::vector<size_t> counts;
  for (Job& job : jobs) {
    counts.push_back(job.writes.size());
    for (ports::Write& write : job.writes) writes.push_back(std::move(write));
  }
  std::vector<ports::WriteResult> results;
  const absl::Status status = broken.ok() ? store_->Commit(writes, &results) : broken;
  if (absl::IsResourceExhausted(status)) {
    auto next = std::make_move_iterator(writes.begin());
    for (size_t i = 0; i < jobs.size(); ++i) {
      const auto end = next + static_cast<ptrdiff_t>(counts[i]);
      jobs[i].writes.assign(next, end);
      next = end;
    }
    return status;
  }
  if (!status.ok() && broken.ok()) Fail(status);
  size_t at = 0;
  for (size_t i = 0; i < jobs.size(); ++i) {
    jobs[i].done(status, status.ok() ? absl::MakeSpan(results).subspan(at, counts[i])
                                     : absl::Span<ports::WriteResult>());
    at += counts[i];
  }
  if (status.ok()) listener_.committed();
  return absl::OkStatus();
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
