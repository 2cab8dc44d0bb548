// key.h: one private key of one domain, under the selector its public half is published at.
//
// Errors   of Load: FAILED_PRECONDITION or NOT_FOUND; the message names the file and its fault, and
//          never a byte of the key.
// Threads  const and safe from any thread.
// See      RFC 6376 §3.3, RFC 8301 (RSA of 2048 bits and more), RFC 8463 (Ed25519).
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

struct evp_pkey_st;

namespace crescendo::smtp::dkim {

enum class Algorithm { kRsaSha256, kEd25519Sha256 };
const char* AlgorithmName(Algorithm algorithm);  // "rsa-sha256", as a= says it.

// Where a key is.
struct KeySpec {
  std::string domain;    // d=. Lower case.
  std::string selector;  // s=. The public key is at {selector}._domainkey.{domain}.
  std::string file;      // PEM, PKCS #8 or traditional, not encrypted; mode 0600 or 0400.
};

class Key {
 public:
  static absl::StatusOr<std::shared_ptr<const Key>> Load(const KeySpec& spec);
  ~Key();

  const std::string& domain() const { return domain_; }
  const std::string& selector() const { return selector_; }
  Algorithm algorithm() const { return algorithm_; }
  evp_pkey_st* pkey() const { return pkey_; }

  // What the TXT record at {selector}._domainkey.{domain} must say.
  std::string PublicRecord() const;

 private:
  Key(const KeySpec& spec, Algorithm algorithm, evp_pkey_st* pkey)
      : domain_(spec.domain), selector_(spec.selector), algorithm_(algorithm), pkey_(pkey) {}
  Key(const Key&) = delete;

  const std::string domain_, selector_;
  const Algorithm algorithm_;
  evp_pkey_st* const pkey_;
};

}  // namespace crescendo::smtp::dkim
