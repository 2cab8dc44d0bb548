// mx_resolver.h: where a recipient domain's mail goes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace crescendo::ports {

// One receiving host and where it listens. A host with several addresses is listed with each.
struct MxHost {
  std::string name;     // Lower case, no trailing dot, e.g. gmail-smtp-in.l.google.com.
  std::string address;  // A literal IPv4 or IPv6 address.
  uint16_t port = 25;
  // The operator named this address: a transport connects to it though it be private or loopback.
  bool trusted = false;
  int preference = -1;  // Of its MX record. -1: it has none.
  friend bool operator==(const MxHost&, const MxHost&) = default;
};

// The hosts of one domain, in the order to try them (preference; equals already shuffled).
struct MxSet {
  std::vector<MxHost> hosts;
  // Ask again when it is over.
  absl::Duration lifetime = absl::InfiniteDuration();
  // kSecure: every answer it rests on was signed and validated. kUnknown: no DNS was asked.
  enum class Dnssec { kUnknown, kInsecure, kSecure };
  Dnssec dnssec = Dnssec::kUnknown;
  // Equal for domains with the same hosts: they can share connections.
  // The host names, each once, sorted and joined by ' '.
  std::string SiteKey() const;
};

class MxResolver {
 public:
  virtual ~MxResolver() = default;
  // `domain` is normal (domain/domain_name.h). Calls `done` once, from any thread, perhaps before
  // returning.
  // NOT_FOUND            the domain takes no mail (no such domain, null MX): bounce.
  // UNAVAILABLE          no answer now: retry later.
  // FAILED_PRECONDITION  there will be none before the operator acts: retry later all the same.
  virtual void Resolve(absl::string_view domain,
                       absl::AnyInvocable<void(absl::StatusOr<MxSet>)> done) = 0;
};

}  // namespace crescendo::ports
