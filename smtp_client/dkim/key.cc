#include "smtp_client/dkim/key.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "scheduler/base/check.h"
#include "scheduler/base/secret_file.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::smtp::dkim {
namespace {

constexpr int kLeastRsaBits = 2048;
constexpr int kMostRsaBits = 4096;  // Receivers need not check longer ones (RFC 6376 §3.3.3).

// Instead of asking the terminal.
int NoPassphrase(char*, int, int, void*) { return -1; }

EVP_PKEY* ParsePem(absl::string_view pem) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  CRESCENDO_CHECK(bio != nullptr);
  EVP_PKEY* pkey = PEM_read_bio_PrivateKey(bio, nullptr, NoPassphrase, nullptr);
  BIO_free(bio);
  ERR_clear_error();  // What it says may quote the file.
  return pkey;
}

absl::StatusOr<Algorithm> AlgorithmOf(const EVP_PKEY* pkey) {
  if (EVP_PKEY_is_a(pkey, "ED25519")) return Algorithm::kEd25519Sha256;
  if (!EVP_PKEY_is_a(pkey, "RSA")) {
    return absl::FailedPreconditionError("is neither an RSA nor an Ed25519 key");
  }
  const int bits = EVP_PKEY_get_bits(pkey);
  if (bits >= kLeastRsaBits && bits <= kMostRsaBits) return Algorithm::kRsaSha256;
  return absl::FailedPreconditionError(
      absl::StrCat("is an RSA key of ", bits, " bits; use ", kLeastRsaBits, " to ", kMostRsaBits));
}

}  // namespace

const char* AlgorithmName(Algorithm algorithm) {
  return algorithm == Algorithm::kRsaSha256 ? "rsa-sha256" : "ed25519-sha256";
}

absl::StatusOr<std::shared_ptr<const Key>> Key::Load(const KeySpec& spec) {
  ASSIGN_OR_RETURN(std::string pem, base::ReadSecretFile(spec.file));
  const absl::Cleanup wipe = [&pem] { OPENSSL_cleanse(pem.data(), pem.size()); };
  EVP_PKEY* pkey = ParsePem(pem);
  if (pkey == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(
        spec.file,
        ": holds no private key in PEM form without a passphrase; make one with: openssl genpkey "
        "-algorithm ed25519, or: openssl genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:2048"));
  }
  const absl::StatusOr<Algorithm> algorithm = AlgorithmOf(pkey);
  if (!algorithm.ok()) {
    EVP_PKEY_free(pkey);
    return absl::FailedPreconditionError(
        absl::StrCat(spec.file, ": ", algorithm.status().message()));
  }
  return std::shared_ptr<const Key>(new Key(spec, *algorithm, pkey));
}

Key::~Key() { EVP_PKEY_free(pkey_); }

std::string Key::PublicRecord() const {
  std::string bytes;
  if (algorithm_ == Algorithm::kEd25519Sha256) {
    size_t length = 32;
    bytes.resize(length);
    CRESCENDO_CHECK(EVP_PKEY_get_raw_public_key(
                        pkey_, reinterpret_cast<unsigned char*>(bytes.data()), &length) == 1);
  } else {
    unsigned char* der = nullptr;
    const int length = i2d_PUBKEY(pkey_, &der);
    CRESCENDO_CHECK(length > 0);
    bytes.assign(reinterpret_cast<char*>(der), length);
    OPENSSL_free(der);
  }
  return absl::StrCat("v=DKIM1; k=", algorithm_ == Algorithm::kRsaSha256 ? "rsa" : "ed25519",
                      "; p=", absl::Base64Escape(bytes));
}

}  // namespace crescendo::smtp::dkim
