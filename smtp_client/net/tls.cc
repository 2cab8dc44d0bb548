#include "smtp_client/net/tls.h"

#include <utility>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "smtp_client/net/certificate.h"

namespace crescendo::smtp {
namespace {

// Where an SSL keeps its TlsStream.
int StreamIndex() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

void Harden(asio::ssl::context& context) {
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context.native_handle(), SSL_MODE_RELEASE_BUFFERS);
}

bool HasRunOut(SSL_SESSION* session) {
  const X509* const certificate = SSL_SESSION_get0_peer(session);
  return certificate == nullptr || X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0;
}

}  // namespace

TlsClient::TlsClient(size_t sessions)
    : sessions_(sessions),
      opportunistic_(asio::ssl::context::tls_client),
      verified_(asio::ssl::context::tls_client) {
  for (asio::ssl::context* context : {&opportunistic_, &verified_}) {
    Harden(*context);
    SSL_CTX_set_session_cache_mode(context->native_handle(),
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context->native_handle(), [](SSL* ssl, SSL_SESSION* session) {
      auto* const stream = static_cast<TlsStream*>(SSL_get_ex_data(ssl, StreamIndex()));
      stream->sessions_->Put(stream->key_, session);
      return 0;  // A copy was kept.
    });
  }
}

absl::StatusOr<std::unique_ptr<TlsClient>> TlsClient::Create(const std::string& ca_file,
                                                             size_t sessions) {
  auto client = absl::WrapUnique(new TlsClient(sessions));
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

std::unique_ptr<TlsStream> TlsClient::Wrap(asio::ip::tcp::socket& socket, TlsPeer peer,
                                           TlsPolicy policy) {
  const bool verify = policy == TlsPolicy::kVerified;
  if (peer.names.empty()) peer.names = {peer.host};
  auto stream = std::make_unique<TlsStream>(socket, verify ? verified_ : opportunistic_);
  SSL* const ssl = stream->native_handle();
  SSL_set_ex_data(ssl, StreamIndex(), stream.get());
  stream->sessions_ = &sessions_;
  stream->verified_ = verify;
  stream->key_ = absl::StrCat(peer.host, " ", peer.address, " ", peer.port);
  SSL_set_tlsext_host_name(ssl, peer.host.c_str());
  if (verify) {
    absl::StrAppend(&stream->key_, " verified as ", absl::StrJoin(peer.names, " "));
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    for (const std::string& name : peer.names) SSL_add1_host(ssl, name.c_str());
  }
  if (peer.resume) Resume(*stream);
  return stream;
}

void TlsClient::Resume(TlsStream& stream) {
  const TlsSessions::Session session = sessions_.Take(stream.key_);
  if (session == nullptr) return;
  // A resumed session brings no certificate: what it was verified by must still hold.
  if (stream.verified_ && HasRunOut(session.get())) return sessions_.Forget(stream.key_);
  SSL_set_session(stream.native_handle(), session.get());
}

std::string TlsClient::Fault(TlsStream& stream, const asio::error_code& error) {
  sessions_.Forget(stream.key_);
  const long verdict = SSL_get_verify_result(stream.native_handle());
  if (stream.verified_ && verdict != X509_V_OK) {
    return absl::StrCat("TLS handshake: ", X509_verify_cert_error_string(verdict));
  }
  return absl::StrCat("TLS handshake: ", error.message());
}

ports::TlsFacts TlsClient::Inspect(TlsStream& stream, const std::string& host) {
  return InspectTls(stream.native_handle(), verified_.native_handle(), host);
}

std::string DescribeTls(TlsStream& stream) {
  SSL* const ssl = stream.native_handle();
  return absl::StrCat(SSL_get_version(ssl), " ", SSL_get_cipher_name(ssl),
                      SSL_session_reused(ssl) != 0 ? ", resumed" : "");
}

bool IsPlainText(const asio::error_code& error) {
  if (error.category() != asio::error::get_ssl_category()) return false;
  const int reason = ERR_GET_REASON(static_cast<unsigned long>(error.value()));
  return reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST ||
         reason == SSL_R_HTTPS_PROXY_REQUEST;
}

}  // namespace crescendo::smtp
