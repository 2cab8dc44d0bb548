// What others may see of the shard: on its thread, or as a copy that is made there bit by bit.
#include <algorithm>
#include <memory>
#include <utility>

#include "scheduler/engine/engine_impl.h"

namespace crescendo::engine {
namespace {

// Recipients looked at in one turn: about a millisecond.
constexpr int64_t kLooksPerTurn = 100'000;

absl::Status Gone() {
  return absl::UnavailableError("the daemon is shutting down; try again later");
}

}  // namespace

void Engine::Look(Done<const core::Shard*> look) {
  impl_->PostTask([impl = impl_.get(), look = std::move(look)]() mutable {
    if (impl->stopped()) return look(Gone());
    look(&impl->shard_);
  });
}

void Engine::TakeSnapshot(int64_t most_samples, Done<core::Snapshot> done) {
  impl_->PostTask([impl = impl_.get(), most_samples, done = std::move(done)]() mutable {
    if (impl->stopped()) return done(Gone());
    auto snapshot = std::make_unique<core::Snapshot>(impl->shard_.Records());
    snapshot->stride = std::max<int64_t>(1, (snapshot->queued() + most_samples - 1) / most_samples);
    impl->GoOnSampling(std::move(snapshot), std::move(done));
  });
}

void Engine::Impl::GoOnSampling(std::unique_ptr<core::Snapshot> snapshot,
                                Done<core::Snapshot> done) {
  if (stopped()) return done(Gone());
  if (shard_.SampleQueues(kLooksPerTurn, snapshot.get())) return done(*std::move(snapshot));
  PostTask([this, snapshot = std::move(snapshot), done = std::move(done)]() mutable {
    GoOnSampling(std::move(snapshot), std::move(done));
  });
}

}  // namespace crescendo::engine
