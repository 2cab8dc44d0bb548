// scaled_world.h: a snapshot as letters for a shard of its own, each recipient in it standing for
// several.
//
// Every count, cap and rate is divided by the weight, so that a queue of millions runs as fast as
// one of a hundred thousand, through the same code. What is lost: caps below some tens of the
// weight are rounded (200 a day is 6 of 34), and so is how such a day is shared out among
// providers. Volumes, and so dates, keep their place: what rounding takes off one group or day, the
// next one gets.
//
// Threads  a value; the shard that is given the letters refers to `catalog` and `options`.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "scheduler/core/options.h"
#include "scheduler/core/shard.h"
#include "scheduler/core/snapshot.h"
#include "scheduler/domain/provider.h"

namespace crescendo::forecast {

// One recipient, to be followed: it is in the queue beside those that the samples stand for.
struct Watched {
  CampaignKey campaign;
  ProviderId provider;
  core::Candidate candidate;
  absl::Time not_before = absl::InfinitePast();
};

// Recipients that go through the forecast as one.
struct Unit {
  CampaignKey campaign;
  int provider = 0;    // Index into the snapshot's providers.
  int64_t weight = 1;  // Recipients.
};

struct ScaledWorld {
  int64_t weight = 1;  // Of most units; of the last of a group it is what is left.
  std::unique_ptr<ProviderCatalog> catalog;
  core::Options options;
  std::vector<core::Letter> letters;
  std::vector<Unit> units;        // Delivery N is unit N - 1. In order of rank.
  std::optional<size_t> watched;  // Index into `units`.
};

// REQUIRES: the snapshot's samples were taken.
ScaledWorld Scale(const core::Snapshot& snapshot, const core::Options& options,
                  const std::optional<Watched>& watched);

// A count in units. With `carry`, what rounding takes off one the next one gets.
int64_t InUnits(int64_t count, int64_t weight, double* carry);

}  // namespace crescendo::forecast
