#include "store/sqlite/delivery_reader.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"
#include "store/rules.h"

namespace crescendo::store {
namespace {

#define CRESCENDO_QUEUED_COLUMNS                                             \
  "d.id, d.campaign, d.domain, d.score, d.attempts, d.next_attempt_time_us," \
  " d.first_attempt_time_us, d.pinned_ip, d.engaged_day"
// A claimed delivery's row is as it was before the claim.
#define CRESCENDO_DELIVERY_COLUMNS                                               \
  "SELECT d.id, d.campaign, d.address,"                                          \
  " CASE WHEN c.delivery IS NULL THEN d.state ELSE 1 END AS now_state, d.score," \
  " d.attempts, d.in_doubt_count, d.create_time_us, d.first_attempt_time_us,"    \
  " d.last_attempt_time_us, d.next_attempt_time_us, d.last_ip, d.last_provider," \
  " d.category, d.reply, d.engaged_day "
#define CRESCENDO_LEDGER_COLUMNS                                                       \
  "egress_ip, provider, day, claimed, accepted, refused, in_doubt, deferred, carried," \
  " hard_bounces, complaints, pushback"

LedgerRow ReadLedgerRow(const Rows& row, const Names& names) {
  return {
      .lane = {EgressIpId(names.LabelText(row.Int(0))), ProviderId(names.LabelText(row.Int(1)))},
      .day = row.Day(2),
      .claimed = row.Int(3),
      .accepted = row.Int(4),
      .refused = row.Int(5),
      .in_doubt = row.Int(6),
      .deferred = row.Int(7),
      .carried = row.Int(8),
      .hard_bounces = row.Int(9),
      .complaints = row.Int(10),
      .pushback = row.Int(11)};
}

// Labels are numbered as they come; people expect names in order.
void SortByLaneAndDay(std::vector<LedgerRow>* rows) {
  std::sort(rows->begin(), rows->end(), [](const LedgerRow& a, const LedgerRow& b) {
    return a.lane == b.lane ? a.day < b.day : a.lane < b.lane;
  });
}

Suppression ReadSuppression(const Rows& row) {
  return {row.String(0), row.Enumerator(1, SuppressionReason::kManual), row.String(2), row.Time(3)};
}

}  // namespace

QueuedDelivery DeliveryReader::ReadQueued(const Rows& row) const {
  return {.id = DeliveryId(row.Int(0)),
          .campaign = CampaignKey(row.Int(1)),
          .domain = DomainKey(row.Int(2)),
          .score = row.Real(3),
          .attempts = row.Int32(4),
          .not_before = row.Time(5),
          .first_attempt_time = row.Time(6),
          .pinned_ip = EgressIpId(names_->LabelText(row.Int(7))),
          .engaged_day = static_cast<EngagedDay>(row.Int(8))};
}

Delivery DeliveryReader::ReadDelivery(const Rows& row) const {
  Delivery delivery;
  delivery.id = DeliveryId(row.Int(0));
  delivery.campaign = records_->Get(CampaignKey(row.Int(1))).id;
  delivery.address = row.String(2);
  delivery.state = row.Enumerator(3, DeliveryState::kCancelled);
  delivery.score = row.Real(4);
  delivery.attempts = row.Int32(5);
  delivery.in_doubt_count = row.Int32(6);
  delivery.create_time = row.Time(7);
  delivery.first_attempt_time = row.Time(8);
  delivery.last_attempt_time = row.Time(9);
  delivery.next_attempt_time = row.Time(10);
  delivery.egress_ip = EgressIpId(names_->LabelText(row.Int(11)));
  delivery.provider = ProviderId(names_->LabelText(row.Int(12)));
  if (!row.IsNull(13)) delivery.category = row.Enumerator(13, ReplyCategory::kOtherTemporary);
  delivery.reply = row.String(14);
  delivery.engaged_day = static_cast<EngagedDay>(row.Int(15));
  return delivery;
}

absl::StatusOr<std::vector<std::pair<int64_t, int64_t>>> DeliveryReader::QueuedRanges(
    int64_t after) {
  Statement read(database_,
                 "SELECT n.first_delivery, n.last_delivery FROM campaign_counts n"
                 " JOIN campaigns k ON k.key = n.campaign"
                 " WHERE k.state <> 3 AND n.queued + n.deferred > 0 ORDER BY n.first_delivery");
  Rows rows = read.Query();
  std::vector<std::pair<int64_t, int64_t>> ranges;
  while (rows.Next()) {
    const int64_t first = std::max(rows.Int(0) - 1, after);
    const int64_t last = rows.Int(1);
    if (last > first) ranges.emplace_back(first, last);
    after = std::max(after, last);
  }
  RETURN_IF_ERROR(rows.status());
  return ranges;
}

absl::StatusOr<std::vector<int64_t>> DeliveryReader::Claimed(int64_t after, int64_t last) {
  Statement read(database_,
                 "SELECT delivery FROM claims WHERE delivery > ?1 AND delivery <= ?2"
                 " ORDER BY delivery");
  Rows rows = read.Query(after, last);
  std::vector<int64_t> claimed;
  while (rows.Next()) claimed.push_back(rows.Int(0));
  RETURN_IF_ERROR(rows.status());
  return claimed;
}

absl::StatusOr<ports::QueuedPage> DeliveryReader::LoadQueued(DeliveryId after, int limit) {
  ASSIGN_OR_RETURN(const auto ranges, QueuedRanges(after.value()));
  Statement read(database_, "SELECT " CRESCENDO_QUEUED_COLUMNS
                            ", d.state FROM deliveries d WHERE d.id > ?1 AND d.id <= ?2"
                            " ORDER BY d.id LIMIT ?3");
  ports::QueuedPage page;
  page.next = after;
  page.queued.reserve(static_cast<size_t>(std::clamp<int64_t>(limit, 0, 100'000)));
  int looked = 0;
  for (const auto& [first, last] : ranges) {
    // One more than are looked at tells whether there are more.
    Rows rows = read.Query(first, last, limit - looked + 1);
    ASSIGN_OR_RETURN(const std::vector<int64_t> claimed, Claimed(first, last));
    for (auto claim = claimed.begin(); rows.Next();) {
      if (page.more = looked == limit; page.more) return page;
      ++looked;
      page.next = DeliveryId(rows.Int(0));
      const auto state = rows.Enumerator(9, DeliveryState::kCancelled);
      if (state != DeliveryState::kQueued && state != DeliveryState::kDeferred) continue;
      claim = std::lower_bound(claim, claimed.end(), page.next.value());
      if (claim != claimed.end() && *claim == page.next.value()) continue;
      // Campaigns overlap.
      if (records_->Get(CampaignKey(rows.Int(1))).state == CampaignState::kCancelled) continue;
      page.queued.push_back(ReadQueued(rows));
    }
    RETURN_IF_ERROR(rows.status());
  }
  return page;
}

absl::StatusOr<int64_t> DeliveryReader::CountQueued() {
  return database_->QueryInt(
      "SELECT coalesce(sum(n.queued + n.deferred), 0) FROM campaign_counts n"
      " JOIN campaigns k ON k.key = n.campaign WHERE k.state <> 3");
}

absl::StatusOr<DeliveryId> DeliveryReader::LastDelivery() {
  ASSIGN_OR_RETURN(const int64_t last,
                   database_->QueryInt("SELECT coalesce(max(id), 0) FROM deliveries"));
  return DeliveryId(last);
}

absl::StatusOr<std::vector<ports::OpenClaim>> DeliveryReader::LoadOpenClaims() {
  Statement read(database_, "SELECT " CRESCENDO_QUEUED_COLUMNS
                            ", c.egress_ip, c.provider, c.day"
                            " FROM claims c JOIN deliveries d ON d.id = c.delivery"
                            " ORDER BY c.delivery");
  Rows rows = read.Query();
  std::vector<ports::OpenClaim> claims;
  while (rows.Next()) {
    claims.push_back(
        {ReadQueued(rows),
         {EgressIpId(names_->LabelText(rows.Int(9))), ProviderId(names_->LabelText(rows.Int(10)))},
         rows.Day(11)});
  }
  RETURN_IF_ERROR(rows.status());
  return claims;
}

absl::StatusOr<Delivery> DeliveryReader::Get(DeliveryId id) {
  Statement read(database_, CRESCENDO_DELIVERY_COLUMNS
                 "FROM deliveries d LEFT JOIN claims c ON c.delivery = d.id WHERE d.id = ?1");
  Rows rows = read.Query(id.value());
  if (rows.Next()) return ReadDelivery(rows);
  RETURN_IF_ERROR(rows.status());
  return NoSuchDelivery(id);
}

absl::StatusOr<std::vector<Delivery>> DeliveryReader::ReadDeliveries(Rows rows) const {
  std::vector<Delivery> page;
  while (rows.Next()) page.push_back(ReadDelivery(rows));
  RETURN_IF_ERROR(rows.status());
  return page;
}

absl::StatusOr<std::vector<Delivery>> DeliveryReader::List(const ports::DeliveryFilter& filter,
                                                           DeliveryId after, int limit) {
  RETURN_IF_ERROR(CheckFilter(filter));
  limit = std::max(limit, 0);
  std::optional<int64_t> campaign, state;
  if (filter.state) state = static_cast<int64_t>(*filter.state);
  if (filter.campaign) {
    const CampaignInfo* info = records_->Find(*filter.campaign);
    if (info == nullptr) return std::vector<Delivery>();
    campaign = info->key.value();
  }
  if (filter.address) {
    return ListOfAddress(filter, campaign ? std::optional(CampaignKey(*campaign)) : std::nullopt,
                         after, limit);
  }
  if (filter.state) {
    // Nothing to scan for is the usual answer for what is rare.
    ASSIGN_OR_RETURN(CampaignCounts counts, Count(*filter.campaign));
    if (counts[*filter.state] == 0) return std::vector<Delivery>();
  }
  if (filter.state == DeliveryState::kClaimed) {
    Statement read(database_, CRESCENDO_DELIVERY_COLUMNS
                   "FROM claims c JOIN deliveries d ON d.id = c.delivery"
                   " WHERE c.delivery > ?1 AND d.campaign = ?2 ORDER BY c.delivery LIMIT ?3");
    return ReadDeliveries(read.Query(after.value(), campaign, limit));
  }
  if (filter.state == DeliveryState::kInDoubt) {
    Statement read(database_, CRESCENDO_DELIVERY_COLUMNS
                   "FROM deliveries d LEFT JOIN claims c ON c.delivery = d.id"
                   " WHERE d.state = 2 AND d.campaign = ?2 AND d.id > ?1 ORDER BY d.id LIMIT ?3");
    return ReadDeliveries(read.Query(after.value(), campaign, limit));
  }
  Statement read(database_, CRESCENDO_DELIVERY_COLUMNS
                 "FROM campaign_counts n JOIN deliveries d"
                 " ON d.id BETWEEN max(n.first_delivery, ?1 + 1) AND n.last_delivery"
                 " LEFT JOIN claims c ON c.delivery = d.id"
                 " WHERE n.campaign = ?2 AND d.campaign = ?2"
                 " AND (?4 IS NULL OR now_state = ?4) ORDER BY d.id LIMIT ?3");
  return ReadDeliveries(read.Query(after.value(), campaign, limit, state));
}

absl::StatusOr<std::vector<Delivery>> DeliveryReader::ListOfAddress(
    const ports::DeliveryFilter& filter, std::optional<CampaignKey> campaign, DeliveryId after,
    int limit) {
  ASSIGN_OR_RETURN(const std::vector<AddressIndex::Match> matches,
                   addresses_->Find(*filter.address));
  std::vector<Delivery> page;
  for (const AddressIndex::Match& match : matches) {
    if (static_cast<int>(page.size()) == limit) break;
    if (match.delivery.value() <= after.value() || (campaign && match.campaign != *campaign))
      continue;
    ASSIGN_OR_RETURN(Delivery delivery, Get(match.delivery));
    if (!filter.state || delivery.state == *filter.state) page.push_back(std::move(delivery));
  }
  return page;
}

absl::StatusOr<CampaignCounts> DeliveryReader::Count(const CampaignId& campaign) {
  const CampaignInfo* info = records_->Find(campaign);
  if (info == nullptr) return NoSuch("campaign", campaign.text());
  Statement read(database_,
                 "SELECT queued, claimed, in_doubt, deferred, accepted, bounced, expired,"
                 " suppressed, cancelled FROM campaign_counts WHERE campaign = ?1");
  Rows rows = read.Query(info->key.value());
  CampaignCounts counts;
  if (rows.Next()) {
    for (int state = 0; state < 9; ++state) {
      counts[static_cast<DeliveryState>(state)] = rows.Int(state);
    }
  }
  RETURN_IF_ERROR(rows.status());
  return counts;
}

absl::StatusOr<std::vector<LedgerRow>> DeliveryReader::Ledger(const EgressIpId& ip,
                                                              absl::CivilDay first,
                                                              absl::CivilDay last) {
  std::vector<LedgerRow> ledger;
  const std::optional<int64_t> label = names_->FindLabel(ip.text());
  if (!label) return ledger;
  Statement read(database_, "SELECT " CRESCENDO_LEDGER_COLUMNS
                            " FROM ledger WHERE egress_ip = ?1 AND day BETWEEN ?2 AND ?3");
  Rows rows = read.Query(*label, first, last);
  while (rows.Next()) ledger.push_back(ReadLedgerRow(rows, *names_));
  RETURN_IF_ERROR(rows.status());
  SortByLaneAndDay(&ledger);
  return ledger;
}

absl::StatusOr<std::vector<LedgerRow>> DeliveryReader::NewestLedgerDays() {
  Statement read(database_, "SELECT " CRESCENDO_LEDGER_COLUMNS
                            " FROM (SELECT *, row_number()"
                            " OVER (PARTITION BY egress_ip, provider ORDER BY day DESC) AS age"
                            " FROM ledger) WHERE age <= 2");
  Rows rows = read.Query();
  std::vector<LedgerRow> ledger;
  while (rows.Next()) ledger.push_back(ReadLedgerRow(rows, *names_));
  RETURN_IF_ERROR(rows.status());
  SortByLaneAndDay(&ledger);
  return ledger;
}

absl::StatusOr<std::vector<Suppression>> DeliveryReader::Suppressions(absl::string_view after,
                                                                      int limit) {
  Statement read(database_,
                 "SELECT address, reason, note, create_time_us FROM suppressions"
                 " WHERE address > ?1 ORDER BY address LIMIT ?2");
  Rows rows = read.Query(after, std::max(limit, 0));
  std::vector<Suppression> page;
  while (rows.Next()) page.push_back(ReadSuppression(rows));
  RETURN_IF_ERROR(rows.status());
  return page;
}

absl::StatusOr<Suppression> DeliveryReader::GetSuppression(absl::string_view address) {
  Statement read(
      database_,
      "SELECT address, reason, note, create_time_us FROM suppressions WHERE address = ?1");
  Rows rows = read.Query(address);
  if (rows.Next()) return ReadSuppression(rows);
  RETURN_IF_ERROR(rows.status());
  return NoSuch("suppression of", address);
}

absl::StatusOr<int64_t> DeliveryReader::LastChunk(const CampaignId& campaign,
                                                  const ImportId& import) {
  const CampaignInfo* info = records_->Find(campaign);
  if (info == nullptr) return 0;
  Statement read(database_,
                 "SELECT max(chunk) FROM import_chunks WHERE campaign = ?1 AND import = ?2");
  Rows rows = read.Query(info->key.value(), import.text());
  const int64_t last = rows.Next() ? rows.Int(0) : 0;
  RETURN_IF_ERROR(rows.status());
  return last;
}

}  // namespace crescendo::store
