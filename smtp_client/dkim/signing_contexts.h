// signing_contexts.h: OpenSSL's contexts for digests and signatures, set up once and used again.
//
// Threads  one at a time.
#pragma once

#include <array>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "smtp_client/dkim/key.h"

struct evp_md_ctx_st;
struct evp_pkey_ctx_st;

namespace crescendo::smtp::dkim {

class SigningContexts {
 public:
  SigningContexts();
  ~SigningContexts();
  SigningContexts(const SigningContexts&) = delete;
  SigningContexts& operator=(const SigningContexts&) = delete;

  // SHA-256 of all that is added between Begin and Digest.
  void Begin();
  void Add(absl::string_view text);
  std::array<unsigned char, 32> Digest();

  // The signature over what was added since Begin; valid until the next. `key` must not end before
  // Forget().
  absl::string_view Sign(const Key& key);
  void Forget();

 private:
  void Flush();
  evp_pkey_ctx_st* Rsa(const Key& key);
  evp_md_ctx_st* Ed25519(const Key& key);

  evp_md_ctx_st* const hash_;
  std::string staged_;
  std::array<unsigned char, 512> signature_;  // As long as that of RSA of 4096 bits.
  absl::flat_hash_map<const Key*, evp_pkey_ctx_st*> rsa_;
  absl::flat_hash_map<const Key*, evp_md_ctx_st*> ed25519_;
};

}  // namespace crescendo::smtp::dkim
