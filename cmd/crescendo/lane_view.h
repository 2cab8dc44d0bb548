// lane_view.h: what a lane does, and why it does no more.
//
// Threads  pure functions.
#pragma once

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "cmd/crescendo/table.h"
#include "crescendo/v1/lane.pb.h"

namespace crescendo::cli {

// "rate: next token in 7s"; "throttled: 421 4.7.28 …, until 09:40Z (in 10m)". `now` is the daemon's
// time; without it ends of waits are given in full.
std::string WhyNotMore(const v1::Wait& wait, std::optional<absl::Time> now);

Style StyleOf(v1::Lane::State state);

// "12 of 400 connections in the clear: TLS handshake: …"; "" while none was opened.
std::string TlsText(const v1::Lane::Tls& tls);
// "412/500". The cap is the lane's own; in brackets the IP's, where the lane has none; "-": none.
std::string SentOfCap(const v1::Lane& lane);

// Of the attempts that ended today.
std::string DeferredShare(const v1::Ledger& ledger);

// Slots of the day's cap that are left.
int64_t Remaining(int64_t cap, const v1::Ledger& ledger);

}  // namespace crescendo::cli
