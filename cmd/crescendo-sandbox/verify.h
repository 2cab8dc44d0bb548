// verify.h: `crescendo-sandbox verify` and `table`: the independent proof, for people and programs.
#pragma once

#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace crescendo::sandbox {

struct VerifyOptions {
  std::string ledger_path;
  std::string recipients_path;
  std::string days_path;
  std::string deliveries_path;
  std::string as_of;  // RFC 3339: when scores are looked at. "": the ledger's first line.
  std::string order_slack = "0s";  // See CheckOrder.
  bool json = false;
  bool allow_incomplete = false;
  bool table_only = false;  // Then only ledger and, if given, days are read.
};

// Prints the day table and each law's result; true if all hold.
absl::StatusOr<bool> Verify(const VerifyOptions& options, std::ostream& out);

// Prints the day table; with `follow` again whenever it changed, until the process is ended.
// `days_path` may be "".
absl::Status PrintTable(const std::string& ledger_path, const std::string& days_path, bool follow,
                        std::ostream& out);

}  // namespace crescendo::sandbox
