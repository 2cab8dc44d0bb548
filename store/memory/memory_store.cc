#include "store/memory/memory_store.h"

#include "store/memory/tables.h"

namespace crescendo::store {
namespace {

Delivery ToDelivery(DeliveryId id, const DeliveryRow& row, const CampaignId& campaign,
                    const Labels& labels) {
  Delivery delivery;
  delivery.id = id;
  delivery.campaign = campaign;
  delivery.address = row.address;
  delivery.state = row.state;
  delivery.score = row.score;
  delivery.attempts = row.attempts;
  delivery.in_doubt_count = row.in_doubt_count;
  delivery.create_time = row.create_time;
  delivery.first_attempt_time = row.first_attempt_time;
  delivery.last_attempt_time = row.last_attempt_time;
  delivery.next_attempt_time = row.next_attempt_time;
  delivery.egress_ip = EgressIpId(labels.Text(row.last_ip));
  delivery.provider = ProviderId(labels.Text(row.last_provider));
  delivery.category = row.category;
  delivery.reply = row.reply;
  delivery.engaged_day = row.engaged_day;
  return delivery;
}

// An empty id is nobody's.
template <class Id>
bool Matches(const std::optional<Id>& wanted, const std::string& text) {
  return !wanted || (!text.empty() && wanted->text() == text);
}

bool Matches(const ports::EventFilter& filter, const EventRow& row, const Labels& labels) {
  if (!Matches(filter.campaign, labels.Text(row.campaign))) return false;
  if (!Matches(filter.egress_ip, labels.Text(row.egress_ip))) return false;
  if (!Matches(filter.provider, labels.Text(row.provider))) return false;
  if (!Matches(filter.plan, labels.Text(row.plan))) return false;
  if (filter.delivery && (row.delivery == 0 || filter.delivery->value() != row.delivery)) {
    return false;
  }
  const auto& types = filter.types;
  return types.empty() || std::find(types.begin(), types.end(), row.type) != types.end();
}

bool ByLaneAndDay(const LedgerRow& a, const LedgerRow& b) {
  return a.lane == b.lane ? a.day < b.day : a.lane < b.lane;
}

template <class Table>
auto Values(const Table& table) {
  std::vector<typename Table::mapped_type> values;
  for (const auto& [key, value] : table) values.push_back(value);
  return values;
}

}  // namespace

MemoryStore::MemoryStore() : tables_(std::make_unique<MemoryTables>()) {}
MemoryStore::~MemoryStore() = default;

absl::Status MemoryStore::Commit(absl::Span<const ports::Write> writes,
                                 std::vector<ports::WriteResult>* results) {
  results->clear();
  results->reserve(writes.size());
  for (const ports::Write& write : writes) {
    results->push_back(
        std::visit([this](const auto& verb) { return tables_->Apply(verb); }, write));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ports::Backup>> MemoryStore::BeginBackup(const std::string&) {
  return absl::FailedPreconditionError("a store in memory has no file to copy");
}

absl::StatusOr<ports::Directory> MemoryStore::LoadDirectory() {
  ports::Directory directory;
  directory.egress_ips = Values(tables_->egress_ips);
  directory.pools = Values(tables_->pools);
  directory.plans = Values(tables_->plans);
  for (const auto& [key, day] : tables_->plan_days) {
    auto& days = directory.plan_days;
    if (!days.empty() && days.back().plan == key.first) days.pop_back();
    days.push_back(day);
  }
  for (const CampaignRow& row : tables_->campaigns) directory.campaigns.push_back(row.campaign);
  directory.lanes = Values(tables_->lanes);
  for (size_t i = 0; i < tables_->domains.size(); ++i) {
    directory.domains.emplace_back(static_cast<int64_t>(i + 1), tables_->domains[i]);
  }
  std::vector<LedgerRow> rows = Values(tables_->ledger);
  std::sort(rows.begin(), rows.end(), ByLaneAndDay);
  for (size_t i = 0; i < rows.size(); ++i) {
    const bool newest_two = i + 2 >= rows.size() || rows[i + 2].lane != rows[i].lane;
    if (newest_two) directory.ledger.push_back(rows[i]);
  }
  for (const CampaignRow& row : tables_->campaigns) {
    if (row.campaign.state == CampaignState::kCancelled) continue;
    directory.queued += row.counts.queued + row.counts.deferred;
  }
  directory.last_delivery = DeliveryId(static_cast<int64_t>(tables_->deliveries.size()));
  return directory;
}

absl::StatusOr<ports::QueuedPage> MemoryStore::LoadQueued(DeliveryId after, int limit) {
  ports::QueuedPage page;
  const auto end = static_cast<int64_t>(tables_->deliveries.size());
  int64_t id = std::max<int64_t>(after.value(), 0);
  for (int looked = 0; id < end && looked < limit; ++looked) {
    const DeliveryRow* row = tables_->Find(DeliveryId(++id));
    if (row == nullptr || !IsWaiting(row->state)) continue;
    if (tables_->campaign(row->campaign).campaign.state == CampaignState::kCancelled) continue;
    page.queued.push_back(tables_->Queued(DeliveryId(id), *row));
  }
  page.next = DeliveryId(id);
  page.more = id < end;
  return page;
}

absl::StatusOr<std::vector<ports::OpenClaim>> MemoryStore::LoadOpenClaims() {
  std::vector<ports::OpenClaim> claims;
  for (size_t i = 0; i < tables_->deliveries.size(); ++i) {
    const DeliveryRow& row = tables_->deliveries[i];
    if (row.state != DeliveryState::kClaimed) continue;
    const Labels& labels = tables_->labels;
    claims.push_back({.delivery = tables_->Queued(DeliveryId(static_cast<int64_t>(i + 1)), row),
                      .lane = {EgressIpId(labels.Text(row.claim_ip)),
                               ProviderId(labels.Text(row.claim_provider))},
                      .day = row.claim_day});
  }
  return claims;
}

absl::StatusOr<Delivery> MemoryStore::GetDelivery(DeliveryId id) {
  const DeliveryRow* row = tables_->Find(id);
  if (row == nullptr) return NoSuchDelivery(id);
  return ToDelivery(id, *row, tables_->campaign(row->campaign).campaign.id, tables_->labels);
}

absl::StatusOr<std::vector<Delivery>> MemoryStore::ListDeliveries(
    const ports::DeliveryFilter& filter, DeliveryId after, int limit) {
  if (absl::Status status = CheckFilter(filter); !status.ok()) return status;
  std::vector<Delivery> page;
  const auto consider = [&](DeliveryId id) {
    const DeliveryRow* row = tables_->Find(id);
    if (row == nullptr) return;
    const CampaignId& campaign = tables_->campaign(row->campaign).campaign.id;
    if (id.value() <= after.value() || (filter.state && row->state != *filter.state)) return;
    if (filter.campaign && campaign != *filter.campaign) return;
    if (static_cast<int64_t>(page.size()) >= limit) return;
    page.push_back(ToDelivery(id, *row, campaign, tables_->labels));
  };
  if (filter.address) {
    const auto same = tables_->by_address.find(*filter.address);
    if (same == tables_->by_address.end()) return page;
    for (const DeliveryId id : same->second) consider(id);
    return page;
  }
  const auto end = static_cast<int64_t>(tables_->deliveries.size());
  for (int64_t id = std::max<int64_t>(after.value(), 0) + 1;
       id <= end && static_cast<int64_t>(page.size()) < limit; ++id) {
    consider(DeliveryId(id));
  }
  return page;
}

absl::StatusOr<CampaignCounts> MemoryStore::CountDeliveries(const CampaignId& campaign) {
  const CampaignRow* row = tables_->Find(campaign);
  if (row == nullptr) return NoSuch("campaign", campaign.text());
  return row->counts;
}

absl::StatusOr<CampaignCounts> MemoryStore::CountPruned(const CampaignId& campaign) {
  const CampaignRow* row = tables_->Find(campaign);
  if (row == nullptr) return NoSuch("campaign", campaign.text());
  return row->pruned;
}

absl::StatusOr<std::vector<Event>> MemoryStore::ListEvents(const ports::EventFilter& filter,
                                                           EventId after, int limit) {
  std::vector<Event> page;
  const Labels& labels = tables_->labels;
  // The history of a delivery goes with it.
  if (filter.delivery && tables_->Find(*filter.delivery) == nullptr) return page;
  for (auto i = static_cast<size_t>(std::max(after.value(), tables_->first_event - 1));
       i < tables_->events.size() && static_cast<int64_t>(page.size()) < limit; ++i) {
    const EventRow& row = tables_->events[i];
    if (!Matches(filter, row, labels)) continue;
    Event& event = page.emplace_back();
    event.id = EventId(static_cast<int64_t>(i + 1));
    event.time = row.time;
    event.type = row.type;
    event.egress_ip = EgressIpId(labels.Text(row.egress_ip));
    event.provider = ProviderId(labels.Text(row.provider));
    event.pool = PoolId(labels.Text(row.pool));
    event.plan = PlanId(labels.Text(row.plan));
    event.campaign = CampaignId(labels.Text(row.campaign));
    event.delivery = DeliveryId(row.delivery);
    event.address = row.address;
    const DeliveryRow* delivery = tables_->Find(event.delivery);
    if (event.address.empty() && delivery != nullptr) event.address = delivery->address;
    event.category = row.category;
    event.text = row.text;
    event.actor = row.actor;
  }
  return page;
}

absl::StatusOr<EventId> MemoryStore::LastEvent() {
  return EventId(static_cast<int64_t>(tables_->events.size()));
}

absl::StatusOr<EventId> MemoryStore::FirstEvent() { return EventId(tables_->first_event); }

absl::StatusOr<std::vector<Suppression>> MemoryStore::ListSuppressions(absl::string_view after,
                                                                       int limit) {
  std::vector<Suppression> page;
  for (auto it = tables_->suppressions.upper_bound(std::string(after));
       it != tables_->suppressions.end() && static_cast<int64_t>(page.size()) < limit; ++it) {
    page.push_back(it->second);
  }
  return page;
}

absl::StatusOr<Suppression> MemoryStore::GetSuppression(absl::string_view address) {
  const auto it = tables_->suppressions.find(std::string(address));
  if (it == tables_->suppressions.end()) return NoSuch("suppression of", address);
  return it->second;
}

absl::StatusOr<std::vector<Webhook>> MemoryStore::ListWebhooks() {
  return Values(tables_->webhooks);
}

absl::StatusOr<Engagement> MemoryStore::GetEngagement(absl::string_view address) {
  const auto it = tables_->engagements.find(address);
  if (it == tables_->engagements.end()) return NoSuch("engagement of", address);
  return it->second;
}

absl::StatusOr<std::optional<EngagementSignals>> MemoryStore::GetSignals(DeliveryId id) {
  const auto it = tables_->signals.find(id);
  if (it == tables_->signals.end()) return std::nullopt;
  return Together(it->second, tables_->Reported(tables_->Find(id)->address));
}

absl::StatusOr<std::vector<PlanDay>> MemoryStore::ListPlanDays(const PlanId& plan) {
  std::vector<PlanDay> days;
  for (auto it = tables_->plan_days.lower_bound({plan, absl::CivilDay::min()});
       it != tables_->plan_days.end() && it->first.first == plan; ++it) {
    days.push_back(it->second);
  }
  return days;
}

absl::StatusOr<std::vector<LedgerRow>> MemoryStore::ListLedger(const EgressIpId& ip,
                                                               absl::CivilDay first,
                                                               absl::CivilDay last) {
  std::vector<LedgerRow> rows;
  for (const auto& [key, row] : tables_->ledger) {
    if (row.lane.egress_ip == ip && row.day >= first && row.day <= last) rows.push_back(row);
  }
  std::sort(rows.begin(), rows.end(), ByLaneAndDay);
  return rows;
}

absl::StatusOr<int64_t> MemoryStore::LastChunk(const CampaignId& campaign, const ImportId& import) {
  const CampaignRow* row = tables_->Find(campaign);
  if (row == nullptr) return 0;
  const auto it = tables_->imports.find({row->campaign.key, import});
  return it == tables_->imports.end() ? 0 : static_cast<int64_t>(it->second.size());
}

}  // namespace crescendo::store
