// mx_resolver.h: where a recipient domain's mail goes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace crescendo::ports {

// One receiving host and where it listens.
struct MxHost {
  std::string name;     // Lower case, no trailing dot, e.g. gmail-smtp-in.l.google.com.
  std::string address;  // A literal IPv4 or IPv6 address.
  uint16_t port = 25;
  friend bool operator==(const MxHost&, const MxHost&) = default;
};

// The hosts of one domain, in the order to try them (preference; equals already shuffled).
struct MxSet {
  std::vector<MxHost> hosts;
  // Equal for domains with the same hosts: they can share connections.
  // The host names, sorted and joined by ' '.
  std::string SiteKey() const;
};

class MxResolver {
 public:
  virtual ~MxResolver() = default;
  // `domain` is lower case, A-labels. Calls `done` once, from any thread, perhaps before returning.
  // NOT_FOUND      the domain takes no mail (no such domain, null MX): bounce.
  // UNAVAILABLE    no answer now: retry later.
  virtual void Resolve(absl::string_view domain,
                       absl::AnyInvocable<void(absl::StatusOr<MxSet>)> done) = 0;
};

}  // namespace crescendo::ports
