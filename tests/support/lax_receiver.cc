#include "tests/support/lax_receiver.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <sys/socket.h>

#include <asio/write.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace crescendo::testing {
namespace {

constexpr int kSocketBytes = 16 << 10;

}  // namespace

class LaxReceiver::Session {
 public:
  Session(LaxReceiver& server, Tcp::socket& socket) : server_(server), socket_(socket) {}

  void Serve() {
    Say("220 lax.test ESMTP\r\n");
    // A line that is empty is what an end that came early leaves behind.
    while (const auto line = TakeLine()) {
      if (!line->empty() && !Answer(*line)) return;
    }
  }

 private:
  bool Answer(const std::string& line) {
    if (absl::StartsWith(line, "EHLO ")) {
      const bool starttls = server_.offers_tls_ && tls_ == nullptr;
      return Say(absl::StrCat("250-lax.test\r\n", starttls ? "250-STARTTLS\r\n" : "",
                              "250-8BITMIME\r\n250 PIPELINING\r\n"));
    }
    if (line == "STARTTLS") return Say("220 go\r\n") && ShakeHands();
    if (absl::StartsWith(line, "MAIL FROM:")) {
      from_ = line.substr(10);
      return Say("250 2.1.0 ok\r\n");
    }
    if (absl::StartsWith(line, "RCPT TO:") || line == "RSET") return Say("250 2.1.5 ok\r\n");
    if (line == "DATA") return Say("354 go\r\n") && TakeMessage() && Say("250 2.0.0 queued\r\n");
    if (line == "QUIT") return Say("221 bye\r\n") && false;
    base::MutexLock lock(&server_.mu_);
    server_.strays_.push_back(line);
    return Say("500 5.5.1 what\r\n");
  }

  template <class Work>
  void OnStream(Work work) {
    if (tls_ != nullptr) {
      work(*tls_);
    } else {
      work(socket_);
    }
  }

  bool Say(const std::string& text) {
    asio::error_code error;
    OnStream([&](auto& stream) { asio::write(stream, asio::buffer(text), error); });
    return !error;
  }

  bool ShakeHands() {
    asio::error_code error;
    tls_ = std::make_unique<asio::ssl::stream<Tcp::socket&>>(socket_, server_.tls_);
    tls_->handshake(asio::ssl::stream_base::server, asio::buffer(inbox_), error);
    inbox_.clear();
    return !error;
  }

  // False if the client is gone.
  bool Receive() {
    char bytes[4096];
    asio::error_code error;
    size_t size = 0;
    OnStream([&](auto& stream) { size = stream.read_some(asio::buffer(bytes), error); });
    inbox_.append(bytes, size);
    return !error;
  }

  // Without its end, of whatever kind.
  std::optional<std::string> TakeLine() {
    while (!absl::StrContains(inbox_, '\n')) {
      if (!Receive()) return std::nullopt;
    }
    const size_t end = inbox_.find('\n');
    std::string line = inbox_.substr(0, end);
    inbox_.erase(0, end + 1);
    line.erase(std::remove(line.begin(), line.end(), '\r'), line.end());
    return line;
  }

  bool TakeMessage() {
    inbox_.insert(0, "\r\n");  // The line end of DATA may be the first half of an end.
    for (size_t searched = 0;; searched = inbox_.size()) {
      const size_t from = searched - std::min<size_t>(searched, 8);
      const size_t strict = inbox_.find("\r\n.\r\n", from);
      const size_t lax = server_.end_.empty() ? std::string::npos : inbox_.find(server_.end_, from);
      const size_t end = std::min(strict, lax);
      if (end != std::string::npos) {
        Keep(inbox_.substr(0, end));
        inbox_.erase(0, end + (end == lax ? server_.end_.size() : 5));
        return true;
      }
      if (!Receive()) return false;
    }
  }

  void Keep(absl::string_view wire) {
    absl::ConsumePrefix(&wire, "\r\n");
    base::MutexLock lock(&server_.mu_);
    server_.messages_.push_back({from_, std::string(wire)});
  }

  LaxReceiver& server_;
  Tcp::socket& socket_;
  std::unique_ptr<asio::ssl::stream<Tcp::socket&>> tls_;
  std::string inbox_, from_;
};

LaxReceiver::LaxReceiver(std::string end, const TestCertificate* tls)
    : end_(std::move(end)),
      offers_tls_(tls != nullptr),
      tls_(asio::ssl::context::tls_server),
      acceptor_(io_, Tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
      port_(acceptor_.local_endpoint().port()) {
  acceptor_.set_option(asio::socket_base::receive_buffer_size(kSocketBytes));
  if (tls != nullptr) {
    tls_.use_certificate_chain(asio::buffer(tls->certificate));
    tls_.use_private_key(asio::buffer(tls->key), asio::ssl::context::pem);
  }
  thread_ = std::thread([this] { Serve(); });
}

LaxReceiver::~LaxReceiver() {
  {
    base::MutexLock lock(&mu_);
    stopping_ = true;
    ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
    if (current_ >= 0) ::shutdown(current_, SHUT_RDWR);
  }
  thread_.join();
}

void LaxReceiver::Serve() {
  while (true) {
    asio::error_code error;
    Tcp::socket socket(io_);
    acceptor_.accept(socket, error);
    {
      base::MutexLock lock(&mu_);
      if (error || stopping_) return;
      current_ = socket.native_handle();
    }
    socket.set_option(Tcp::no_delay(true), error);
    Session(*this, socket).Serve();
    base::MutexLock lock(&mu_);
    current_ = -1;
    socket.close(error);
  }
}

std::vector<LaxReceiver::Message> LaxReceiver::messages() const {
  base::MutexLock lock(&mu_);
  return messages_;
}
std::vector<std::string> LaxReceiver::strays() const {
  base::MutexLock lock(&mu_);
  return strays_;
}

}  // namespace crescendo::testing
