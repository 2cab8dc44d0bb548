#include "cmd/crescendo-sandbox/certificate.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <cstdint>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace crescendo::sandbox {
namespace {

constexpr int64_t kDaySeconds = 24 * 3600;

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using X509Ptr = std::unique_ptr<X509, Deleter<X509_free>>;
using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using Extension = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;

absl::Status OpensslFault(absl::string_view what) {
  char text[256];
  ERR_error_string_n(ERR_get_error(), text, sizeof(text));
  return absl::InternalError(absl::StrCat(what, ": ", text));
}

bool AddExtension(X509* x509, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, x509, x509, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  return extension != nullptr && X509_add_ext(x509, extension.get(), -1) == 1;
}

bool SetNames(X509* x509, const std::vector<std::string>& host_names) {
  X509_NAME* name = X509_get_subject_name(x509);
  const unsigned char cn[] = "crescendo-sandbox";
  if (X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, cn, -1, -1, 0) != 1) return false;
  if (X509_set_issuer_name(x509, name) != 1) return false;
  return AddExtension(x509, NID_subject_alt_name,
                      absl::StrCat("DNS:", absl::StrJoin(host_names, ",DNS:")));
}

bool SetValidity(X509* x509) {
  uint32_t serial = 0;
  if (RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof(serial)) != 1) return false;
  return X509_set_version(x509, 2) == 1 &&
         ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509), serial | 1u) == 1 &&
         X509_gmtime_adj(X509_getm_notBefore(x509), -kDaySeconds) != nullptr &&
         X509_gmtime_adj(X509_getm_notAfter(x509), 3650 * kDaySeconds) != nullptr;
}

std::string Content(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<size_t>(size));
}

}  // namespace

absl::StatusOr<Certificate> NewCertificate(const std::vector<std::string>& host_names) {
  const Key key(EVP_EC_gen("P-256"));
  const X509Ptr x509(X509_new());
  if (key == nullptr || x509 == nullptr) return OpensslFault("cannot make a key");
  if (!SetValidity(x509.get()) || !SetNames(x509.get(), host_names) ||
      !AddExtension(x509.get(), NID_basic_constraints, "critical,CA:TRUE") ||
      X509_set_pubkey(x509.get(), key.get()) != 1 ||
      X509_sign(x509.get(), key.get(), EVP_sha256()) == 0) {
    return OpensslFault("cannot make a certificate");
  }
  const Bio certificate(BIO_new(BIO_s_mem()));
  const Bio secret(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(certificate.get(), x509.get()) != 1 ||
      PEM_write_bio_PKCS8PrivateKey(secret.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                    nullptr) != 1) {
    return OpensslFault("cannot write a certificate");
  }
  return Certificate{Content(certificate.get()), Content(secret.get())};
}

}  // namespace crescendo::sandbox
