// paging.h: page sizes and opaque page tokens (AIP-158).
//
// A token holds where the next page starts and a fingerprint of the request it was given for, and
// is checked as a whole: a forged one, a cut one or another request's is INVALID_ARGUMENT. Tokens
// stay good over a restart.
//
// Threads  pure functions, safe from any thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <google/protobuf/message.h>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace crescendo::service {

struct Page {
  int size = 100;        // Entries at most. Range: [1, 1000].
  std::string after;     // The key of the last entry of the page before; "": from the start.
  uint64_t request = 0;  // Fingerprint of what was asked for.
};

// REQUIRES: `request` has the fields page_size (int32) and page_token (string).
absl::StatusOr<Page> ReadPage(const google::protobuf::Message& request);

// The token of the page that follows the entry with key `last`.
std::string NextPageToken(const Page& page, absl::string_view last);

// `page.after` as a number; 0 for "".
absl::StatusOr<int64_t> NumberAfter(const Page& page);

// Calls `add` for each entry of the page, and returns the token of the next one. REQUIRES: `all`
// is ascending by key(entry), a string.
template <class Entry, class Key, class Add>
std::string TakePage(const std::vector<Entry>& all, const Page& page, Key key, Add add) {
  auto at = page.after.empty()
                ? all.begin()
                : std::upper_bound(all.begin(), all.end(), page.after,
                                   [&](const std::string& after, const Entry& entry) {
                                     return after < key(entry);
                                   });
  for (int i = 0; i < page.size && at != all.end(); ++i, ++at) add(*at);
  return at == all.end() ? "" : NextPageToken(page, key(*(at - 1)));
}

}  // namespace crescendo::service
