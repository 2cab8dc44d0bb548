#include "scheduler/dashboard/metered_store.h"

#include <concepts>
#include <variant>

namespace crescendo::dashboard {
namespace {

template <class W>
concept HasEvents = requires(const W& write) {
  { write.events } -> std::same_as<const std::vector<Event>&>;
};

}  // namespace

absl::Status MeteredStore::Commit(absl::Span<const ports::Write> writes,
                                  std::vector<ports::WriteResult>* results) {
  const size_t before = results->size();
  const absl::Duration start = real_clock_->Now().steady;
  const absl::Status status = store_->Commit(writes, results);
  metrics_->CountCommit(status, writes.size(), real_clock_->Now().steady - start);
  if (!status.ok()) return status;
  const ports::Settle* accepted = nullptr;
  for (size_t i = 0; i < writes.size(); ++i) {
    const ports::WriteResult& result = (*results)[before + i];
    if (!result.status.ok() || result.replayed) continue;
    Count(writes[i], result);
    const auto* settle = std::get_if<ports::Settle>(&writes[i]);
    if (settle != nullptr && settle->slot == ports::Settle::Slot::kAccepted) accepted = settle;
  }
  if (accepted == nullptr) return status;
  // When it was imported only the store knows: one look for each commit, however many are in it.
  if (const auto delivery = store_->GetDelivery(accepted->delivery); delivery.ok()) {
    metrics_->ObserveAccepted(accepted->now - delivery->create_time);
  }
  return status;
}

void MeteredStore::Count(const ports::Write& write, const ports::WriteResult& result) {
  if (const auto* settle = std::get_if<ports::Settle>(&write);
      settle != nullptr && settle->counts_as_attempt) {
    metrics_->CountAttempt(*settle);
  }
  if (const auto* imported = std::get_if<ports::AppendOutcome>(&result.value)) {
    metrics_->CountImport(*imported);
  }
  std::visit(
      [this]<class W>(const W& kind) {
        if constexpr (HasEvents<W>) {
          for (const Event& event : kind.events) metrics_->CountEvent(event.type);
        }
      },
      write);
}

}  // namespace crescendo::dashboard
