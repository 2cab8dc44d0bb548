// mailbox.h: what becomes of mail to one address.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "crescendo/sandbox/v1/sandbox.pb.h"

namespace crescendo::sandbox {

enum class Fate {
  kTakes,
  kUnknown,
  kDisabled,
  kFull,  // Emptied after a while, …
  kFullForGood,
  kBusy,    // Receives mail too fast just now.
  kPolicy,  // Refused after the data.
};

// Decided by seed and address alone: the same in every run.
Fate FateOf(absl::string_view address, const v1::Mailboxes& shares, uint64_t seed);

// Does `fate` refuse an attempt at `now`, when the first one was at `first_seen`?
bool Refuses(Fate fate, const v1::Mailboxes& config, absl::Time first_seen, absl::Time now);

}  // namespace crescendo::sandbox
