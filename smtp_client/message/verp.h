// verp.h: a return path that says which delivery bounced, and that nobody else can make up.
//
//   bounce@shop.example, delivery 7  ->  bounce+7-9f86d081884c7d65@shop.example
//
// The sixteen digits are the start of an HMAC-SHA256 over delivery and return path. The part before
// the @ survives relays that change its case.
//
// Threads  const and safe from any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "scheduler/domain/ids.h"

namespace crescendo::smtp {

class Verp {
 public:
  // The longest part before the @ of a return path: with what is added it has 64 bytes.
  static constexpr size_t kLongestLocalPart = 64 - 1 - 19 - 1 - 16;

  // The first key signs; all are good to read with, so that a bounce may outlive a change of key.
  // REQUIRES: there is one, and each has at least 16 bytes.
  explicit Verp(std::vector<std::string> keys);

  // REQUIRES: the part of `return_path` before the @ is not longer than kLongestLocalPart.
  std::string Address(absl::string_view return_path, DeliveryId delivery) const;

  struct Bounce {
    DeliveryId delivery;
    std::string return_path;  // As it is before an address is made of it; lower case.
  };
  // What `address` says, if we wrote it; nothing if anybody else did.
  std::optional<Bounce> Read(absl::string_view address) const;

 private:
  std::vector<std::string> keys_;
};

}  // namespace crescendo::smtp
