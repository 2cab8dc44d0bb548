// kill -9 of store, engine and SMTP together, at random times, at the receiver's word and at system
// calls; each start goes on with the same file. What counts is the receiver's own log.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "scheduler/base/civil_day.h"
#include "scheduler/base/random.h"
#include "scheduler/base/real_clock.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/crash/receiver.h"
#include "tests/crash/world.h"
#include "tests/store_contract/describe.h"

namespace crescendo::crash {
namespace {

// When the moment to kill does not come. Instrumented code is slow.
#if defined(__has_feature) && (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
constexpr auto kLongest = std::chrono::milliseconds(4000);
#else
constexpr auto kLongest = std::chrono::milliseconds(600);
#endif

// A run of the sender, from its start to its end.
class Sender {
 public:
  explicit Sender(const std::vector<std::string>& command) {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    std::vector<char*> argv;
    for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    started_ = vfork();
    if (started_ == 0) {
      dup2(ends[1], STDOUT_FILENO);
      execvp(argv[0], argv.data());
      _exit(127);
    }
    close(ends[1]);
    output_ = ends[0];
  }
  ~Sender() { close(output_); }

  // Safe from any thread.
  void Kill() {
    base::MutexLock lock(&mu_);
    if (pid_ > 0) kill(pid_, SIGKILL);
  }

  // Until it has ended; after `limit` it is killed. How it ended, as of waitpid.
  int Wait(std::chrono::milliseconds limit) {
    const auto end = std::chrono::steady_clock::now() + limit;
    for (;;) {
      pollfd wait = {output_, POLLIN, 0};
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          end - std::chrono::steady_clock::now());
      if (poll(&wait, 1, late_ ? -1 : static_cast<int>(std::max<int64_t>(left.count(), 0))) == 0) {
        late_ = true;
      }
      if (wait.revents != 0 && !Listen()) break;
      if (late_) Kill();
    }
    siginfo_t info;
    waitid(P_PID, static_cast<id_t>(started_), &info, WEXITED | WNOWAIT);
    base::MutexLock lock(&mu_);
    pid_ = 0;  // From here on the number may be another's.
    int status = 0;
    waitpid(started_, &status, 0);
    return status;
  }

  int acknowledged() const { return acknowledged_; }  // Chunks.
  bool done() const { return done_; }
  bool late() const { return late_; }  // `limit` has passed.

 private:
  // False at the end of its output.
  bool Listen() {
    char bytes[512];
    const ssize_t n = read(output_, bytes, sizeof(bytes));
    if (n <= 0) return false;
    told_.append(bytes, static_cast<size_t>(n));
    for (size_t end; (end = told_.find('\n')) != std::string::npos; told_.erase(0, end + 1)) {
      absl::string_view line(told_.data(), end);
      int number = 0;
      if (line == "D") done_ = true;
      if (absl::ConsumePrefix(&line, "A ") && absl::SimpleAtoi(line, &number)) {
        acknowledged_ = std::max(acknowledged_, number);
      } else if (absl::ConsumePrefix(&line, "P ") && absl::SimpleAtoi(line, &number)) {
        base::MutexLock lock(&mu_);
        pid_ = number;
      }
    }
    return true;
  }

  base::Mutex mu_;
  pid_t pid_ ABSL_GUARDED_BY(mu_) = 0;  // The sender's own, behind a tracer too.
  pid_t started_ = 0;
  int output_ = -1;
  std::string told_;
  int acknowledged_ = 0;
  bool done_ = false;
  bool late_ = false;
};

struct Sums {
  int points = 0;
  int late = 0;  // Of them: the moment did not come in time, so it was killed at any other.
  int64_t recipients = 0, lost = 0, duplicates = 0, in_doubt = 0, caps_passed = 0;
  int64_t fullest_day = 0;  // Per cent of its cap.
};

// One store, from its first start until everything is sent.
class Trial {
 public:
  explicit Trial(bool hold)
      : hold_(hold),
        epoch_(absl::Now()),
        clock_(base::NewScaledClock(ClockFrom(epoch_))),
        receiver_(clock_.get()) {
    // Memory will do: what a process has written outlives it there as well, and each sync is free.
    const bool shm = access("/dev/shm", W_OK) == 0;
    folder_ = (shm ? "/dev/shm" : std::filesystem::temp_directory_path()) /
              std::filesystem::path("crescendo-kill-XXXXXX");
    EXPECT_NE(mkdtemp(folder_.data()), nullptr);
  }
  ~Trial() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  Receiver& receiver() { return receiver_; }
  bool done() const { return done_; }
  bool late() const { return late_; }  // The last run was killed because its limit had passed.

