// Every call to the disk of a scripted day fails once, in each way it can: the errors are clean,
// nothing acknowledged is lost, a full disk heals, and after a failed sync nobody is told OK.
#include "absl/strings/str_cat.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/store_contract/describe.h"
#include "tests/store_contract/scripted_day.h"
#include "tests/store_contract/store_fixture.h"
#include "tests/support/sanitized.h"

namespace crescendo::store {
namespace {

constexpr uint64_t kSeed = 11;
constexpr int kSteps = 14;
constexpr DiskFault kFaults[] = {DiskFault::kIo, DiskFault::kFull, DiskFault::kStaysFull,
                                 DiskFault::kShortWrite, DiskFault::kQuota};

// One day with one fault. The process that meets DATA_LOSS ends, as does one that cannot open the
// file, and a new one reads what the disk kept.
class FaultyDay {
 public:
  FaultyDay(SimDisk& disk, const ScriptedDay& day) : disk_(disk), day_(day) {}

  // "": all is well.
  std::string Run(int64_t at, DiskFault fault) {
    start_.clear();
    disk_.Load(start_);
    disk_.Fail(at, fault);
    random_ = base::Random(static_cast<uint64_t>(at) * 8 + static_cast<uint64_t>(fault));
    acknowledged_ = 0;
    log_at_end_ = SIZE_MAX;
    restarted_ = false;
    std::string wrong = Live();
    for (int restart = 0; wrong == kRestart; ++restart) {
      if (restart == 3) return "it needs more than three restarts";
      Restart();
      wrong = Live();
    }
    if (disk_.struck() || restarted_) ++seen_.struck;
    return wrong;
  }

  // Over all runs.
  struct Seen {
    int struck = 0, healed = 0, restarted = 0, did_not_open = 0;
  };
  const Seen& seen() const { return seen_; }

 private:
  static constexpr char kRestart[] = "restart";

  // From opening the file to the end of the day.
  std::string Live() {
    auto opened = OpenDay();
    if (!opened.ok()) {
      ++seen_.did_not_open;
      const absl::StatusCode code = opened.status().code();
      const bool clean = code == absl::StatusCode::kDataLoss ||
                         code == absl::StatusCode::kResourceExhausted ||
                         code == absl::StatusCode::kFailedPrecondition;
      return clean && disk_.struck() ? kRestart : opened.status().ToString();
    }
    ports::Store& store = **opened;
    try {
      const int64_t held = StepsIn(store);
      if (held < acknowledged_ || held > acknowledged_ + 1) {
        return absl::StrCat(held, " steps are there, ", acknowledged_, " were acknowledged");
      }
      acknowledged_ = held;
      if (std::string fault = RecountFault(store); !fault.empty()) return fault;
    } catch (const absl::BadStatusOrAccess& unreadable) {
      return Ended(store, unreadable.status());
    }
    while (acknowledged_ < day_.steps()) {
      std::string wrong = Step(store);
      if (!wrong.empty()) return wrong;
      ++acknowledged_;
    }
    try {
      if (DescribeAll(store, 500) != day_.end) return "the day's end is not as it should be";
    } catch (const absl::BadStatusOrAccess& unreadable) {
      return Ended(store, unreadable.status());
    }
    return "";
  }

  std::string Step(ports::Store& store) {
    const auto& group = day_.groups[static_cast<size_t>(acknowledged_)];
    std::vector<ports::WriteResult> results;
    absl::Status status = Commit(store, group, &results);
    if (absl::IsResourceExhausted(status)) {
      ++seen_.healed;
      if (StepsIn(store) != acknowledged_) return "a full disk left something of the group";
      disk_.Heal();
      status = Commit(store, group, &results);
    }
    if (!status.ok()) return Ended(store, status);
    const bool right = Describe(results) == day_.answers[static_cast<size_t>(acknowledged_)];
    return right ? "" : absl::StrCat("step ", acknowledged_ + 1, " has another answer");
  }

  absl::Status Commit(ports::Store& store, const std::vector<ports::Write>& group,
                      std::vector<ports::WriteResult>* results) {
    const bool sync_failed = disk_.sync_failed();
    absl::Status status = store.Commit(group, results);
    // What the failed one was to bring down may be lost, though all later ones succeed.
    if (status.ok() && sync_failed) return absl::InternalError("OK after a failed sync");
    return status;
  }

  // The store said that it cannot be trusted: it must not do anything more.
  std::string Ended(ports::Store& store, const absl::Status& status) {
    if (!absl::IsDataLoss(status) || !disk_.struck()) return status.ToString();
    disk_.Heal();
    std::vector<ports::WriteResult> results;
    if (!absl::IsDataLoss(store.Commit(day_.groups[0], &results)) ||
        !absl::IsDataLoss(store.LoadDirectory().status()) ||
        !absl::IsDataLoss(store.LastEvent().status())) {
      return absl::StrCat("it goes on after ", status.ToString());
    }
    log_at_end_ = disk_.log().size();
    return kRestart;
  }

  // What a failed sync was to bring down may be on the disk or not; the old process's last words
  // (it closes the file) do not count.
  void Restart() {
    ++seen_.restarted;
    restarted_ = true;
    PowerCut power(start_);
    const DiskLog& log = disk_.log();
    for (size_t i = 0; i < std::min(log_at_end_, log.size()); ++i) power.Apply(log[i]);
    start_ = power.Cut(random_);
    disk_.Load(start_);
  }

  SimDisk& disk_;
  const ScriptedDay& day_;
  base::Random random_{0};
  int64_t acknowledged_ = 0;
  Image start_;  // What the disk held when the process started.
  size_t log_at_end_ = SIZE_MAX;
  bool restarted_ = false;
  Seen seen_;
};

TEST(IoFaults, EveryCallMayFailOnce) {
  SimDisk disk;
  const ScriptedDay day = MakeDay(disk, kSeed, kSteps);
  FaultyDay faulty(disk, day);
  ASSERT_EQ(faulty.Run(-1, DiskFault::kIo), "") << "a day without a fault";
  const std::vector<DiskCall> calls = disk.calls();
  int runs = 0, wrong = 0;
  for (size_t at = 0; at < calls.size(); at += crescendo::testing::kSanitized ? 7 : 1) {
    for (const DiskFault fault : kFaults) {
      if (!MayFail(calls[at], fault)) continue;
      ++runs;
      const std::string fault_found = faulty.Run(static_cast<int64_t>(at), fault);
      if (fault_found.empty()) continue;
      if (++wrong <= 10) {
        ADD_FAILURE() << "call " << at << " (" << DiskCallName(calls[at]) << "), "
                      << DiskFaultName(fault) << ": " << fault_found;
      }
    }
  }
  const FaultyDay::Seen& seen = faulty.seen();
  std::printf("I/O faults: %zu calls, %d runs, %d healed, %d ended (%d could not open), %d wrong\n",
              calls.size(), runs, seen.healed, seen.restarted, seen.did_not_open, wrong);
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(seen.struck, runs);
  EXPECT_GT(runs, crescendo::testing::kSanitized ? 100 : 500);
  EXPECT_GT(seen.healed, 100);
  EXPECT_GT(seen.restarted, 100);
}

}  // namespace
}  // namespace crescendo::store
