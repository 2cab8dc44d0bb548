#include "smtp_client/resolve/dns_resolver.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "scheduler/base/check.h"
#include "scheduler/base/mutex.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/domain/plan.h"
#include "smtp_client/resolve/answer_cache.h"
#include "smtp_client/resolve/mx_lookup.h"

namespace crescendo::smtp {
namespace {

using Done = absl::AnyInvocable<void(absl::StatusOr<ports::MxSet>)>;

absl::Status Stopping() { return absl::UnavailableError("the daemon is stopping"); }

}  // namespace

// The thread, and what it alone touches.
class DnsResolver::Loop {
 public:
  Loop(const base::Clock* clock, const DnsResolverOptions& options,
       std::unique_ptr<Unbound> unbound, int wake_fd)
      : clock_(clock),
        options_(options),
        unbound_(std::move(unbound)),
        wake_fd_(wake_fd),
        cache_(static_cast<size_t>(options.cached_domains)) {}

  ~Loop() {
    Stop();
    close(wake_fd_);
  }

  void Stop() ABSL_LOCKS_EXCLUDED(mu_) {
    {
      base::MutexLock lock(&mu_);
      stopping_ = true;
    }
    Wake();
    if (thread_.joinable()) thread_.join();
  }

  void Start() {
    thread_ = std::thread([this] { Run(); });
  }

  void Post(std::string domain, Done done) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Request {
    std::string domain;
    Done done;
  };
  // A domain that somebody waits for.
  struct Lookup {
    explicit Lookup(MxLookup made) : state(std::move(made)) {}
    MxLookup state;
    uint64_t number = 0;  // 0: not begun.
    std::vector<Done> waiting;
    absl::flat_hash_set<Unbound::Ticket> tickets;
  };
  using LookupPtr = std::shared_ptr<Lookup>;
  struct Deadline {
    absl::Duration at;  // Steady.
    std::string domain;
    uint64_t number;
  };
  struct Question {
    std::string domain;
    uint64_t number;
    DnsQuestion question;
  };

  void Run();
  void Wake() const;
  bool TakeRequests() ABSL_LOCKS_EXCLUDED(mu_);
  void Begin(Request request);
  void AskMore();
  void AskOne(Question asked);
  void Take(const Question& asked, Unbound::Ticket ticket, const DnsAnswer& answer);
  void ExpireDeadlines();
  void Finish(const std::string& domain, MxLookup::Result result);
  void AnswerAll(std::vector<Done> waiting, const absl::StatusOr<ports::MxSet>& mx)
      ABSL_LOCKS_EXCLUDED(mu_);
  LookupPtr Find(const std::string& domain, uint64_t number) const;
  int WaitMillis() const;

  const base::Clock* const clock_;
  const DnsResolverOptions options_;
  const std::unique_ptr<Unbound> unbound_;
  const int wake_fd_;

  AnswerCache cache_;
  absl::flat_hash_map<std::string, LookupPtr> lookups_;
  std::deque<std::string> not_begun_;  // Keys of lookups_.
  std::deque<Question> to_ask_;        // Of lookups that have begun.
  std::deque<Deadline> deadlines_;     // Each lookup has as long, so they are in order.
  int out_ = 0;                        // Questions that are not answered.
  uint64_t last_lookup_ = 0;

