#include <algorithm>
#include <limits>
#include <map>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cmd/crescendo-sandbox/address.h"
#include "cmd/crescendo-sandbox/laws.h"
#include "cmd/crescendo-sandbox/timestamp.h"
#include "scheduler/domain/engagement.h"

namespace crescendo::sandbox {
namespace {

// Scores that differ by less were computed at different times.
constexpr double kSameScore = 1e-9;

// A recipient's first transaction, on the lane where it was.
struct First {
  const LedgerRecord* record;
  absl::Time begin;  // It occupies the lane from here …
  absl::Time end;    // … to here.
  double score;
};

absl::Time BeginOf(const LedgerRecord& record) {
  return record.number == 1 ? std::min(record.connected, record.start) : record.start;
}

absl::flat_hash_map<std::string, const LedgerRecord*> FirstOfEach(
    const std::vector<LedgerRecord>& ledger) {
  absl::flat_hash_map<std::string, const LedgerRecord*> first;
  for (const LedgerRecord& record : ledger) {
    if (record.kind != RecordKind::kTransaction || record.rcpt_to.empty()) continue;
    const auto [place, fresh] = first.try_emplace(ComparableAddress(record.rcpt_to), &record);
    if (!fresh && record.start < place->second->start) place->second = &record;
  }
  return first;
}

std::string Describe(const First& worse, const First& better) {
  return absl::StrFormat("%s x %s: %s (score %.6g) at %s, before %s (score %.6g) at %s",
                         worse.record->source_ip, worse.record->provider, worse.record->rcpt_to,
                         worse.score, FormatTimestamp(worse.record->start), better.record->rcpt_to,
                         better.score, FormatTimestamp(better.record->start));
}

using Times = std::vector<absl::Time>;

// By provider, sorted: when a lane to it was told to stop. A reply to RCPT is about a mailbox.
std::map<std::string, Times> StopsOf(const std::vector<LedgerRecord>& ledger) {
  std::map<std::string, Times> stops;
  for (const LedgerRecord& record : ledger) {
    const bool refused = record.outcome == RecordOutcome::kTemporary &&
                         (record.code == 421 || record.phase != kPhaseRcpt);
    if (refused || record.outcome == RecordOutcome::kDropped) {
      stops[record.provider].push_back(record.end);
    }
  }
  for (auto& [provider, times] : stops) std::sort(times.begin(), times.end());
  return stops;
}

bool IsNear(const Times& times, absl::Time time, absl::Duration slack) {
  const auto next = std::lower_bound(times.begin(), times.end(), time - slack);
  return slack > absl::ZeroDuration() && next != times.end() && *next <= time + slack;
}

// Each that begins is held against the worst-ranked of those that had ended by then, apart from
// those that began near a stop.
void CheckLane(const std::vector<First>& lane, const Times& stops, absl::Duration slack,
               int64_t* set_aside, LawResult* law) {
  std::vector<const First*> by_begin, by_end;
  for (const First& first : lane) {
    by_begin.push_back(&first);
    by_end.push_back(&first);
  }
  std::sort(by_begin.begin(), by_begin.end(),
            [](const First* a, const First* b) { return a->begin < b->begin; });
  std::sort(by_end.begin(), by_end.end(),
            [](const First* a, const First* b) { return a->end < b->end; });
  const First* worst = nullptr;
  size_t ended = 0;
  for (const First* now : by_begin) {
    for (; ended < by_end.size() && by_end[ended]->end < now->begin - slack; ++ended) {
      if (IsNear(stops, by_end[ended]->record->start, slack)) {
        ++*set_aside;
        continue;
      }
      if (worst == nullptr || by_end[ended]->score < worst->score) worst = by_end[ended];
    }
    law->Checked();
    if (worst == nullptr || worst->score >= now->score - kSameScore) continue;
    law->Violation(Describe(*worst, *now));
  }
}

}  // namespace

LawResult CheckOrder(const std::vector<LedgerRecord>& ledger,
                     const std::vector<RecipientRow>& recipients, absl::Time as_of,
                     absl::Duration slack) {
  LawResult law("order");
  const auto first_of_each = FirstOfEach(ledger);
  std::map<std::pair<std::string, std::string>, std::vector<First>> lanes;
  for (const RecipientRow& row : recipients) {
    const auto found = first_of_each.find(ComparableAddress(row.email));
    if (found == first_of_each.end()) continue;
    const LedgerRecord& record = *found->second;
    lanes[{record.source_ip, record.provider}].push_back(
        {&record, BeginOf(record), record.end, EngagementScore(row.signals, as_of)});
  }
  const std::map<std::string, Times> stops = StopsOf(ledger);
  int64_t set_aside = 0;
  for (const auto& [name, lane] : lanes) {
    const auto found = stops.find(name.second);
    CheckLane(lane, found == stops.end() ? Times() : found->second, slack, &set_aside, &law);
  }
  law.Note(absl::StrCat(lanes.size(), " lanes"));
  if (set_aside > 0) law.Note(absl::StrCat(set_aside, " set aside, near a stop"));
  return law;
}

}  // namespace crescendo::sandbox
