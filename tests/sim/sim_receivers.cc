#include "tests/sim/sim_receivers.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "scheduler/base/check.h"
#include "scheduler/base/civil_day.h"

namespace crescendo::sim {
namespace {

Reply MakeReply(int code, EnhancedStatus enhanced, std::string text, SmtpStage stage) {
  Reply reply;
  reply.code = code;
  reply.enhanced = enhanced;
  reply.lines = {std::move(text)};
  reply.stage = stage;
  return reply;
}

uint64_t Hash(const std::string& text, uint64_t salt) {
  uint64_t hash = 1469598103934665603u ^ salt;
  for (const unsigned char c : text) hash = (hash ^ c) * 1099511628211u;
  return base::Random::Mix(hash);
}

}  // namespace

SimReceivers::SimReceivers(support::SimClock* clock, uint64_t seed,
                           std::map<std::string, Behaviour> behaviours_by_host)
    : clock_(clock), random_(seed), behaviours_(std::move(behaviours_by_host)) {}

double SimReceivers::Fate(const std::string& address, uint64_t salt) const {
  return static_cast<double>(Hash(address, salt) >> 11) * 0x1.0p-53;
}

void SimReceivers::Later(absl::Duration after, ports::TransportEvent event) {
  due_.emplace(clock_->Now().wall + after, std::move(event));
}

void SimReceivers::CloseLater(ConnectionId id, absl::Duration after, Reply reply,
                              std::string detail) {
  ports::TransportEvent event;
  event.kind = ports::TransportEvent::Kind::kClosed;
  event.connection = id;
  event.reply = std::move(reply);
  event.detail = std::move(detail);
  Later(after, std::move(event));
}

void SimReceivers::Open(ports::OpenConnection request) {
  const Behaviour& behaviour = behaviours_.at(request.host.name);
  const ConnectionId id = request.connection;
  Source& source = sources_[{request.source_address, request.host.name}];
  connections_[id] = {request, false, false};
  const absl::Duration latency = absl::Milliseconds(random_.Between(20, 200));
  if (Suffers(Incident::Kind::kDown, request.host.name, request.source_address)) {
    return CloseLater(id, absl::Seconds(30), {}, "connection timed out");
  }
  if (random_.Unit() < behaviour.refuse_connection) {
    return CloseLater(id, latency, {}, "connection refused");
  }
  if (behaviour.connections > 0 && source.connections >= behaviour.connections) {
    return CloseLater(id, latency,
                      MakeReply(421, {4, 7, 0}, "Too many concurrent connections from your IP",
                                SmtpStage::kConnect),
                      "");
  }
  ++source.connections;
  connections_[id].open = true;
  ports::TransportEvent event;
  event.kind = ports::TransportEvent::Kind::kOpened;
  event.connection = id;
  Later(latency, std::move(event));
}

Reply SimReceivers::Judge(const Behaviour& behaviour, Source& source,
                          const ports::SendMessage& message, const std::string& source_address) {
  const absl::Time now = clock_->Now().wall;
  const std::string& address = message.rcpt_to;
  if (!incidents_.empty()) {
    const std::string& host = connections_.at(message.connection).request.host.name;
    if (Suffers(Incident::Kind::kBlocked, host, source_address)) {
      return MakeReply(554, {5, 7, 1}, "Service unavailable; your address is listed by a blocklist",
                       SmtpStage::kRcpt);
    }
    if (Suffers(Incident::Kind::kBusy, host, source_address)) {
      return MakeReply(450, {4, 2, 0}, "Try again later", SmtpStage::kRcpt);
    }
  }
  if (behaviour.rate_per_hour > 0) {
    if (source.tokens < 0) source.tokens = behaviour.burst;
    if (source.filled_at != absl::InfinitePast()) {
      source.tokens = std::min<double>(
          behaviour.burst,
          source.tokens +
              behaviour.rate_per_hour * absl::FDivDuration(now - source.filled_at, absl::Hours(1)));
    }
    source.filled_at = now;
    const bool over = source.tokens < 1;
    if (over || now < source.penalty_until) {
      source.penalty_until = now + behaviour.penalty;
      ++witness_.rate_refusals;
      return MakeReply(
          421, {4, 7, 28},
          "Gmail has detected an unusual rate of email originating from your IP address. "
          "To protect our users from spam, email has been temporarily rate limited.",
          SmtpStage::kEndOfData);
    }
    source.tokens -= 1;
  }
  if (Fate(address, 1) < behaviour.unknown) {
    return MakeReply(550, {5, 1, 1}, "The email account that you tried to reach does not exist.",
                     SmtpStage::kRcpt);
  }
  if (Fate(address, 2) < behaviour.full) {
    return MakeReply(452, {4, 2, 2}, "The recipient's inbox is out of storage space.",
                     SmtpStage::kRcpt);
  }
  if (Fate(address, 3) < behaviour.greylist) {
    const auto [first, is_new] = greylist_.try_emplace({source_address, address}, now);
    if (is_new || now - first->second < absl::Minutes(5)) {
      return MakeReply(450, {4, 7, 1}, "Greylisted, please try again later", SmtpStage::kRcpt);
    }
  }
  if (random_.Unit() < behaviour.deferred) {
    return MakeReply(450, {4, 2, 0}, "Try again later", SmtpStage::kRcpt);
  }
  if (random_.Unit() < behaviour.temporary) {
    return MakeReply(451, {4, 3, 0}, "Mail server temporarily rejected message.",
                     SmtpStage::kEndOfData);
  }
  if (random_.Unit() < behaviour.content) {
    return MakeReply(550, {5, 7, 1}, "Message rejected as spam by content scanning",
                     SmtpStage::kEndOfData);
  }
  return MakeReply(250, {2, 0, 0}, "OK queued", SmtpStage::kEndOfData);
}

void SimReceivers::CountUsed(const std::string& source, bool accepted) {
  const auto key = std::make_pair(source, base::DayOf(clock_->Now().wall, absl::UTCTimeZone()));
  const int64_t used = ++witness_.used[key];
  if (accepted) ++witness_.accepted[key];
  if (on_used_) on_used_(source, key.second, used);
}

bool SimReceivers::Suffers(Incident::Kind kind, const std::string& host,
                           const std::string& source) const {
  const absl::Time now = clock_->Now().wall;
  return std::any_of(incidents_.begin(), incidents_.end(), [&](const Incident& one) {
    return one.kind == kind && one.host == host && (one.source.empty() || one.source == source) &&
           one.from <= now && now < one.to;
  });
}

void SimReceivers::Send(ports::SendMessage message) {
  Connection& connection = connections_.at(message.connection);
  CRESCENDO_CHECK(connection.open && !connection.dead);
  const std::string source_address = connection.request.source_address;
  const std::string host = connection.request.host.name;
  const Behaviour& behaviour = behaviours_.at(host);
  Source& source = sources_[{source_address, host}];
  if (on_send_) on_send_(source_address, host, message);
  ++witness_.sends;

  ports::TransportEvent event;
  event.kind = ports::TransportEvent::Kind::kSent;
  event.connection = message.connection;
  event.delivery = message.delivery;
  const absl::Duration latency = absl::Milliseconds(random_.Between(50, 500));
  if (random_.Unit() < behaviour.drop_before_dot) {
    connection.dead = true;
    event.result = ports::TransportEvent::SentResult::kNotTransferred;
    event.detail = "connection reset by peer";
    Later(latency, std::move(event));
    return CloseLater(message.connection, latency, {}, "connection reset by peer");
  }
  const Reply reply = Judge(behaviour, source, message, source_address);
  if (reply.positive()) {
    ++witness_.copies[message.delivery];
    CountUsed(source_address, true);
  } else if (reply.permanent()) {
    ++witness_.refused;
    CountUsed(source_address, false);
  } else {
    ++witness_.deferred;
  }
  if (reply.stage == SmtpStage::kEndOfData && random_.Unit() < behaviour.drop_after_dot) {
    ++witness_.in_doubt[message.delivery];
    connection.dead = true;
    event.result = ports::TransportEvent::SentResult::kInDoubt;
    event.detail = "connection lost after the final dot";
    Later(latency, std::move(event));
    return CloseLater(message.connection, latency, {}, "connection lost");
  }
  event.result = ports::TransportEvent::SentResult::kReply;
  event.reply = reply;
  event.connection_usable = reply.code != 421;
  Later(latency, std::move(event));
  if (reply.code == 421) {
    connection.dead = true;
    CloseLater(message.connection, latency, reply, "");
  }
}

void SimReceivers::Close(ConnectionId id) {
  const auto found = connections_.find(id);
  if (found == connections_.end() || found->second.dead) return;
  found->second.dead = true;
  CloseLater(id, absl::Milliseconds(20), {}, "");
}

absl::Time SimReceivers::NextAt() const {
  return due_.empty() ? absl::InfiniteFuture() : due_.begin()->first;
}

void SimReceivers::Run() {
  const absl::Time now = clock_->Now().wall;
  while (!due_.empty() && due_.begin()->first <= now) {
    ports::TransportEvent event = std::move(due_.begin()->second);
    due_.erase(due_.begin());
    if (event.kind == ports::TransportEvent::Kind::kClosed) {
      const auto found = connections_.find(event.connection);
      const ports::OpenConnection& request = found->second.request;
      if (found->second.open) --sources_[{request.source_address, request.host.name}].connections;
      connections_.erase(found);
    }
    listener_(std::move(event));
  }
}

void SimReceivers::Crash() {
  for (const auto& [time, event] : due_) {
    if (event.kind != ports::TransportEvent::Kind::kSent) continue;
    // Whether it was accepted has been decided (and counted) when it was sent.
    if (event.result != ports::TransportEvent::SentResult::kInDoubt)
      ++witness_.in_doubt[event.delivery];
  }
  due_.clear();
  connections_.clear();
  for (auto& [key, source] : sources_) source.connections = 0;
}

}  // namespace crescendo::sim
