// certificate.h: a certificate for STARTTLS, made at start and kept in memory.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace crescendo::sandbox {

struct Certificate {
  std::string certificate_pem;
  std::string key_pem;
};

// Self-signed, ECDSA P-256, valid from yesterday for ten years, for all `host_names` (SAN).
absl::StatusOr<Certificate> NewCertificate(const std::vector<std::string>& host_names);

}  // namespace crescendo::sandbox
