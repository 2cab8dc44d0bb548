#include "smtp_client/delivery/trace_hub.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace crescendo::smtp {

absl::StatusOr<int64_t> TraceHub::Watch(ports::TraceFilter filter, std::function<void()> wake) {
  base::MutexLock lock(&mu_);
  if (watchers_.size() >= kMostWatchers) {
    return absl::ResourceExhaustedError(absl::StrCat(
        watchers_.size(), " traces are running, which is the most; end one, or try again later"));
  }
  auto watcher = std::make_shared<Watcher>();
  watcher->filter = std::move(filter);
  watcher->wake = std::move(wake);
  watchers_.emplace(++last_, std::move(watcher));
  watched_ = true;
  return last_;
}

void TraceHub::Unwatch(int64_t watcher) {
  base::MutexLock lock(&mu_);
  watchers_.erase(watcher);
  watched_ = !watchers_.empty();
}

std::vector<ports::TraceLine> TraceHub::Take(int64_t watcher) {
  base::MutexLock lock(&mu_);
  const auto found = watchers_.find(watcher);
  if (found == watchers_.end()) return {};
  Watcher& one = *found->second;
  std::vector<ports::TraceLine> lines(std::make_move_iterator(one.lines.begin()),
                                      std::make_move_iterator(one.lines.end()));
  one.lines.clear();
  one.bytes = 0;
  return lines;
}

bool TraceHub::Wants(const Watcher& watcher, const ports::TraceLine& line) {
  if (watcher.filter.recipient.empty()) return watcher.filter.lane == line.lane;
  // A local part's case means something to its receiver only, and people do not know.
  return absl::EqualsIgnoreCase(watcher.filter.recipient, line.recipient);
}

void TraceHub::Push(ports::TraceLine line, Watcher* watcher) {
  std::deque<ports::TraceLine>& lines = watcher->lines;
  if (lines.size() < kMostLines && watcher->bytes + line.text.size() <= kMostBytes) {
    watcher->bytes += line.text.size();
    lines.push_back(std::move(line));
    return;
  }
  if (lines.back().missed == 0) {
    line.text.clear();
    lines.push_back(std::move(line));
  }
  ++lines.back().missed;
}

void TraceHub::Tell(const ports::TraceLine& line, absl::string_view mark, absl::string_view text,
                    const std::string* opening) {
  ports::TraceLine told = line;
  told.time = clock_->Now().wall;
  std::vector<std::shared_ptr<Watcher>> to_wake;
  {
    base::MutexLock lock(&mu_);
    for (auto& [number, watcher] : watchers_) {
      if (!Wants(*watcher, line)) continue;
      if (watcher->lines.empty()) to_wake.push_back(watcher);
      if (watcher->seen.insert(line.connection).second && opening != nullptr) {
        told.earlier = true;
        for (const absl::string_view before : absl::StrSplit(*opening, '\n', absl::SkipEmpty())) {
          told.text = std::string(before);
          Push(told, watcher.get());
        }
        told.earlier = false;
      }
      told.text = absl::StrCat(mark, text);
      Push(told, watcher.get());
    }
  }
  for (const auto& watcher : to_wake) watcher->wake();
}

void TraceHub::Forget(ConnectionId connection) {
  base::MutexLock lock(&mu_);
  for (auto& [number, watcher] : watchers_) watcher->seen.erase(connection);
}

void Tap::OnBody(size_t bytes) {
  if (hub_->watched()) Tell("* ", absl::StrCat("message of ", bytes, " bytes"));
}

void Tap::OnReply(const Reply& reply) {
  if (!hub_->watched()) return;
  for (const std::string& line : reply.WireLines()) {
    Tell(reply.code == 0 ? "< (no SMTP) " : "< ", line);
  }
}

void Tap::OnClosed(absl::string_view why) {
  if (!hub_->watched()) return;
  Tell("* ", absl::StrCat("closed", why.empty() ? "" : ": ", why));
  hub_->Forget(line_.connection);
}

void Tap::Begin(DeliveryId delivery, std::string recipient) {
  line_.delivery = delivery;
  line_.recipient = std::move(recipient);
}

void Tap::End() {
  line_.delivery = DeliveryId();
  line_.recipient.clear();
}

}  // namespace crescendo::smtp
