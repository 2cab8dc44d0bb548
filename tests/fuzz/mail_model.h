// mail_model.h: a message as a reader finds it who knows nothing of how we write one.
//
// The header by RFC 5322 §2.2, to the letter; the parts by GMime.
//
// Threads  pure functions.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace crescendo::fuzz {

// Name and value, folds and all; `text` begins with the fields and may go on with the body.
// INTERNAL if a line of them is neither "Name: value" nor a fold with something on it, or is not
// ASCII. `eight_bit`: the field that need not be.
using Fields = std::vector<std::pair<std::string, std::string>>;
absl::StatusOr<Fields> ReadFields(absl::string_view text,
                                  const std::vector<std::string>& eight_bit = {});

// How often a field stands there.
int Count(const Fields& fields, absl::string_view name);

// The parts that are no multiparts, decoded, in their order.
std::vector<std::string> LeavesOf(absl::string_view message);

// A field's text (RFC 2047) and the mailbox of "name <address>", as a reader shows them.
std::string DecodeText(absl::string_view value);
struct Mailbox {
  std::string name, address;
};
std::vector<Mailbox> ReadMailboxes(absl::string_view value);

std::string DecodeQuotedPrintable(absl::string_view text);
std::string DecodeBase64(absl::string_view text);

}  // namespace crescendo::fuzz
