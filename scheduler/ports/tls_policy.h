// tls_policy.h: which TLS a session must have before a mail may leave over it.
//
// The core asks whenever it weighs a mail against a host or a connection, so the answer comes at
// once, from what is known. A policy that needs look-ups does them where MX hosts come from: with
// DANE or MTA-STS the MxResolver gives no MxSet before the host's TLSA records, or the domain's
// policy, are known, and hands them over in it (MxHost is a part of the question). What cannot be
// looked up now is UNAVAILABLE there, and the mail waits as it does for its MX hosts.
//
// See  RFC 7435 (opportunistic security), RFC 3207 (STARTTLS), RFC 7672 (DANE), RFC 8461 (MTA-STS).
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "scheduler/domain/provider.h"
#include "scheduler/ports/mx_resolver.h"

namespace crescendo::ports {

// One mail for one host.
struct TlsQuestion {
  const Provider& provider;
  TlsPolicy campaign;        // What the campaign asks for; kNever: nothing of its own.
  absl::string_view domain;  // The recipient's.
  const MxHost& host;
};

struct TlsNeed {
  TlsPolicy level = TlsPolicy::kOpportunistic;
  std::vector<std::string> names;  // kVerified: the certificate must be for one of these.
  absl::string_view by;            // Who needs it, for people: "the campaign". Static text.
};

class TlsPolicies {
 public:
  virtual ~TlsPolicies() = default;
  // Never weaker than what the provider asks for. Thread-safe.
  virtual TlsNeed NeedOf(const TlsQuestion& question) const = 0;
};

// The stricter of the provider's policy and the campaign's; certificates are for the MX host.
const TlsPolicies& StrictestTls();

}  // namespace crescendo::ports
