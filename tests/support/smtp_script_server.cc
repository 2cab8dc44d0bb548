#include "tests/support/smtp_script_server.h"

#include <algorithm>
#include <utility>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

#include <asio/read.hpp>
#include <asio/read_until.hpp>
#include <asio/write.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "scheduler/base/check.h"

namespace crescendo::testing {
namespace {

std::string Pem(const std::function<int(BIO*)>& write) {
  std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), &BIO_free);
  CRESCENDO_CHECK(write(bio.get()) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, size);
}

void AddExtension(X509* certificate, int nid, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
  CRESCENDO_CHECK(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

}  // namespace

ScriptStep Say(absl::string_view bytes) { return {ScriptStep::Kind::kSay, std::string(bytes)}; }
ScriptStep Read(absl::string_view prefix) { return {ScriptStep::Kind::kRead, std::string(prefix)}; }
ScriptStep ReadMessage() { return {ScriptStep::Kind::kReadMessage, ""}; }
ScriptStep SipMessage(size_t bytes) { return {ScriptStep::Kind::kSip, "", bytes}; }
ScriptStep Drip(absl::string_view text) { return {ScriptStep::Kind::kDrip, std::string(text)}; }
ScriptStep Flood(absl::string_view text) { return {ScriptStep::Kind::kFlood, std::string(text)}; }
ScriptStep StartTls() { return {ScriptStep::Kind::kStartTls, ""}; }
ScriptStep Hang() { return {ScriptStep::Kind::kHang, ""}; }
ScriptStep Stall() { return {ScriptStep::Kind::kStall, ""}; }
ScriptStep Cut() { return {ScriptStep::Kind::kCut, ""}; }
ScriptStep Reset() { return {ScriptStep::Kind::kReset, ""}; }

SmtpScript Greeting(const std::vector<std::string>& keywords) {
  std::string ehlo = "250-mx.test\r\n";
  for (const std::string& keyword : keywords) absl::StrAppend(&ehlo, "250-", keyword, "\r\n");
  return {Say("220 mx.test ESMTP\r\n"), Read("EHLO "), Say(ehlo + "250 HELP\r\n")};
}

SmtpScript operator+(SmtpScript a, const SmtpScript& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TestCertificate MakeCertificate(const std::string& name, long until) {
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  std::unique_ptr<X509, decltype(&X509_free)> x509(X509_new(), &X509_free);
  CRESCENDO_CHECK(key != nullptr && x509 != nullptr);
  X509_set_version(x509.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x509.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(x509.get()), std::min(until, 0L) - 3600);
  X509_gmtime_adj(X509_getm_notAfter(x509.get()), until);
  X509_set_pubkey(x509.get(), key.get());
  X509_NAME* const subject = X509_get_subject_name(x509.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(x509.get(), subject);
  AddExtension(x509.get(), NID_subject_alt_name, "DNS:" + name);
  AddExtension(x509.get(), NID_basic_constraints, "critical,CA:TRUE");
  CRESCENDO_CHECK(X509_sign(x509.get(), key.get(), EVP_sha256()) > 0);
  return {Pem([&](BIO* out) {
            return PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
          }),
          Pem([&](BIO* out) { return PEM_write_bio_X509(out, x509.get()); })};
}

// One connection, as far as its script goes.
class SmtpScriptServer::Session {
 public:
  Session(SmtpScriptServer& server, Tcp::socket& socket) : server_(server), socket_(socket) {}

  void Play(const SmtpScript& script) {
    for (const ScriptStep& step : script) {
      if (!PlayStep(step)) return;
    }
  }

 private:
  bool PlayStep(const ScriptStep& step) {
    asio::error_code error;
    switch (step.kind) {
      case ScriptStep::Kind::kSay:
        OnStream([&](auto& stream) { asio::write(stream, asio::buffer(step.text), error); });
        return !error;
      case ScriptStep::Kind::kRead:
        return ReadLine(step.text);
      case ScriptStep::Kind::kReadMessage:
        return ReadBody();
      case ScriptStep::Kind::kSip:
        return SipBody(step.bytes);
      case ScriptStep::Kind::kDrip:
        while (!error) {
          OnStream([&](auto& stream) { asio::write(stream, asio::buffer(step.text), error); });
          poll(nullptr, 0, 1);  // The pace of a drip.
        }
        return false;
      case ScriptStep::Kind::kFlood:
        SayFlood(step.text);
        return false;
      case ScriptStep::Kind::kStartTls:
        // What the client sent ahead of the handshake is part of it.
        tls_ = std::make_unique<asio::ssl::stream<Tcp::socket&>>(socket_, server_.tls_);
        tls_->handshake(asio::ssl::stream_base::server, asio::buffer(inbox_), error);
        inbox_.clear();
        return !error;
      case ScriptStep::Kind::kHang:
        OnStream([&](auto& stream) {
          char byte[512];
          while (!error) stream.read_some(asio::buffer(byte), error);
        });
        return false;
      case ScriptStep::Kind::kStall: {
        base::MutexLock lock(&server_.mu_);
        while (!server_.stopping_) server_.stop_.Wait(&server_.mu_);
        return false;
      }
      case ScriptStep::Kind::kCut:
        return false;
      case ScriptStep::Kind::kReset:
        socket_.set_option(asio::socket_base::linger(true, 0), error);
        return false;
    }
    return false;
  }

  template <class Work>
  void OnStream(Work work) {
    if (tls_ != nullptr) {
      work(*tls_);
    } else {
      work(socket_);
    }
  }

  // Up to and with `end`; "" if the client went first.
  std::string Take(absl::string_view end) {
    asio::error_code error;
    size_t size = 0;
    OnStream([&](auto& stream) {
      size = asio::read_until(stream, asio::dynamic_buffer(inbox_), std::string(end), error);
    });
    if (error) return "";
    const std::string taken = inbox_.substr(0, size);
    inbox_.erase(0, size);
    return taken;
  }

  bool ReadLine(const std::string& prefix) {
    std::string line = Take("\r\n");
    if (line.empty()) return false;
    line.resize(line.size() - 2);
    base::MutexLock lock(&server_.mu_);
    server_.lines_.push_back(line);
    return absl::StartsWith(line, prefix);
  }

  bool ReadBody() {
    const std::string body = Take("\r\n.\r\n");
    base::MutexLock lock(&server_.mu_);
    server_.messages_.push_back(body);
    return !body.empty();
  }

  bool SipBody(size_t bytes) {
    std::string body = std::exchange(inbox_, {}), sip(bytes, '\0');
    asio::error_code error;
    while (!absl::EndsWith(body, "\r\n.\r\n")) {
      size_t got = 0;
      OnStream([&](auto& stream) { got = stream.read_some(asio::buffer(sip), error); });
      if (error) return false;
      body.append(sip, 0, got);
      poll(nullptr, 0, 1);  // Its pace.
    }
    return true;
  }

  void SayFlood(const std::string& text) {
    std::string much;
    while (much.size() < 65536) much += text;
    asio::error_code error;
    for (size_t said = 0; said < 100000000 && !error;) {
      size_t bytes = 0;
      OnStream([&](auto& stream) { bytes = asio::write(stream, asio::buffer(much), error); });
      said += bytes;
      base::MutexLock lock(&server_.mu_);
      server_.flooded_ += bytes;
    }
  }

  SmtpScriptServer& server_;
  Tcp::socket& socket_;
  std::unique_ptr<asio::ssl::stream<Tcp::socket&>> tls_;
  std::string inbox_;
};

SmtpScriptServer::SmtpScriptServer(std::vector<SmtpScript> scripts, const TestCertificate* tls,
                                   int version)
    : scripts_(std::move(scripts)),
      tls_(asio::ssl::context::tls_server),
      acceptor_(io_, Tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
      port_(acceptor_.local_endpoint().port()) {
  if (tls != nullptr) {
    tls_.use_certificate_chain(asio::buffer(tls->certificate));
    tls_.use_private_key(asio::buffer(tls->key), asio::ssl::context::pem);
  }
  if (version != 0) {
    SSL_CTX_set_min_proto_version(tls_.native_handle(), version);
    SSL_CTX_set_max_proto_version(tls_.native_handle(), version);
    SSL_CTX_set_security_level(tls_.native_handle(), 0);  // Also old ones.
  }
  thread_ = std::thread([this] { Serve(); });
}

SmtpScriptServer::~SmtpScriptServer() {
  {
    base::MutexLock lock(&mu_);
    stopping_ = true;
    stop_.NotifyAll();
    ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
    if (current_ >= 0) ::shutdown(current_, SHUT_RDWR);
  }
  thread_.join();
}

void SmtpScriptServer::Serve() {
  for (size_t n = 0;; ++n) {
    asio::error_code error;
    Tcp::endpoint client;
    Tcp::socket socket(io_);
    acceptor_.accept(socket, client, error);
    {
      base::MutexLock lock(&mu_);
      if (error || stopping_) return;
      clients_.push_back(client.address().to_string());
      current_ = socket.native_handle();
    }
    Session(*this, socket).Play(scripts_[std::min(n, scripts_.size() - 1)]);
    base::MutexLock lock(&mu_);
    current_ = -1;
    socket.close(error);
  }
}

std::vector<std::string> SmtpScriptServer::lines() const {
  base::MutexLock lock(&mu_);
  return lines_;
}
std::vector<std::string> SmtpScriptServer::messages() const {
  base::MutexLock lock(&mu_);
  return messages_;
}
std::vector<std::string> SmtpScriptServer::clients() const {
  base::MutexLock lock(&mu_);
  return clients_;
}

size_t SmtpScriptServer::flooded() const {
  base::MutexLock lock(&mu_);
  return flooded_;
}

}  // namespace crescendo::testing
