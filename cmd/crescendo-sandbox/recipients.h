// recipients.h: a list of recipients as a shop or a newsletter might have it, made from a seed.
//
// Providers as in the built-in scenario: Gmail a little under half, company domains a fifth, with
// the big ones taking most. Engagement from "clicked this morning" to "never".
//
// Threads  pure functions of their arguments: the same seed, the same list.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "scheduler/domain/campaign.h"

namespace crescendo::sandbox {

struct RecipientRow {
  std::string email;
  std::string first_name;  // Now and then quoted in CSV, or not ASCII.
  EngagementSignals signals;
};

// Distinct addresses, in no order of engagement. All times lie before `as_of`.
std::vector<RecipientRow> MakeRecipients(int64_t count, uint64_t seed, absl::Time as_of);

// With the header email,first_name,last_open_time,last_click_time,open_count,click_count,
// subscribe_time; times in RFC 3339, empty for never.
std::string RecipientsCsv(const std::vector<RecipientRow>& rows);
// Columns in any order, unknown ones ignored. INVALID_ARGUMENT names the record and the column.
absl::StatusOr<std::vector<RecipientRow>> ParseRecipientsCsv(absl::string_view text);

}  // namespace crescendo::sandbox
