#include "scheduler/webhooks/signature.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "scheduler/base/check.h"

namespace crescendo::webhooks {
namespace {

constexpr absl::string_view kPrefix = "whsec_";

}  // namespace

std::string NewSecret() {
  unsigned char bytes[32];
  CRESCENDO_CHECK(RAND_bytes(bytes, sizeof(bytes)) == 1);
  return absl::StrCat(kPrefix, absl::Base64Escape(absl::string_view(
                                   reinterpret_cast<const char*>(bytes), sizeof(bytes))));
}

absl::StatusOr<std::string> Sign(absl::string_view secret, absl::string_view id, int64_t seconds,
                                 absl::string_view body) {
  std::string key;
  if (!absl::ConsumePrefix(&secret, kPrefix) || !absl::Base64Unescape(secret, &key) ||
      key.empty()) {
    return absl::InvalidArgumentError("the secret is not \"whsec_\" and base64");
  }
  const std::string content = absl::StrCat(id, ".", seconds, ".", body);
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  CRESCENDO_CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                       reinterpret_cast<const unsigned char*>(content.data()), content.size(), mac,
                       &size) != nullptr);
  return absl::StrCat(
      "v1,", absl::Base64Escape(absl::string_view(reinterpret_cast<const char*>(mac), size)));
}

}  // namespace crescendo::webhooks
