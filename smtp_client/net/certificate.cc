#include "smtp_client/net/certificate.h"

#include <ctime>
#include <memory>

#include <openssl/bio.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <asio/ip/address.hpp>

#include "absl/strings/str_cat.h"

namespace crescendo::smtp {
namespace {

// Subject alternative names that are shown; large hosters put hundreds into one certificate.
constexpr size_t kMostNames = 20;

std::string NameText(const X509_NAME* name) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), &BIO_free);
  if (bio == nullptr || name == nullptr) return "";
  // RFC 2253 without its reversal; what is not printable is escaped.
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

absl::Time TimeOf(const ASN1_TIME* time) {
  std::tm parts = {};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return absl::InfinitePast();
  return absl::FromTM(parts, absl::UTCTimeZone());
}

std::string Ip(const ASN1_OCTET_STRING* bytes) {
  const unsigned char* data = ASN1_STRING_get0_data(bytes);
  if (ASN1_STRING_length(bytes) == 4) {
    asio::ip::address_v4::bytes_type four;
    std::copy(data, data + four.size(), four.begin());
    return asio::ip::address_v4(four).to_string();
  }
  if (ASN1_STRING_length(bytes) != 16) return "";
  asio::ip::address_v6::bytes_type six;
  std::copy(data, data + six.size(), six.begin());
  return asio::ip::address_v6(six).to_string();
}

void AddNames(X509* certificate, std::vector<std::string>* out) {
  auto* names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  if (names == nullptr) return;
  for (int i = 0; i < sk_GENERAL_NAME_num(names) && out->size() < kMostNames; ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type == GEN_DNS) {
      const auto* data = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
      out->emplace_back(data, static_cast<size_t>(ASN1_STRING_length(name->d.dNSName)));
    } else if (name->type == GEN_IPADD) {
      if (std::string ip = Ip(name->d.iPAddress); !ip.empty()) out->push_back(std::move(ip));
    }
  }
  GENERAL_NAMES_free(names);
}

std::string ChainFault(SSL* ssl, SSL_CTX* trust, X509* certificate) {
  const std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> context(
      X509_STORE_CTX_new(), &X509_STORE_CTX_free);
  if (context == nullptr || X509_STORE_CTX_init(context.get(), SSL_CTX_get_cert_store(trust),
                                                certificate, SSL_get_peer_cert_chain(ssl)) != 1) {
    return "no memory to verify it";
  }
  X509_STORE_CTX_set_default(context.get(), "ssl_server");
  if (X509_verify_cert(context.get()) == 1) return "";
  return X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
}

std::string NameFault(X509* certificate, const std::string& host) {
  asio::error_code error;
  asio::ip::make_address(host, error);
  const bool matches = error
                           ? X509_check_host(certificate, host.data(), host.size(), 0, nullptr) == 1
                           : X509_check_ip_asc(certificate, host.c_str(), 0) == 1;
  return matches ? "" : absl::StrCat("it is not for ", host);
}

}  // namespace

ports::TlsFacts InspectTls(SSL* ssl, SSL_CTX* trust, const std::string& host) {
  ports::TlsFacts facts;
  facts.protocol = SSL_get_version(ssl);
  facts.cipher = SSL_get_cipher_name(ssl);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(ssl),
                                                                &X509_free);
  if (certificate == nullptr) {
    facts.chain_fault = "the server showed no certificate";
    return facts;
  }
  facts.subject = NameText(X509_get_subject_name(certificate.get()));
  facts.issuer = NameText(X509_get_issuer_name(certificate.get()));
  AddNames(certificate.get(), &facts.names);
  facts.not_before = TimeOf(X509_get0_notBefore(certificate.get()));
  facts.not_after = TimeOf(X509_get0_notAfter(certificate.get()));
  facts.chain_fault = ChainFault(ssl, trust, certificate.get());
  facts.name_fault = NameFault(certificate.get(), host);
  return facts;
}

}  // namespace crescendo::smtp