  // Starts the sender, under `tracer` if it is not empty. True if it was killed. `arm` may have it
  // killed earlier than `limit`.
  bool Run(std::vector<std::string> tracer, std::chrono::milliseconds limit,
           const std::function<void(const std::shared_ptr<Sender>&)>& arm = nullptr) {
    std::vector<std::string> command = std::move(tracer);
    command.insert(command.end(),
                   {CRESCENDO_SENDER, Path(), absl::StrCat(receiver_.port()),
                    absl::StrCat(absl::ToUnixMicros(epoch_)), hold_ ? "hold" : "retry"});
    const auto sender = std::make_shared<Sender>(command);  // A strike may outlast the run.
    if (arm) arm(sender);
    const int status = sender->Wait(limit);
    receiver_.StrikeAt(Moment::kConnect, 0, nullptr);
    acknowledged_ = std::max(acknowledged_, sender->acknowledged());
    late_ = sender->late();
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return true;
    EXPECT_FALSE(WIFEXITED(status) && WEXITSTATUS(status) == 127)
        << command[0] << " cannot be run; cmd/setup.sh --tests installs what is missing";
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0 && sender->done())
        << "it ended by itself with status " << status;
    done_ = sender->done();
    return false;
  }

  // What the file says while nobody uses it.
  void CheckFile() {
    auto store = store::SqliteStore::Open(Path());
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_EQ(store::RecountFault(**store), "");
    EXPECT_GE((*store)->LastChunk(kCampaign, kImport).value(), acknowledged_);
  }

  // Lets the sender send what is left, and holds the file against the receiver's log.
  void Finish(Sums* sums) {
    if (!done_) Run({}, std::chrono::minutes(2));
    ASSERT_TRUE(done_) << "it does not come to an end";
    CheckFile();
    auto store = store::SqliteStore::Open(Path()).value();
    CheckRecipients(*store, sums);
    CheckCaps(*store, sums);
  }

 private:
  std::string Path() const { return folder_ + "/crescendo.db"; }

  void CheckRecipients(ports::Store& store, Sums* sums) {
    std::map<std::string, Delivery> kept;
    auto deliveries = store.ListDeliveries({.campaign = kCampaign}, DeliveryId(), 1000000).value();
    for (Delivery& delivery : deliveries) {
      kept.emplace(delivery.address, std::move(delivery));
    }
    std::map<std::string, std::vector<Copy>> copies = receiver_.copies();
    LedgerRow counted;
    for (int chunk = 1; chunk <= acknowledged_; ++chunk) {
      for (int row = 0; row < kRowsPerChunk; ++row) {
        const std::string address = Recipient(chunk, row);
        SCOPED_TRACE(address);
        ++sums->recipients;
        const auto found = kept.find(address);
        if (found == kept.end()) {
          ++sums->lost;
          ADD_FAILURE() << "it was acknowledged and is not in the store";
          continue;
        }
        const Delivery& delivery = found->second;
        const std::vector<Copy> got = copies[address];
        const auto arrived = static_cast<int64_t>(got.size());
        const bool ended = delivery.state == DeliveryState::kAccepted  ? arrived > 0
                           : delivery.state == DeliveryState::kBounced ? IsUnknown(address)
                           : delivery.state == DeliveryState::kInDoubt ? hold_
                                                                       : false;
        if (!ended) {
          ++sums->lost;
          ADD_FAILURE() << DeliveryStateName(delivery.state) << " with " << arrived << " copies";
        }
        EXPECT_LE(arrived, 1 + delivery.in_doubt_count) << "more copies than doubts explain";
        for (const Copy& copy : got) EXPECT_EQ(copy.message_id, got[0].message_id);
        sums->duplicates += std::max<int64_t>(arrived - 1, 0);
        sums->in_doubt += delivery.in_doubt_count;
        counted.in_doubt += delivery.in_doubt_count;
        counted.accepted += delivery.state == DeliveryState::kAccepted ? 1 : 0;
        counted.refused += delivery.state == DeliveryState::kBounced ? 1 : 0;
        kept.erase(found);
      }
    }
    EXPECT_TRUE(kept.empty()) << kept.begin()->first << " was never imported";
    LedgerRow ledger;
    for (const LedgerRow& row : Ledger(store)) {
      ledger.accepted += row.accepted;
      ledger.refused += row.refused;
      ledger.in_doubt += row.in_doubt;
      EXPECT_EQ(row.claimed, 0);
    }
    EXPECT_EQ(ledger.accepted, counted.accepted);
    EXPECT_EQ(ledger.refused, counted.refused);
    EXPECT_EQ(ledger.in_doubt, counted.in_doubt);
  }

