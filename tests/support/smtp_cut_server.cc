#include "tests/support/smtp_cut_server.h"

#include <algorithm>
#include <array>
#include <utility>

#include <asio/write.hpp>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "scheduler/base/check.h"

namespace crescendo::testing {

// One connection. Everything happens on the server's thread; a cut session stays in memory until
// its client goes.
class SmtpCutServer::Session : public std::enable_shared_from_this<Session> {
 public:
  Session(SmtpCutServer& server, Tcp::socket socket, int number)
      : server_(server), socket_(std::move(socket)), number_(number) {
    base::MutexLock lock(&server_.mu_);
    SmtpCutSession& seen = server_.seen_[number_];
    if (seen.connections++ == 0) {
      cut_ = server_.cuts_[number_];
    } else {
      seen = {.cut = seen.cut, .connections = seen.connections};
    }
  }

  void Start() {
    asio::error_code ignored;
    socket_.set_option(Tcp::no_delay(true), ignored);
    Say("220 mx.test ESMTP\r\n");
    if (!Spent()) Read();
  }

 private:
  using Message = SmtpCutSession::Message;
  struct SslFree {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };

  void Read() {
    size_t most = buffer_.size();
    if (cut_.side == SmtpCut::Side::kClient) most = std::min(most, cut_.after - read_);
    socket_.async_read_some(
        asio::buffer(buffer_.data(), most),
        [self = shared_from_this()](const asio::error_code& error, size_t bytes) {
          if (!error) self->OnRead(bytes);
        });
  }

  void OnRead(size_t bytes) {
    read_ += bytes;
    Note([&](SmtpCutSession& seen) { seen.read = read_; });
    if (ssl_ == nullptr) {
      inbox_.append(buffer_.data(), bytes);
    } else {
      BIO_write(SSL_get_rbio(ssl_.get()), buffer_.data(), static_cast<int>(bytes));
      Decrypt();
    }
    while (!Over() && TakeOne()) {
    }
    if (!Over() && !Spent()) Read();
  }

  // The client's bytes are used up: what they asked for has been answered.
  bool Spent() {
    if (Over()) return true;
    if (cut_.side != SmtpCut::Side::kClient || read_ < cut_.after) return false;
    Cut();
    return true;
  }
  bool Over() const { return cut_done_ || quit_; }

  void Decrypt() {
    if (!SSL_is_init_finished(ssl_.get())) {
      SSL_do_handshake(ssl_.get());
      Flush();
    }
    char plain[4096];
    for (int size; (size = SSL_read(ssl_.get(), plain, sizeof(plain))) > 0;) {
      inbox_.append(plain, size);
    }
  }

  // One command or message of the inbox; false if there is no whole one.
  bool TakeOne() {
    if (chunk_ > 0 && inbox_.size() < chunk_) return false;
    if (chunk_ > 0) {
      inbox_.erase(0, std::exchange(chunk_, 0));
      TookMessage();
      return true;
    }
    const std::string end = in_body_ ? "\r\n.\r\n" : "\r\n";
    const size_t at = inbox_.find(end);
    if (at == std::string::npos) return false;
    const std::string taken = inbox_.substr(0, at + end.size());
    inbox_.erase(0, taken.size());
    if (in_body_) {
      in_body_ = false;
      TookMessage();
    } else {
      Answer(taken);
    }
    return true;
  }

  void TookMessage() {
    Note([](SmtpCutSession& seen) { seen.messages.back().dot_read = true; });
    Say("250 2.0.0 queued\r\n", &Message::answered);
  }

  void Ask(absl::string_view reply) {
    Note([&](SmtpCutSession& seen) { seen.messages.push_back({.asked_after = read_}); });
    Say(reply, &Message::asked);
  }

  void Answer(absl::string_view command) {
    if (absl::StartsWith(command, "EHLO ")) {
      std::string reply = "250-mx.test\r\n";
      for (const std::string& keyword : server_.keywords_) {
        absl::StrAppend(&reply, "250-", keyword, "\r\n");
      }
      if (server_.offers_tls_ && ssl_ == nullptr) reply += "250-STARTTLS\r\n";
      Say(reply + "250 HELP\r\n");
    } else if (command == "STARTTLS\r\n") {
      if (!Say("220 go\r\n")) return;
      ssl_.reset(SSL_new(server_.tls_.native_handle()));
      SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
      SSL_set_accept_state(ssl_.get());
    } else if (command == "DATA\r\n") {
      in_body_ = true;
      Ask("354 go\r\n");
    } else if (absl::StartsWith(command, "RCPT ") && server_.chunking_) {
      Ask("250 ok\r\n");
    } else if (absl::ConsumePrefix(&command, "BDAT ")) {
      CRESCENDO_CHECK(absl::ConsumeSuffix(&command, " LAST\r\n"));
      CRESCENDO_CHECK(absl::SimpleAtoi(command, &chunk_));
    } else if (command == "QUIT\r\n") {
      if (!Say("221 bye\r\n")) return;
      quit_ = true;
      asio::error_code ignored;
      socket_.close(ignored);
    } else {
      Say("250 ok\r\n");
    }
  }

