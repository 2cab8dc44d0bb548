// tls.h: what TLS needs before a handshake: the rules, and whom to expect.
//
// Threads  made once; used on the io thread.
#pragma once

#include <memory>
#include <string>

#include <asio/ip/tcp.hpp>
#include <asio/ssl.hpp>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "scheduler/domain/provider.h"
#include "scheduler/ports/prober.h"

namespace crescendo::smtp {

using TlsStream = asio::ssl::stream<asio::ip::tcp::socket&>;

class TlsClient {
 public:
  // `ca_file`: PEM certificates to trust for TlsPolicy::kVerified; "": the system's.
  // INVALID_ARGUMENT if it cannot be read.
  static absl::StatusOr<std::unique_ptr<TlsClient>> Create(const std::string& ca_file);

  // What a handshake showed: the certificate is looked at whatever the policy was.
  ports::TlsFacts Inspect(TlsStream& stream, const std::string& host);
  // A stream over `socket`, ready to shake hands with `host`. Only kVerified looks at the
  // certificate: elsewhere encryption to nobody in particular beats none (RFC 7435).
  std::unique_ptr<TlsStream> Wrap(asio::ip::tcp::socket& socket, const std::string& host,
                                  TlsPolicy policy);

 private:
  TlsClient();

  asio::ssl::context opportunistic_;
  asio::ssl::context verified_;
};

// "TLSv1.3 TLS_AES_256_GCM_SHA384", once the handshake is done.
std::string DescribeTls(TlsStream& stream);

}  // namespace crescendo::smtp