  void CheckCaps(ports::Store& store, Sums* sums) {
    std::map<absl::CivilDay, int64_t> used, arrived;
    for (const LedgerRow& row : Ledger(store)) used[row.day] += row.used();
    const auto log = receiver_.copies();
    for (const auto& [address, copies] : log) {
      for (const Copy& copy : copies) ++arrived[base::DayOf(copy.time, absl::UTCTimeZone())];
    }
    std::map<absl::CivilDay, int64_t> caps;
    const auto days = store.ListPlanDays(kPlan).value();
    for (const PlanDay& day : days) caps[day.day] = day.cap;
    const auto check = [&](const std::map<absl::CivilDay, int64_t>& counts, const char* whose) {
      for (const auto& [day, count] : counts) {
        if (caps[day] > 0) {
          sums->fullest_day = std::max(sums->fullest_day, 100 * count / caps[day]);
        }
        if (count <= caps[day]) continue;
        ++sums->caps_passed;
        ADD_FAILURE() << whose << " of " << base::FormatDay(day) << ": " << count
                      << " with a cap of " << caps[day];
      }
    };
    check(used, "the ledger");
    check(arrived, "the receiver's log");
  }

  static std::vector<LedgerRow> Ledger(ports::Store& store) {
    return store.ListLedger(kIp, absl::CivilDay(2026, 3, 1), absl::CivilDay(2027, 3, 1)).value();
  }

  const bool hold_;
  const absl::Time epoch_;
  const std::unique_ptr<base::Clock> clock_;
  Receiver receiver_;
  std::string folder_;
  int acknowledged_ = 0;  // Chunks.
  bool done_ = false;
  bool late_ = false;
};

