// http_post.h: one POST to a platform's address.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"

namespace crescendo::webhooks {

struct PostRequest {
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

struct PostAnswer {
  int code = 0;                // Of HTTP; 0: there was none.
  std::string fault;           // Why there was none; else the beginning of the body.
  absl::Duration retry_after;  // As the answer asks for, in seconds; 0: it does not.
};

class Poster {
 public:
  virtual ~Poster() = default;
  // Blocks. `cancelled` is asked now and then; then code is 0. Follows no redirect: the address is
  // the operator's choice, not the receiver's. Any thread.
  virtual PostAnswer Post(const PostRequest& request, absl::FunctionRef<bool()> cancelled) = 0;
};

// By libcurl: certificates are checked against the system's, no proxy, at most `limit` for all.
std::unique_ptr<Poster> NewPoster(absl::Duration limit);

// OK: an https:// address, or an http:// one of this host's loopback. INVALID_ARGUMENT says what is
// wrong and the fix.
absl::Status CheckUrl(const std::string& url);

}  // namespace crescendo::webhooks
