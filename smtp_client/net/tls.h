// tls.h: what TLS needs before a handshake: the rules, whom to expect, and sessions to resume.
//
// Threads  made once; used on the io thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <asio/ip/tcp.hpp>
#include <asio/ssl.hpp>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "scheduler/domain/provider.h"
#include "scheduler/ports/prober.h"
#include "smtp_client/net/tls_sessions.h"

namespace crescendo::smtp {

class TlsStream : public asio::ssl::stream<asio::ip::tcp::socket&> {
 public:
  using stream::stream;

 private:
  friend class TlsClient;
  TlsSessions* sessions_ = nullptr;
  std::string key_;  // Of its sessions.
  bool verified_ = false;
};

// Whom a handshake is with.
struct TlsPeer {
  std::string host, address;
  uint16_t port = 25;
  std::vector<std::string> names;  // kVerified: the certificate is for one of these. Empty: `host`.
  bool resume = true;              // An earlier session, which brings no certificate.
};

class TlsClient {
 public:
  // `ca_file`: PEM certificates to trust for TlsPolicy::kVerified; "": the system's.
  // `sessions`: kept at most for later handshakes; 0: none.
  // INVALID_ARGUMENT if the file cannot be read.
  static absl::StatusOr<std::unique_ptr<TlsClient>> Create(const std::string& ca_file,
                                                           size_t sessions);

  // A stream over `socket`, ready to shake hands with `peer`, which must not outlive this object.
  // Only kVerified looks at the certificate: elsewhere encryption to nobody in particular beats
  // none (RFC 7435). A session is resumed with the same host, address, port, and names to be
  // verified only, so that a verified one never comes from one that was not.
  std::unique_ptr<TlsStream> Wrap(asio::ip::tcp::socket& socket, TlsPeer peer, TlsPolicy policy);

  // What went wrong with a handshake, for people; its sessions are not tried again.
  std::string Fault(TlsStream& stream, const asio::error_code& error);
  // What a handshake showed: the certificate is looked at whatever the policy was.
  ports::TlsFacts Inspect(TlsStream& stream, const std::string& host);

  size_t sessions() const { return sessions_.size(); }

 private:
  explicit TlsClient(size_t sessions);
  void Resume(TlsStream& stream);

  TlsSessions sessions_;
  asio::ssl::context opportunistic_;
  asio::ssl::context verified_;
};

// "TLSv1.3 TLS_AES_256_GCM_SHA384", and ", resumed" if it was; once the handshake is done.
std::string DescribeTls(TlsStream& stream);
// The handshake failed on bytes that are no TLS: somebody spoke in the clear after the 220.
bool IsPlainText(const asio::error_code& error);

}  // namespace crescendo::smtp
