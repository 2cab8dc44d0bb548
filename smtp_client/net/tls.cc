#include "smtp_client/net/tls.h"

#include <asio/ssl/host_name_verification.hpp>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "smtp_client/net/certificate.h"

namespace crescendo::smtp {
namespace {

void Harden(asio::ssl::context& context) {
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context.native_handle(), SSL_MODE_RELEASE_BUFFERS);
}

}  // namespace

TlsClient::TlsClient()
    : opportunistic_(asio::ssl::context::tls_client), verified_(asio::ssl::context::tls_client) {
  Harden(opportunistic_);
  Harden(verified_);
}

absl::StatusOr<std::unique_ptr<TlsClient>> TlsClient::Create(const std::string& ca_file) {
  auto client = absl::WrapUnique(new TlsClient());
  asio::error_code error;
  client->opportunistic_.set_verify_mode(asio::ssl::verify_none, error);
  client->verified_.set_verify_mode(asio::ssl::verify_peer, error);
  if (ca_file.empty()) {
    client->verified_.set_default_verify_paths(error);
  } else {
    client->verified_.load_verify_file(ca_file, error);
  }
  if (error) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot read the CA certificates ", ca_file, ": ", error.message()));
  }
  return client;
}

std::unique_ptr<TlsStream> TlsClient::Wrap(asio::ip::tcp::socket& socket, const std::string& host,
                                           TlsPolicy policy) {
  const bool verify = policy == TlsPolicy::kVerified;
  auto stream = std::make_unique<TlsStream>(socket, verify ? verified_ : opportunistic_);
  SSL_set_tlsext_host_name(stream->native_handle(), host.c_str());
  if (verify) {
    asio::error_code error;
    stream->set_verify_callback(asio::ssl::host_name_verification(host), error);
  }
  return stream;
}

ports::TlsFacts TlsClient::Inspect(TlsStream& stream, const std::string& host) {
  return InspectTls(stream.native_handle(), verified_.native_handle(), host);
}

std::string DescribeTls(TlsStream& stream) {
  SSL* const ssl = stream.native_handle();
  return absl::StrCat(SSL_get_version(ssl), " ", SSL_get_cipher_name(ssl));
}

}  // namespace crescendo::smtp