  base::Mutex mu_;
  std::vector<Request> posted_ ABSL_GUARDED_BY(mu_);
  size_t waiting_ ABSL_GUARDED_BY(mu_) = 0;  // All that are not answered.
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

void DnsResolver::Loop::Post(std::string domain, Done done) {
  absl::Status refused;
  {
    base::MutexLock lock(&mu_);
    if (stopping_) {
      refused = Stopping();
    } else if (waiting_ >= kMostWaiting) {
      refused = absl::UnavailableError(
          absl::StrCat(kMostWaiting, " look-ups wait for the DNS; try again later"));
    } else {
      ++waiting_;
      posted_.push_back({std::move(domain), std::move(done)});
    }
  }
  if (refused.ok()) return Wake();
  done(refused);
}

void DnsResolver::Loop::Wake() const {
  const uint64_t one = 1;
  // It fails only when it is readable already, which is all that is wanted.
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof(one));
}

void DnsResolver::Loop::Run() {
  while (true) {
    pollfd fds[] = {{wake_fd_, POLLIN, 0}, {unbound_->fd(), POLLIN, 0}};
    const int ready = poll(fds, 2, WaitMillis());
    CRESCENDO_CHECK(ready >= 0 || errno == EINTR);
    if (!TakeRequests()) break;
    if (ready > 0 && fds[1].revents != 0) unbound_->Process();
    ExpireDeadlines();
    AskMore();
  }
  for (auto& [domain, lookup] : std::exchange(lookups_, {})) {
    for (const Unbound::Ticket ticket : lookup->tickets) unbound_->Cancel(ticket);
    AnswerAll(std::move(lookup->waiting), Stopping());
  }
}

int DnsResolver::Loop::WaitMillis() const {
  if (deadlines_.empty()) return -1;
  const absl::Duration left = deadlines_.front().at - clock_->Now().steady;
  return static_cast<int>(std::clamp<int64_t>(absl::ToInt64Milliseconds(left) + 1, 0, 60'000));
}

bool DnsResolver::Loop::TakeRequests() {
  uint64_t count;
  [[maybe_unused]] const ssize_t got = read(wake_fd_, &count, sizeof(count));
  std::vector<Request> requests;
  bool stopping = false;
  {
    base::MutexLock lock(&mu_);
    requests = std::exchange(posted_, {});
    stopping = stopping_;
  }
  for (Request& request : requests) {
    if (stopping) {
      std::vector<Done> one;
      one.push_back(std::move(request.done));
      AnswerAll(std::move(one), Stopping());
    } else {
      Begin(std::move(request));
    }
  }
  return !stopping;
}

void DnsResolver::Loop::Begin(Request request) {
  const absl::Duration now = clock_->Now().steady;
  if (const AnswerCache::Entry* known = cache_.Find(request.domain, now)) {
    absl::StatusOr<ports::MxSet> mx = known->mx;
    if (mx.ok()) mx->lifetime = known->expires - now;
    std::vector<Done> one;
    one.push_back(std::move(request.done));
    return AnswerAll(std::move(one), mx);
  }
  LookupPtr& lookup = lookups_[request.domain];
  if (lookup == nullptr) {
    lookup = std::make_shared<Lookup>(MxLookup(request.domain, options_.seed));
    not_begun_.push_back(request.domain);
  }
  lookup->waiting.push_back(std::move(request.done));
}

void DnsResolver::Loop::AskMore() {
  while (out_ < options_.max_queries) {
    if (!to_ask_.empty()) {
      Question next = std::move(to_ask_.front());
      to_ask_.pop_front();
      AskOne(std::move(next));
    } else if (!not_begun_.empty()) {
      const std::string domain = std::move(not_begun_.front());
      not_begun_.pop_front();
      Lookup& lookup = *lookups_.at(domain);
      lookup.number = ++last_lookup_;
      deadlines_.push_back({clock_->Now().steady + options_.timeout, domain, lookup.number});
      AskOne({domain, lookup.number, lookup.state.Start()});
    } else {
      return;
    }
  }
}

DnsResolver::Loop::LookupPtr DnsResolver::Loop::Find(const std::string& domain,
                                                     uint64_t number) const {
  const auto found = lookups_.find(domain);
  if (found == lookups_.end() || found->second->number != number) return nullptr;
  return found->second;
}

void DnsResolver::Loop::AskOne(Question asked) {
  const LookupPtr lookup = Find(asked.domain, asked.number);
  if (lookup == nullptr) return;  // Given up meanwhile.
  const DnsQuestion question = asked.question;
  const auto ticket = std::make_shared<Unbound::Ticket>(0);
  DnsAnswer failed;
  *ticket = unbound_->Ask(
      question, [this, ticket, asked](const DnsAnswer& answer) { Take(asked, *ticket, answer); },
      &failed.fault);
  ++out_;
  if (*ticket == 0) return Take(asked, 0, failed);
  lookup->tickets.insert(*ticket);
}

void DnsResolver::Loop::Take(const Question& asked, Unbound::Ticket ticket,
                             const DnsAnswer& answer) {
  --out_;
  const LookupPtr lookup = Find(asked.domain, asked.number);
  if (lookup == nullptr) return;
  lookup->tickets.erase(ticket);
  for (DnsQuestion& next : lookup->state.Take(asked.question, answer)) {
    to_ask_.push_back({asked.domain, asked.number, std::move(next)});
  }
  if (lookup->state.result().has_value()) Finish(asked.domain, *lookup->state.result());
}

void DnsResolver::Loop::ExpireDeadlines() {
  const absl::Duration now = clock_->Now().steady;
  for (; !deadlines_.empty() && deadlines_.front().at <= now; deadlines_.pop_front()) {
    const Deadline& passed = deadlines_.front();
    const LookupPtr lookup = Find(passed.domain, passed.number);
    if (lookup == nullptr) continue;
    for (const Unbound::Ticket ticket : lookup->tickets) {
      unbound_->Cancel(ticket);
      --out_;
    }
    Finish(passed.domain,
           {absl::UnavailableError(absl::StrCat("no answer from the DNS for ", passed.domain,
                                                " in ", absl::FormatDuration(options_.timeout))),
            absl::ZeroDuration()});
  }
}

void DnsResolver::Loop::Finish(const std::string& domain, MxLookup::Result result) {
  const auto found = lookups_.find(domain);
  const LookupPtr lookup = std::move(found->second);
  lookups_.erase(found);
  const bool negative = absl::IsNotFound(result.mx.status());
  if (result.mx.ok() || negative) {
    const absl::Duration most =
        negative ? std::min(options_.most_ttl, kMostNegativeTtl) : options_.most_ttl;
    const absl::Duration ttl = std::max(std::min(result.ttl, most), options_.least_ttl);
    if (result.mx.ok()) result.mx->lifetime = ttl;
    cache_.Put(domain, {result.mx, clock_->Now().steady + ttl});
  }
  AnswerAll(std::move(lookup->waiting), result.mx);
}

void DnsResolver::Loop::AnswerAll(std::vector<Done> waiting,
                                  const absl::StatusOr<ports::MxSet>& mx) {
  {
    base::MutexLock lock(&mu_);
    waiting_ -= waiting.size();
  }
  for (Done& done : waiting) done(mx);
}

absl::StatusOr<std::unique_ptr<DnsResolver>> DnsResolver::Create(
    const base::Clock* clock, const DnsResolverOptions& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<Unbound> unbound, Unbound::Create(options.dns));
  const int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd < 0) {
    return absl::ResourceExhaustedError(absl::StrCat("eventfd: ", std::strerror(errno)));
  }
  auto loop = std::make_unique<Loop>(clock, options, std::move(unbound), wake_fd);
  loop->Start();
  return std::unique_ptr<DnsResolver>(new DnsResolver(std::move(loop)));
}

DnsResolver::DnsResolver(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}
DnsResolver::~DnsResolver() = default;
void DnsResolver::Stop() { loop_->Stop(); }

void DnsResolver::Resolve(absl::string_view domain, Done done) {
  if (const std::string fault = HostNameFault(domain); !fault.empty()) {
    return done(absl::NotFoundError(absl::StrCat("the domain ", fault)));
  }
  loop_->Post(std::string(domain), std::move(done));
}

}  // namespace crescendo::smtp
