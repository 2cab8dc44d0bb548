// consequence.h: what a reply would do to a delivery and to its lane, in plain words.
//
// For people who ask before it happens; shard_outcome.cc is what happens.
//
// Threads  pure functions.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "scheduler/core/options.h"
#include "scheduler/domain/provider.h"
#include "scheduler/domain/reply.h"

namespace crescendo::core {

// Is it the rate that is too high, or is it us?
bool AboutRate(ReplyCategory category);

// How long a refusal of the lane stops it, if it is the first. What the reply or its rule states is
// better known than the provider's usual wait.
absl::Duration LeastStop(const Classification& meaning, const Provider& provider);

// "rate limited: Crescendo would stop mta1-a/gmail for at least 10m, then go on …". `lane`:
// "mta1-a/gmail". "" for what was accepted.
std::string Consequence(const Reply& reply, const Classification& meaning, const Provider& provider,
                        absl::string_view lane, const Options& options);

}  // namespace crescendo::core
