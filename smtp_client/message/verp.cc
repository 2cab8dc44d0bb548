#include "smtp_client/message/verp.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "scheduler/base/check.h"

namespace crescendo::smtp {
namespace {

constexpr size_t kNone = absl::string_view::npos;
constexpr size_t kHashBytes = 8;  // Guessed at by mail only, one try a message.

// Hexadecimal. `return_path` is lower case.
std::string Hash(const std::string& key, absl::string_view delivery,
                 absl::string_view return_path) {
  const std::string data = absl::StrCat("verp ", delivery, " ", return_path);
  std::string mac(32, '\0');
  size_t length = 0;
  CRESCENDO_CHECK(EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA256", nullptr, key.data(), key.size(),
                            reinterpret_cast<const unsigned char*>(data.data()), data.size(),
                            reinterpret_cast<unsigned char*>(mac.data()), mac.size(),
                            &length) != nullptr);
  return absl::BytesToHexString(mac.substr(0, kHashBytes));
}

bool Same(absl::string_view a, absl::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

Verp::Verp(std::vector<std::string> keys) : keys_(std::move(keys)) {
  CRESCENDO_CHECK(!keys_.empty());
}

std::string Verp::Address(absl::string_view return_path, DeliveryId delivery) const {
  const size_t at = std::min(return_path.rfind('@'), return_path.size());
  const std::string number = absl::StrCat(delivery.value());
  return absl::StrCat(return_path.substr(0, at), "+", number, "-",
                      Hash(keys_.front(), number, absl::AsciiStrToLower(return_path)),
                      return_path.substr(at));
}

std::optional<Verp::Bounce> Verp::Read(absl::string_view address) const {
  const std::string lower = absl::AsciiStrToLower(address);
  const absl::string_view text = lower;
  const size_t at = text.rfind('@');
  const size_t plus = text.substr(0, at).rfind('+');
  if (at == kNone || plus == kNone) return std::nullopt;
  const absl::string_view token = text.substr(plus + 1, at - plus - 1);
  const size_t dash = token.find('-');
  int64_t delivery = 0;
  // "+7" and "007" are numbers, but none that we write.
  if (dash == kNone || !absl::SimpleAtoi(token.substr(0, dash), &delivery) || delivery <= 0 ||
      absl::StrCat(delivery) != token.substr(0, dash)) {
    return std::nullopt;
  }
  Bounce bounce{DeliveryId(delivery), absl::StrCat(text.substr(0, plus), text.substr(at))};
  for (const std::string& key : keys_) {
    if (Same(Hash(key, token.substr(0, dash), bounce.return_path), token.substr(dash + 1))) {
      return bounce;
    }
  }
  return std::nullopt;
}

}  // namespace crescendo::smtp
