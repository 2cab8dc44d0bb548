#include "cmd/crescendo-sandbox/mailbox.h"

#include "cmd/crescendo-sandbox/chance.h"

namespace crescendo::sandbox {

Fate FateOf(absl::string_view address, const v1::Mailboxes& shares, uint64_t seed) {
  double draw = Chance(seed, "fate", address);
  const auto within = [&draw](double share) {
    const bool hit = draw < share;
    draw -= share;
    return hit;
  };
  if (within(shares.unknown_share())) return Fate::kUnknown;
  if (within(shares.disabled_share())) return Fate::kDisabled;
  if (within(shares.full_share())) {
    return Chance(seed, "full for good", address) < shares.full_stays_share() ? Fate::kFullForGood
                                                                              : Fate::kFull;
  }
  if (within(shares.busy_share())) return Fate::kBusy;
  if (within(shares.policy_share())) return Fate::kPolicy;
  return Fate::kTakes;
}

bool Refuses(Fate fate, const v1::Mailboxes& config, absl::Time first_seen, absl::Time now) {
  switch (fate) {
    case Fate::kTakes:
      return false;
    case Fate::kUnknown:
    case Fate::kDisabled:
    case Fate::kFullForGood:
    case Fate::kPolicy:
      return true;
    case Fate::kFull:
      return now - first_seen < absl::Seconds(config.full_for_seconds());
    case Fate::kBusy:
      return now - first_seen < absl::Seconds(config.busy_for_seconds());
  }
  return false;
}

}  // namespace crescendo::sandbox
