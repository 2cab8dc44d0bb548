// dns_resolver.h: ports/MxResolver by the DNS.
//
// Each domain is looked up once and its answer kept for as long as the DNS says, within bounds;
// whoever asks for it meanwhile shares the one look-up. At most max_queries questions are out at a
// time, and at most kMostWaiting callers wait; one above is UNAVAILABLE at once.
//
// Threads  safe from any thread. `done` is called from the resolver's own.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "scheduler/base/clock.h"
#include "scheduler/ports/mx_resolver.h"
#include "smtp_client/resolve/unbound.h"

namespace crescendo::smtp {

struct DnsResolverOptions {
  UnboundOptions dns;
  absl::Duration timeout = absl::Seconds(30);  // Of a whole look-up, in real time.
  // Answers are kept at least and at most so long, whatever their TTL.
  absl::Duration least_ttl = absl::Minutes(1);
  absl::Duration most_ttl = absl::Hours(24);
  int max_queries = 200;
  int cached_domains = 100'000;  // REQUIRES: >= 2.
  uint64_t seed = 1;             // Of the order among equals.
};

class DnsResolver final : public ports::MxResolver {
 public:
  static constexpr size_t kMostWaiting = 200'000;
  // "No such domain" is believed no longer than this (RFC 2308 §5 advises one to three hours).
  static constexpr absl::Duration kMostNegativeTtl = absl::Hours(1);

  // As Unbound::Create. `clock`, which outlives it, measures ages and deadlines in real time.
  static absl::StatusOr<std::unique_ptr<DnsResolver>> Create(const base::Clock* clock,
                                                             const DnsResolverOptions& options);
  ~DnsResolver() override;  // Stops it.

  // Answers whoever waits with UNAVAILABLE, and from now on everybody at once. Once it returns, no
  // `done` is called but by Resolve itself. Not from a `done`.
  void Stop();

  void Resolve(absl::string_view domain,
               absl::AnyInvocable<void(absl::StatusOr<ports::MxSet>)> done) override;

 private:
  class Loop;

  explicit DnsResolver(std::unique_ptr<Loop> loop);

  const std::unique_ptr<Loop> loop_;
};

}  // namespace crescendo::smtp