// Kills until `points` kills have hit, a store for every forty. `kill`: runs point number `n`.
enum class When { kMoment, kAnyTime };
void KillMany(const char* name, int points, When when, bool hold,
              const std::function<bool(Trial& trial, int n)>& kill) {
  constexpr int kPerStore = 40;
  Sums sums;
  std::unique_ptr<Trial> trial;
  int in_store = 0, missed = 0;
  const auto end = [&] {
    if (trial != nullptr) trial->Finish(&sums);
    trial.reset();
    in_store = 0;
  };
  for (int n = 0; sums.points < points && !testing::Test::HasFailure(); ++n) {
    if (trial == nullptr) trial = std::make_unique<Trial>(hold);
    SCOPED_TRACE(absl::StrCat("point ", n));
    if (kill(*trial, n)) {
      ++sums.points;
      sums.late += trial->late() ? 1 : 0;
    } else {
      ASSERT_LT(++missed, points) << "the kills come too late";
    }
    // Seldom: it would take the start's own repairs away from the sender.
    if (n % 8 == 7) trial->CheckFile();
    if (++in_store == kPerStore || trial->done()) end();
  }
  end();
  std::printf(
      "kill -9 %s: %d points (%d by the clock), %lld acknowledged, %lld lost, %lld duplicates,"
      " %lld in-doubt events, %lld caps passed (fullest day: %lld %%)\n",
      name, sums.points, sums.late, static_cast<long long>(sums.recipients),
      static_cast<long long>(sums.lost), static_cast<long long>(sums.duplicates),
      static_cast<long long>(sums.in_doubt), static_cast<long long>(sums.caps_passed),
      static_cast<long long>(sums.fullest_day));
  EXPECT_EQ(sums.lost, 0);
  EXPECT_EQ(sums.caps_passed, 0);
  EXPECT_LE(sums.duplicates, sums.in_doubt);
  EXPECT_GE(sums.points, points);
  if (when == When::kMoment) EXPECT_LE(sums.late, points / 3) << "the moment hardly ever came";
  EXPECT_GT(sums.recipients, 0);
}

TEST(Kill, AtRandomTimes) {
  base::Random random(1);
  KillMany("at random times", 120, When::kAnyTime, /*hold=*/false, [&](Trial& trial, int) {
    return trial.Run({}, std::chrono::milliseconds(1 + random.Below(110)));
  });
}

struct DialogueMoment {
  const char* name;
  Moment moment;
};
void PrintTo(const DialogueMoment& moment, std::ostream* out) { *out << moment.name; }
class KillAtMoment : public testing::TestWithParam<DialogueMoment> {};

TEST_P(KillAtMoment, OfTheDialogue) {
  const auto [name, moment] = GetParam();
  const int most = moment == Moment::kConnect ? 3 : 20;
  const bool hold = moment == Moment::kDotAnswered;
  KillMany(name, 40, When::kMoment, hold, [&, moment = moment](Trial& trial, int n) {
    return trial.Run({}, kLongest, [&](const auto& sender) {
      trial.receiver().StrikeAt(moment, 1 + n % most, [sender] { sender->Kill(); });
    });
  });
}

INSTANTIATE_TEST_SUITE_P(All, KillAtMoment,
                         testing::Values(DialogueMoment{"Connect", Moment::kConnect},
                                         DialogueMoment{"Recipient", Moment::kRecipient},
                                         DialogueMoment{"Body", Moment::kBody},
                                         DialogueMoment{"DotUnanswered", Moment::kDotUnanswered},
                                         DialogueMoment{"DotAnswered", Moment::kDotAnswered}),
                         [](const auto& info) { return info.param.name; });

struct SystemCall {
  const char* name;
  int most;  // Of one thread, in a run of some 100 ms.
  int points;
};
void PrintTo(const SystemCall& call, std::ostream* out) { *out << call.name; }
class KillAtCall : public testing::TestWithParam<SystemCall> {};

TEST_P(KillAtCall, OfTheSystem) {
  const SystemCall& call = GetParam();
  KillMany(call.name, call.points, When::kMoment, /*hold=*/false, [&](Trial& trial, int n) {
    // The first store is killed at each call in turn, as are its first steps; then in strides.
    const int nth = 1 + (n < 40 ? n : n * 7) % call.most;
    return trial.Run({"strace", "-f", "-qq", "-E", "ASAN_OPTIONS=detect_leaks=0", "-o", "/dev/null",
                      absl::StrCat("--trace=", call.name),
                      absl::StrCat("--inject=", call.name, ":signal=KILL:when=", nth)},
                     kLongest);
  });
}

INSTANTIATE_TEST_SUITE_P(All, KillAtCall,
                         testing::Values(SystemCall{"pwrite64", 120, 80},
                                         SystemCall{"fdatasync", 30, 60},
                                         SystemCall{"write", 14, 40}, SystemCall{"sendto", 60, 70},
                                         SystemCall{"recvfrom", 60, 30},

                                         SystemCall{"connect", 4, 20}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace crescendo::crash
