#include "tests/sandbox/support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "cmd/crescendo-sandbox/scenario.h"
#include "scheduler/base/check.h"

namespace crescendo::sandbox {

absl::Time StartTime() { return absl::FromCivil(absl::CivilDay(2026, 1, 1), absl::UTCTimeZone()); }

base::Moment ManualClock::Now() const {
  base::MutexLock lock(&mu_);
  return {StartTime() + passed_, passed_};
}

void ManualClock::Advance(absl::Duration by) {
  base::MutexLock lock(&mu_);
  passed_ += by;
}

TempFolder::TempFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "sandbox-test-XXXXXX").string();
  CRESCENDO_CHECK(mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempFolder::File(absl::string_view name) const {
  return absl::StrCat(path_, "/", name);
}

struct Client::Tls {
  SSL_CTX* context = nullptr;
  SSL* ssl = nullptr;
  ~Tls() {
    SSL_free(ssl);
    SSL_CTX_free(context);
  }
};

Client::Client(const std::string& source_ip, const std::string& address, uint32_t port) {
  fd_ = socket(AF_INET, SOCK_STREAM, 0);
  CRESCENDO_CHECK(fd_ >= 0);
  const timeval limit = {10, 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  sockaddr_in from = {}, to = {};
  from.sin_family = to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(port));
  CRESCENDO_CHECK(inet_pton(AF_INET, source_ip.c_str(), &from.sin_addr) == 1);
  CRESCENDO_CHECK(inet_pton(AF_INET, address.c_str(), &to.sin_addr) == 1);
  CRESCENDO_CHECK(bind(fd_, reinterpret_cast<sockaddr*>(&from), sizeof(from)) == 0);
  CRESCENDO_CHECK(connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0);
}

Client::~Client() { Close(); }

Client::Client(Client&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      tls_(std::move(other.tls_)),
      inbox_(std::move(other.inbox_)) {}

void Client::Close() {
  tls_.reset();
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

void Client::Send(absl::string_view bytes) {
  // A server that has closed already is a case of its own: Read will tell.
  if (tls_ != nullptr) {
    SSL_write(tls_->ssl, bytes.data(), static_cast<int>(bytes.size()));
    return;
  }
  while (!bytes.empty()) {
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

std::string Client::Read() {
  std::string reply;
  while (true) {
    const size_t end = inbox_.find("\r\n");
    if (end != std::string::npos) {
      const std::string line = inbox_.substr(0, end);
      inbox_.erase(0, end + 2);
      absl::StrAppend(&reply, reply.empty() ? "" : "\n", line);
      if (line.size() < 4 || line[3] != '-') return reply;
      continue;
    }
    char buffer[4096];
    const ssize_t got = tls_ != nullptr ? SSL_read(tls_->ssl, buffer, sizeof(buffer))
                                        : recv(fd_, buffer, sizeof(buffer), 0);
    if (got <= 0) return "EOF";
    inbox_.append(buffer, static_cast<size_t>(got));
  }
}

std::string Client::Ask(absl::string_view command) {
  Send(absl::StrCat(command, "\r\n"));
  return Read();
}

std::string Client::Deliver(absl::string_view rcpt, absl::string_view message) {
  Send(absl::StrCat("MAIL FROM:<news@shop.example>\r\nRCPT TO:<", rcpt, ">\r\nDATA\r\n"));
  const std::string mail = Read();
  const std::string to = Read();
  const std::string data = Read();
  if (mail[0] != '2') return mail;
  if (to[0] != '2') {
    if (data != "EOF") Ask("RSET");
    return to;
  }
  if (data[0] != '3') return data;
  Send(absl::StrCat(message, ".\r\n"));
  return Read();
}

bool Client::ShakeHands() {
  tls_ = std::make_unique<Tls>();
  tls_->context = SSL_CTX_new(TLS_client_method());
  tls_->ssl = SSL_new(tls_->context);
  SSL_set_fd(tls_->ssl, fd_);
  return SSL_connect(tls_->ssl) == 1;
}

Sandbox::Sandbox(const std::string& scenario_text, const ServerOptions& options)
    : ledger_path_(folder_.File("ledger.jsonl")) {
  absl::StatusOr<v1::Scenario> scenario = ParseScenario(scenario_text);
  if (!scenario.ok()) fprintf(stderr, "%s\n", scenario.status().ToString().c_str());
  CRESCENDO_CHECK(scenario.ok());
  ledger_ = Ledger::Open(ledger_path_).value();
  server_ = Server::Listen(*std::move(scenario), ledger_.get(), &clock_, options).value();
  thread_ = std::thread([this] { server_->Run(); });
}

Sandbox::~Sandbox() { Stop(); }

void Sandbox::Stop() {
  if (!thread_.joinable()) return;
  server_->Stop();
  thread_.join();
}

Client Sandbox::Connect(const std::string& source_ip) {
  const v1::Provider& provider = scenario().providers(0);
  return Client(source_ip, provider.address(), provider.port());
}

Client Sandbox::Greeted(const std::string& source_ip) {
  Client client = Connect(source_ip);
  client.Read();
  client.Ask("EHLO mta1-a.example");
  return client;
}

std::vector<LedgerRecord> Sandbox::Records() const { return ReadLedger(ledger_path_).value(); }

std::vector<LedgerRecord> Sandbox::RecordsOnce(size_t count) {
  for (int i = 0; i < 2000 && Records().size() < count; ++i) Greeted();
  return Records();
}

std::vector<LedgerRecord> Sandbox::FinalRecords() {
  Stop();
  return Records();
}

std::string OneProvider(absl::string_view fields) {
  return absl::StrCat(
      "providers { name: \"p\" address: \"127.0.0.1\" port: 0 "
      "sites { mx: \"mx.p.example\" domains: \"p.example\" } ",
      fields, "}");
}

}  // namespace crescendo::sandbox
