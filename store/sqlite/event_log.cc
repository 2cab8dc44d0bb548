#include "store/sqlite/event_log.h"

#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"
#include "store/rules.h"

namespace crescendo::store {
namespace {

// The store keeps these numbers: new enumerators go to the end.
static_assert(static_cast<int>(EventType::kLaneStopped) == 6);
static_assert(static_cast<int>(EventType::kCreated) == 20);
static_assert(static_cast<int>(EventType::kAlert) == 31);
static_assert(static_cast<int>(kLastEventType) < 63);  // TypeMask.
static_assert(static_cast<int>(ReplyCategory::kAccepted) == 0);
static_assert(static_cast<int>(ReplyCategory::kOtherTemporary) == 30);

std::optional<int64_t> CategoryNumber(const std::optional<ReplyCategory>& category) {
  if (!category) return std::nullopt;
  return static_cast<int64_t>(*category);
}

// What a filter asks for, as bits: each combination is one prepared statement.
enum FilterBit { kCampaign = 1, kEgressIp = 2, kProvider = 4, kPlan = 8, kDelivery = 16 };

std::string ListSql(int shape) {
  std::string sql =
      "SELECT e.id, e.time_us, e.type, e.egress_ip, e.provider, e.pool, e.plan, e.campaign,"
      " e.delivery, e.category, coalesce(e.address, d.address), e.text, e.actor"
      " FROM events e LEFT JOIN deliveries d ON d.id = e.delivery"
      " WHERE e.id > ?1 AND (?3 >> e.type) & 1";
  // A delivery's history is a handful of rows: the + keeps longer indexes out of its way.
  const char* const no_index = (shape & kDelivery) ? "+" : "";
  const auto add = [&](FilterBit bit, absl::string_view condition) {
    if (shape & bit) absl::StrAppend(&sql, " AND ", no_index, condition);
  };
  add(kCampaign, "e.campaign = ?4");
  add(kEgressIp, "e.egress_ip = ?5");
  add(kProvider, "e.provider = ?6");
  add(kPlan, "e.plan = ?7");
  if (shape & kDelivery) {
    absl::StrAppend(&sql,
                    " AND e.id IN (WITH RECURSIVE chain(id) AS ("
                    "SELECT last_event FROM deliveries WHERE id = ?8 UNION ALL"
                    " SELECT b.previous FROM chain JOIN events b ON b.id = chain.id"
                    " WHERE b.previous > ?1 AND b.previous < b.id) SELECT id FROM chain)");
  }
  return absl::StrCat(sql, " ORDER BY e.id LIMIT ?2");
}

Event ReadEvent(const Rows& row, const Names& names) {
  Event event;
  event.id = EventId(row.Int(0));
  event.time = row.Time(1);
  event.type = row.Enumerator(2, kLastEventType);
  event.egress_ip = EgressIpId(names.LabelText(row.Int(3)));
  event.provider = ProviderId(names.LabelText(row.Int(4)));
  event.pool = PoolId(names.LabelText(row.Int(5)));
  event.plan = PlanId(names.LabelText(row.Int(6)));
  event.campaign = CampaignId(names.LabelText(row.Int(7)));
  event.delivery = DeliveryId(row.Int(8));
  if (!row.IsNull(9)) event.category = row.Enumerator(9, ReplyCategory::kOtherTemporary);
  event.address = row.String(10);
  event.text = row.String(11);
  event.actor = row.String(12);
  return event;
}

// One bit per type that is asked for; all of them when the list is empty.
int64_t TypeMask(const std::vector<EventType>& types) {
  if (types.empty()) return -1;
  int64_t mask = 0;
  for (const EventType type : types) mask |= int64_t{1} << static_cast<int>(type);
  return mask;
}

}  // namespace

absl::Status EventLog::Load() {
  ASSIGN_OR_RETURN(
      last_id_, database_->QueryInt("SELECT max(seq) FROM sqlite_sequence WHERE name = 'events'"));
  return absl::OkStatus();
}

absl::Status EventLog::Check(absl::Span<const Event> events, const Subject* subject,
                             absl::Status* fault) {
  for (const Event& event : events) {
    const int64_t delivery = event.delivery.value();
    if (delivery == 0 || (subject != nullptr && delivery == subject->delivery)) continue;
    Rows rows = find_delivery_.Query(delivery);
    const bool found = rows.Next();
    RETURN_IF_ERROR(rows.status());
    if (!found) {
      *fault = NoSuchDelivery(event.delivery);
      return absl::OkStatus();
    }
  }
  return absl::OkStatus();
}

absl::Status EventLog::Append(absl::Span<const Event> events, Subject* subject,
                              const std::optional<SlotUse>& outcome) {
  for (const Event& event : events) {
    const int64_t delivery = event.delivery.value();
    const auto use = &event == &events[0] ? outcome : std::nullopt;
    if (subject != nullptr && delivery == subject->delivery) {
      const bool same = event.address == subject->address;
      RETURN_IF_ERROR(
          AppendOne(event, subject->last_event, same ? absl::string_view() : event.address, use));
      subject->last_event = last_id_;
    } else if (delivery == 0) {
      const bool fill = event.address.empty() && subject != nullptr;
      RETURN_IF_ERROR(AppendOne(event, 0, fill ? subject->address : event.address, use));
    } else {
      int64_t previous = 0;
      bool same = false;
      {
        Rows rows = find_delivery_.Query(delivery);
        if (rows.Next()) {
          same = rows.Text(0) == event.address;
          previous = rows.Int(1);
        }
        RETURN_IF_ERROR(rows.status());
      }
      RETURN_IF_ERROR(AppendOne(event, previous, same ? absl::string_view() : event.address, use));
      RETURN_IF_ERROR(set_last_event_.Run(delivery, last_id_));
    }
  }
  return absl::OkStatus();
}

absl::Status EventLog::AppendOne(const Event& event, int64_t previous, absl::string_view address,
                                 const std::optional<SlotUse>& use) {
  ASSIGN_OR_RETURN(const int64_t ip, names_->Label(event.egress_ip.text()));
  ASSIGN_OR_RETURN(const int64_t provider, names_->Label(event.provider.text()));
  ASSIGN_OR_RETURN(const int64_t pool, names_->Label(event.pool.text()));
  ASSIGN_OR_RETURN(const int64_t plan, names_->Label(event.plan.text()));
  ASSIGN_OR_RETURN(const int64_t campaign, names_->Label(event.campaign.text()));
  std::optional<int64_t> claim_day, slot;
  if (use) {
    claim_day = use->claim_day - absl::CivilDay();
    slot = use->slot;
  }
  RETURN_IF_ERROR(insert_.Run(
      last_id_ + 1, event.time, static_cast<int>(event.type), KeyOrNull{ip}, KeyOrNull{provider},
      KeyOrNull{pool}, KeyOrNull{plan}, KeyOrNull{campaign}, KeyOrNull{event.delivery.value()},
      KeyOrNull{previous}, CategoryNumber(event.category), TextOrNull{address},
      TextOrNull{event.text}, TextOrNull{event.actor}, claim_day, slot));
  ++last_id_;
  return absl::OkStatus();
}

absl::StatusOr<EventId> EventLog::First() {
  ASSIGN_OR_RETURN(const int64_t first, database_->QueryInt("SELECT min(id) FROM events"));
  return EventId(first == 0 ? last_id_ + 1 : first);
}

absl::StatusOr<std::vector<Event>> EventLog::List(const ports::EventFilter& filter, EventId after,
                                                  int limit) {
  int shape = 0;
  int64_t campaign = 0, ip = 0, provider = 0, plan = 0;
  // A text that has no number is in no event.
  bool unknown = false;
  const auto want = [&](const auto& id, FilterBit bit, int64_t* label) {
    if (!id) return;
    shape |= bit;
    const std::optional<int64_t> found = names_->FindLabel(id->text());
    if (found) *label = *found;
    if (!found) unknown = true;
  };
  want(filter.campaign, kCampaign, &campaign);
  want(filter.egress_ip, kEgressIp, &ip);
  want(filter.provider, kProvider, &provider);
  want(filter.plan, kPlan, &plan);
  if (filter.delivery) shape |= kDelivery;
  std::vector<Event> events;
  if (unknown || limit <= 0) return events;

  std::unique_ptr<Listing>& listing = listings_[shape];
  if (listing == nullptr) {
    listing = std::make_unique<Listing>();
    listing->sql = ListSql(shape);
    listing->statement = std::make_unique<Statement>(database_, listing->sql.c_str());
  }
  Rows rows =
      listing->statement->Query(after.value(), limit, TypeMask(filter.types), campaign, ip,
                                provider, plan, filter.delivery ? filter.delivery->value() : 0);
  while (rows.Next()) events.push_back(ReadEvent(rows, *names_));
  RETURN_IF_ERROR(rows.status());
  return events;
}

}  // namespace crescendo::store
