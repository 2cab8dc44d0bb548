#include "tests/crash/receiver.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "scheduler/base/check.h"
#include "scheduler/base/random.h"

namespace crescendo::crash {
namespace {

uint64_t Dice(const std::string& address) {
  return base::Random::Mix(std::hash<std::string>()(address)) % 100;
}

bool IsGreylisted(const std::string& address) { return Dice(address) >= 94; }

// The address between < and >.
std::string Path(const std::string& line) {
  const size_t from = line.find('<'), to = line.find('>');
  return from == std::string::npos || to == std::string::npos
             ? ""
             : line.substr(from + 1, to - from - 1);
}

}  // namespace

bool IsUnknown(const std::string& address) { return Dice(address) < 3; }

struct Receiver::Session {
  int fd = -1;
  std::string heard;
  bool in_message = false;
  std::string recipient;
  std::string message_id;
  ~Session() { close(fd); }
};

Receiver::Receiver(const base::Clock* clock) : clock_(clock) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  CRESCENDO_CHECK(bind(listener_, any, size) == 0 && listen(listener_, 64) == 0 &&
                  getsockname(listener_, any, &size) == 0 && pipe2(stop_, O_CLOEXEC) == 0);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Serve(); });
}

Receiver::~Receiver() {
  close(stop_[1]);
  thread_.join();
  close(stop_[0]);
  close(listener_);
}

void Receiver::Serve() {
  std::vector<std::unique_ptr<Session>> sessions;
  for (;;) {
    std::vector<pollfd> waits = {{stop_[0], POLLIN, 0}, {listener_, POLLIN, 0}};
    for (const auto& session : sessions) waits.push_back({session->fd, POLLIN, 0});
    if (poll(waits.data(), waits.size(), -1) <= 0) continue;
    if (waits[0].revents != 0) return;
    for (size_t i = sessions.size(); i-- > 0;) {
      if (waits[i + 2].revents != 0 && !Hear(*sessions[i])) {
        sessions.erase(sessions.begin() + static_cast<ptrdiff_t>(i));
      }
    }
    if (waits[1].revents == 0) continue;
    auto session = std::make_unique<Session>();
    session->fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (session->fd < 0) continue;
    const int on = 1;
    setsockopt(session->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    Pass(Moment::kConnect);
    send(session->fd, "220 mx.example\r\n", 16, MSG_NOSIGNAL);
    sessions.push_back(std::move(session));
  }
}

bool Receiver::Hear(Session& session) {
  char bytes[8192];
  const ssize_t n = recv(session.fd, bytes, sizeof(bytes), 0);
  if (n <= 0) return false;
  session.heard.append(bytes, static_cast<size_t>(n));
  std::string answers;
  const auto say = [&] {
    const bool said =
        answers.empty() || send(session.fd, answers.data(), answers.size(), MSG_NOSIGNAL) >= 0;
    answers.clear();
    return said;
  };
  for (size_t end; (end = session.heard.find("\r\n")) != std::string::npos;) {
    const std::string line = session.heard.substr(0, end);
    session.heard.erase(0, end + 2);
    if (session.in_message && line != ".") {
      absl::string_view id = line;
      if (absl::ConsumePrefix(&id, "Message-ID: ")) session.message_id = std::string(id);
      continue;
    }
    if (session.in_message) {
      TakeMessage(session);
      Pass(Moment::kDotUnanswered);
      answers += "250 2.0.0 taken\r\n";
      if (!say()) return false;
      Pass(Moment::kDotAnswered);
      continue;
    }
    answers += Answer(session, line);
    if (absl::StartsWith(line, "QUIT")) {
      say();
      return false;
    }
  }
  return say();
}

std::string Receiver::Answer(Session& session, const std::string& line) {
  if (absl::StartsWith(line, "EHLO")) return "250-mx.example\r\n250 PIPELINING\r\n";
  if (absl::StartsWith(line, "RCPT")) {
    Pass(Moment::kRecipient);
    session.recipient = Path(line);
    if (IsUnknown(session.recipient)) {
      session.recipient.clear();
      return "550 5.1.1 no such user\r\n";
    }
    base::MutexLock lock(&mu_);
    if (IsGreylisted(session.recipient) && offered_[session.recipient]++ == 0) {
      session.recipient.clear();
      return "450 4.7.1 greylisted\r\n";
    }
    return "250 2.1.5 ok\r\n";
  }
  if (absl::StartsWith(line, "DATA")) {
    if (session.recipient.empty()) return "554 5.5.1 no recipients\r\n";
    session.in_message = true;
    Pass(Moment::kBody);
    return "354 go on\r\n";
  }
  if (absl::StartsWith(line, "QUIT")) return "221 2.0.0 bye\r\n";
  return "250 2.0.0 ok\r\n";
}

void Receiver::TakeMessage(Session& session) {
  session.in_message = false;
  base::MutexLock lock(&mu_);
  copies_[session.recipient].push_back({clock_->Now().wall, session.message_id});
  session.recipient.clear();
}

void Receiver::StrikeAt(Moment moment, int nth, std::function<void()> strike) {
  base::MutexLock lock(&mu_);
  strike_moment_ = moment;
  strike_in_ = nth;
  strike_ = std::move(strike);
}

void Receiver::Pass(Moment moment) {
  std::function<void()> strike;
  {
    base::MutexLock lock(&mu_);
    if (strike_in_ == 0 || strike_moment_ != moment || --strike_in_ > 0) return;
    strike = std::move(strike_);
  }
  strike();
}

std::map<std::string, std::vector<Copy>> Receiver::copies() const {
  base::MutexLock lock(&mu_);
  return copies_;
}

}  // namespace crescendo::crash
