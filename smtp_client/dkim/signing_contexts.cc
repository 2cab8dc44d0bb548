#include "smtp_client/dkim/signing_contexts.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "scheduler/base/check.h"

namespace crescendo::smtp::dkim {
namespace {

constexpr size_t kStaged = 2048;

const EVP_MD* Sha256() {
  // Looked up by name once; an implicit look-up costs more than hashing a header.
  static const EVP_MD* const kSha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  CRESCENDO_CHECK(kSha256 != nullptr);
  return kSha256;
}

}  // namespace

SigningContexts::SigningContexts() : hash_(EVP_MD_CTX_new()) { CRESCENDO_CHECK(hash_ != nullptr); }

SigningContexts::~SigningContexts() {
  Forget();
  EVP_MD_CTX_free(hash_);
}

void SigningContexts::Forget() {
  for (auto& [key, context] : rsa_) EVP_PKEY_CTX_free(context);
  for (auto& [key, context] : ed25519_) EVP_MD_CTX_free(context);
  rsa_.clear();
  ed25519_.clear();
}

void SigningContexts::Flush() {
  CRESCENDO_CHECK(EVP_DigestUpdate(hash_, staged_.data(), staged_.size()) == 1);
  staged_.clear();
}

void SigningContexts::Begin() {
  CRESCENDO_CHECK(EVP_DigestInit_ex2(hash_, Sha256(), nullptr) == 1);
}

void SigningContexts::Add(absl::string_view text) {
  // A call for each word costs more than its bytes.
  if (staged_.size() + text.size() > kStaged) Flush();
  if (text.size() > kStaged) {
    CRESCENDO_CHECK(EVP_DigestUpdate(hash_, text.data(), text.size()) == 1);
  } else {
    staged_.append(text.data(), text.size());
  }
}

std::array<unsigned char, 32> SigningContexts::Digest() {
  Flush();
  std::array<unsigned char, 32> digest;
  CRESCENDO_CHECK(EVP_DigestFinal_ex(hash_, digest.data(), nullptr) == 1);
  return digest;
}

absl::string_view SigningContexts::Sign(const Key& key) {
  const std::array<unsigned char, 32> digest = Digest();
  size_t length = signature_.size();
  if (key.algorithm() == Algorithm::kRsaSha256) {
    CRESCENDO_CHECK(
        EVP_PKEY_sign(Rsa(key), signature_.data(), &length, digest.data(), digest.size()) == 1);
  } else {
    // RFC 8463 §3: Ed25519 signs the SHA-256 of the data, as if that were the data.
    CRESCENDO_CHECK(EVP_DigestSign(Ed25519(key), signature_.data(), &length, digest.data(),
                                   digest.size()) == 1);
  }
  return {reinterpret_cast<const char*>(signature_.data()), length};
}

EVP_MD_CTX* SigningContexts::Ed25519(const Key& key) {
  EVP_MD_CTX*& context = ed25519_[&key];
  if (context != nullptr) return context;
  context = EVP_MD_CTX_new();
  CRESCENDO_CHECK(context != nullptr &&
                  EVP_DigestSignInit(context, nullptr, nullptr, nullptr, key.pkey()) == 1);
  return context;
}

EVP_PKEY_CTX* SigningContexts::Rsa(const Key& key) {
  EVP_PKEY_CTX*& context = rsa_[&key];
  if (context != nullptr) return context;
  context = EVP_PKEY_CTX_new_from_pkey(nullptr, key.pkey(), nullptr);
  CRESCENDO_CHECK(context != nullptr && EVP_PKEY_sign_init(context) == 1 &&
                  EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
                  EVP_PKEY_CTX_set_signature_md(context, Sha256()) == 1);
  return context;
}

}  // namespace crescendo::smtp::dkim
