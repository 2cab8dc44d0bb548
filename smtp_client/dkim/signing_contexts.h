// signing_contexts.h: OpenSSL's contexts for digests and signatures, set up once and used again.
//
// Threads  one at a time.
#pragma once

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
  std::string Digest();

  // The signature over what has the digest `digest`. `key` must not end before Forget().
  std::string Sign(const Key& key, absl::string_view digest);
  void Forget();

 private:
  void Flush();
  evp_pkey_ctx_st* Rsa(const Key& key);
  evp_md_ctx_st* Ed25519(const Key& key);

  evp_md_ctx_st* const hash_;
  std::string staged_;
  absl::flat_hash_map<const Key*, evp_pkey_ctx_st*> rsa_;
  absl::flat_hash_map<const Key*, evp_md_ctx_st*> ed25519_;
};

}  // namespace crescendo::smtp::dkim
