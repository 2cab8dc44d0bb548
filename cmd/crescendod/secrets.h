// secrets.h: the keys that the daemon signs and addresses with, from their files.
//
// Errors   as config_reader.h, and FAILED_PRECONDITION for a key that must not be used; none quotes
// a
//          byte of a key.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "smtp_client/dkim/keyring.h"
#include "smtp_client/message/verp.h"

namespace crescendo::daemon {

// The keys that `file` (dkim.proto) names. Logs what must stand in the DNS for them.
absl::StatusOr<std::shared_ptr<const smtp::dkim::KeyTable>> LoadDkimKeys(const std::string& file);

// The operator's token: what stands in `file`, without blanks around it.
absl::StatusOr<std::string> LoadToken(const std::string& file);

// REQUIRES: there is a file.
absl::StatusOr<std::unique_ptr<smtp::Verp>> LoadVerp(const std::vector<std::string>& files);

}  // namespace crescendo::daemon