  // True if the client gets all of it; then `mark` is set, which is no later than it can tell.
  bool Say(absl::string_view text, bool Message::*mark = nullptr) {
    if (ssl_ == nullptr) return Write(text, mark);
    SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size()));
    return Flush(mark);
  }

  bool Flush(bool Message::*mark = nullptr) {
    char* data = nullptr;
    BIO* const out = SSL_get_wbio(ssl_.get());
    const long size = BIO_get_mem_data(out, &data);
    const bool whole = Write(absl::string_view(data, size), mark);
    BIO_reset(out);
    return whole;
  }

  bool Write(absl::string_view bytes, bool Message::*mark) {
    if (Over()) return false;
    const bool counted = cut_.side == SmtpCut::Side::kServer;
    const absl::string_view now = bytes.substr(0, counted ? cut_.after - sent_ : bytes.size());
    const bool whole = now.size() == bytes.size();
    sent_ += now.size();
    Note([&](SmtpCutSession& seen) {
      seen.sent = sent_;
      if (whole && mark != nullptr) seen.messages.back().*mark = true;
    });
    asio::error_code ignored;
    asio::write(socket_, asio::buffer(now.data(), now.size()), ignored);
    if (counted && sent_ >= cut_.after) Cut();
    return whole;
  }

  void Cut() {
    cut_done_ = true;
    Note([](SmtpCutSession& seen) { seen.cut = true; });
    server_.on_cut_();
    asio::error_code ignored;
    if (cut_.way == SmtpCut::Way::kReset) {
      socket_.set_option(asio::socket_base::linger(true, 0), ignored);
      socket_.close(ignored);
      return;
    }
    if (cut_.way == SmtpCut::Way::kFin) socket_.shutdown(Tcp::socket::shutdown_send, ignored);
    Linger();
  }

  // Until the client goes. A socket closed with bytes unread would send a RST.
  void Linger() {
    socket_.async_read_some(asio::buffer(buffer_),
                            [self = shared_from_this()](const asio::error_code& error, size_t) {
                              if (!error) self->Linger();
                            });
  }

  template <class Change>
  void Note(Change change) {
    base::MutexLock lock(&server_.mu_);
    change(server_.seen_[number_]);
  }

  SmtpCutServer& server_;
  Tcp::socket socket_;
  const int number_;
  SmtpCut cut_;
  std::unique_ptr<SSL, SslFree> ssl_;
  std::array<char, 4096> buffer_;
  std::string inbox_;  // Plain text.
  size_t sent_ = 0, read_ = 0;
  bool in_body_ = false;
  size_t chunk_ = 0;  // Of a BDAT under way.
  bool cut_done_ = false;
  bool quit_ = false;
};

SmtpCutServer::SmtpCutServer(const TestCertificate* certificate, std::vector<std::string> keywords,
                             std::function<void()> on_cut)
    : keywords_(std::move(keywords)),
      on_cut_(std::move(on_cut)),
      chunking_(std::count(keywords_.begin(), keywords_.end(), "CHUNKING") > 0),
      tls_(asio::ssl::context::tls_server),
      offers_tls_(certificate != nullptr),
      acceptor_(io_, Tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
      port_(acceptor_.local_endpoint().port()) {
  if (certificate != nullptr) {
    tls_.use_certificate_chain(asio::buffer(certificate->certificate));
    tls_.use_private_key(asio::buffer(certificate->key), asio::ssl::context::pem);
  }
  Accept();
  thread_ = std::thread([this] { io_.run(); });
}

SmtpCutServer::~SmtpCutServer() {
  io_.stop();
  thread_.join();
}

void SmtpCutServer::Accept() {
  acceptor_.async_accept([this](const asio::error_code& error, Tcp::socket socket) {
    if (error) return;
    asio::error_code gone;
    const Tcp::endpoint client = socket.remote_endpoint(gone);
    if (!gone) {
      const auto bytes = client.address().to_v4().to_bytes();
      std::make_shared<Session>(*this, std::move(socket), bytes[2] * 256 + bytes[3])->Start();
    }
    Accept();
  });
}

std::string SmtpCutServer::SourceOf(int session) {
  CRESCENDO_CHECK(session >= 0 && session < 65536);
  return absl::StrCat("127.77.", session / 256, ".", session % 256);
}

void SmtpCutServer::Expect(int session, const SmtpCut& cut) {
  base::MutexLock lock(&mu_);
  cuts_[session] = cut;
}

SmtpCutSession SmtpCutServer::Seen(int session) const {
  base::MutexLock lock(&mu_);
  const auto found = seen_.find(session);
  return found == seen_.end() ? SmtpCutSession() : found->second;
}

}  // namespace crescendo::testing
