#include "tests/store_contract/describe.h"

#include <map>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "scheduler/base/civil_day.h"
#include "scheduler/domain/plan_settings.h"

namespace crescendo::store {
namespace {

std::string Text(absl::Time time) {
  return absl::FormatTime(absl::RFC3339_full, time, absl::UTCTimeZone());
}
std::string Text(const Lane& lane) {
  return absl::StrCat(lane.egress_ip.text(), "×", lane.provider.text());
}
std::string Text(const std::optional<ReplyCategory>& category) {
  return category ? std::string(ReplyCategoryCode(*category)) : "-";
}

std::string Line(const EgressIp& ip) {
  return absl::StrCat("ip ", ip.id.text(), " ", ip.address, " ", ip.ehlo_name, " ",
                      Text(ip.create_time), " r", ip.revision);
}
std::string Line(const Pool& pool) {
  std::string line = absl::StrCat("pool ", pool.id.text(), " r", pool.revision, ":");
  for (const EgressIpId& ip : pool.egress_ips) absl::StrAppend(&line, " ", ip.text());
  absl::StrAppend(&line, " over ", pool.overflow.text());
  return line;
}
std::string Line(const Plan& plan) {
  std::string line = absl::StrCat("plan ", plan.id.text(), " ", plan.egress_ip.text(), " ",
                                  PlanStateName(plan.state), " ", base::FormatDay(plan.start_date),
                                  " r", plan.revision, ":");
  for (const auto& [name, text] : SettingsOf(plan)) absl::StrAppend(&line, " ", text);
  if (plan.next.has_value()) {
    absl::StrAppend(&line, " from ", base::FormatDay(plan.next_from));
    for (const auto& [name, text] : SettingsOf(*plan.next)) absl::StrAppend(&line, " ", text);
  }
  absl::StrAppend(&line, " move ", plan.move.number, " ", plan.move.stage, " ",
                  base::FormatDay(plan.move.from_day), " acted ", base::FormatDay(plan.acted_day));
  return line;
}
std::string Line(const Campaign& campaign) {
  return absl::StrCat("campaign ", campaign.id.text(), " k", campaign.key.value(), " ",
                      campaign.pool.text(), " ", campaign.subject, " ",
                      CampaignStateName(campaign.state), " r", campaign.revision);
}
std::string Line(const Webhook& webhook) {
  std::string line =
      absl::StrCat("webhook ", webhook.id.text(), " ", webhook.url, " ", webhook.secret, " ",
                   webhook.paused, webhook.state_reason, " ", webhook.delivered.value(), " ",
                   webhook.lost, " ", Text(webhook.create_time));
  const EventSelection& selection = webhook.selection;
  if (selection.campaign) absl::StrAppend(&line, " of ", selection.campaign->text());
  if (selection.egress_ip) absl::StrAppend(&line, " of ", selection.egress_ip->text());
  if (selection.provider) absl::StrAppend(&line, " of ", selection.provider->text());
  if (selection.plan) absl::StrAppend(&line, " of ", selection.plan->text());
  for (const EventType type : selection.types) absl::StrAppend(&line, " ", EventTypeName(type));
  return line;
}
std::string Line(const PlanDay& day) {
  std::string line =
      absl::StrCat("plan day ", day.plan.text(), " ", base::FormatDay(day.day), " ",
                   day.egress_ip.text(), " ", day.cap, " ", DayDecisionName(day.decision));
  absl::StrAppend(&line, " peak ", day.peak_cap, " idle ", base::FormatDay(day.idle_since), " m",
                  day.moves);
  for (const Breach& breach : day.breaches) {
    absl::StrAppend(&line, " ", SignalName(breach.signal), "@", breach.provider.text());
  }
  for (const ProviderId& provider : day.paused_lanes) {
    absl::StrAppend(&line, " paused ", provider.text());
  }
  for (const ProviderDay& own : day.providers) {
    absl::StrAppend(&line, " ", own.provider.text(), " ", own.stage, " ", own.day_in_stage, " ",
                    own.cap);
    absl::StrAppend(&line, " ", DayDecisionName(own.decision), " ", own.reason, " ", own.accepted);
  }
  for (const auto& [start, slots] : day.recent) {
    absl::StrAppend(&line, " ", Text(start), "=", slots);
  }
  return line;
}
std::string Line(const LaneRecord& lane) {
  return absl::StrCat("lane ", Text(lane.lane), " ", lane.paused, lane.blocked, " ",
                      lane.stop_count, " ", Text(lane.stopped_until), " ", lane.rate_per_hour);
}
std::string Line(const LedgerRow& row) {
  return absl::StrCat("ledger ", Text(row.lane), " ", base::FormatDay(row.day), " c", row.claimed,
                      " a", row.accepted, " r", row.refused, " i", row.in_doubt, " d", row.deferred,
                      " y", row.carried, " h", row.hard_bounces) +
         absl::StrCat(" c", row.complaints, " p", row.pushback);
}
std::string Line(const QueuedDelivery& queued) {
  return absl::StrCat("queued ", queued.id.value(), " k", queued.campaign.value(), " d",
                      queued.domain.value(), " ", queued.score, " e", queued.engaged_day, " ",
                      queued.attempts, " ", Text(queued.not_before), " ",
                      Text(queued.first_attempt_time), " ", queued.pinned_ip.text());
}
std::string Line(const ports::OpenClaim& claim) {
  return absl::StrCat("claim ", Text(claim.lane), " ", base::FormatDay(claim.day), " of ",
                      Line(claim.delivery));
}
std::string Line(const Delivery& d) {
  return absl::StrCat("delivery ", d.id.value(), " ", d.campaign.text(), " ", d.address, " ",
                      DeliveryStateName(d.state), " ", d.score, " a", d.attempts, " i",
                      d.in_doubt_count, " ", Text(d.create_time), " ") +
         absl::StrCat(Text(d.first_attempt_time), " ", Text(d.last_attempt_time), " ",
                      Text(d.next_attempt_time), " ", d.egress_ip.text(), "×", d.provider.text(),
                      " ", Text(d.category), " ", d.reply);
}
std::string Line(const Event& e) {
  return absl::StrCat("event ", e.id.value(), " ", Text(e.time), " ", EventTypeName(e.type), " ",
                      e.egress_ip.text(), "×", e.provider.text(), " ", e.pool.text(), " ") +
         absl::StrCat(e.plan.text(), " ", e.campaign.text(), " ", e.delivery.value(), " ",
                      e.address, " ", Text(e.category), " ", e.text, " ", e.actor);
}
std::string Line(const Suppression& suppression) {
  return absl::StrCat("suppression ", suppression.address, " ",
                      SuppressionReasonName(suppression.reason), " ", suppression.note, " ",
                      Text(suppression.create_time));
}
std::string Line(const EngagementSignals& signals) {
  const auto text = [](const std::optional<absl::Time>& time) { return time ? Text(*time) : "-"; };
  return absl::StrCat("signals ", text(signals.last_click_time), " ", signals.click_count, " ",
                      text(signals.last_open_time), " ", signals.open_count, " ",
                      text(signals.subscribe_time));
}
std::string Line(const Rescored& one) {
  return absl::StrCat("rescored ", one.id.value(), " ", one.campaign.value(), " ",
                      one.domain.value(), " ", one.old_score, " to ", one.score, " e",
                      one.engaged_day);
}
std::string Line(CampaignCounts counts) {
  std::string line = "counts";
  for (int state = 0; state < 9; ++state) {
    absl::StrAppend(&line, " ", counts[static_cast<DeliveryState>(state)]);
  }
  return line;
}

struct DescribeValue {
  std::string operator()(std::monostate) { return "-"; }
  std::string operator()(const ports::AppendOutcome& outcome) {
    std::string line = absl::StrCat("added ", outcome.added, " duplicates ", outcome.duplicates,
                                    " suppressed ", outcome.suppressed, " updated ",
                                    outcome.updated, outcome.replayed ? " replayed" : "");
    for (const auto& queued : outcome.queued) absl::StrAppend(&line, "\n  ", Line(queued));
    for (const Rescored& one : outcome.rescored) absl::StrAppend(&line, "\n  ", Line(one));
    for (const auto& [key, name] : outcome.new_domains) {
      absl::StrAppend(&line, "\n  domain ", key.value(), " ", name);
    }
    return line;
  }
  std::string operator()(const ports::EngagementOutcome& outcome) {
    std::string line = absl::StrCat("recorded ", outcome.recorded, " repeated ", outcome.repeated);
    for (const Rescored& one : outcome.rescored) absl::StrAppend(&line, "\n  ", Line(one));
    return line;
  }
  std::string operator()(const std::vector<ports::ClaimedDelivery>& claimed) {
    std::string line = "claimed";
    for (const ports::ClaimedDelivery& one : claimed) {
      absl::StrAppend(&line, "\n  ", one.id.value(), " k", one.campaign.value(), " ", one.address,
                      " ", one.attempts, " ", Text(one.first_attempt_time), " ");
      absl::StrAppend(&line, absl::StrJoin(one.variables, ",", absl::PairFormatter("=")));
    }
    return line;
  }
  std::string operator()(const std::vector<DeliveryId>& ended) {
    std::string line = "ended";
    for (const DeliveryId id : ended) absl::StrAppend(&line, " ", id.value());
    return line;
  }
  std::string operator()(const ports::CancelledDeliveries& cancelled) {
    return absl::StrCat((*this)(cancelled.ended), " next ", cancelled.next.value(),
                        cancelled.more ? " more" : "");
  }
  // `more` may be about what only one of the stores has, such as pages to give back.
  std::string operator()(const ports::Pruned& pruned) {
    return absl::StrCat("pruned ", pruned.deliveries, " ", pruned.events, " ", pruned.answers,
                        " next ", pruned.next.value());
  }
  template <class Record>
  std::string operator()(const Record& record) {
    return Line(record);
  }
};

template <class Rows>
void Add(const Rows& rows, std::string* out) {
  for (const auto& row : rows) absl::StrAppend(out, Line(row), "\n");
}

// All pages of a list that is ordered by `id`.
template <class List>
auto AllPages(int page, List list) {
  typename decltype(list(0))::value_type all;
  for (;;) {
    const auto rows = list(all.empty() ? 0 : all.back().id.value()).value();
    all.insert(all.end(), rows.begin(), rows.end());
    if (static_cast<int>(rows.size()) < page) return all;
  }
}

std::vector<Event> EventsOf(ports::Store& store, const ports::EventFilter& filter, int page) {
  return AllPages(page,
                  [&](int64_t after) { return store.ListEvents(filter, EventId(after), page); });
}

std::vector<Delivery> DeliveriesOf(ports::Store& store, const ports::DeliveryFilter& filter,
                                   int page) {
  return AllPages(
      page, [&](int64_t after) { return store.ListDeliveries(filter, DeliveryId(after), page); });
}

void AddDirectory(const ports::Directory& directory, std::string* out) {
  Add(directory.egress_ips, out);
  Add(directory.pools, out);
  Add(directory.plans, out);
  Add(directory.plan_days, out);
  Add(directory.campaigns, out);
  Add(directory.lanes, out);
  Add(directory.ledger, out);
  for (const auto& [key, name] : directory.domains) {
    absl::StrAppend(out, "domain ", key.value(), " ", name, "\n");
  }
}

}  // namespace

std::string Describe(const std::vector<ports::WriteResult>& results) {
  std::string out;
  for (const ports::WriteResult& result : results) {
    absl::StrAppend(&out, result.status.ToString(), result.replayed ? " replayed " : " ",
                    std::visit(DescribeValue(), result.value), "\n");
  }
  return out;
}

std::string DescribeAll(ports::Store& store, int page) {
  std::string out;
  const ports::Directory directory = store.LoadDirectory().value();
  AddDirectory(directory, &out);
  for (const Plan& plan : directory.plans) Add(store.ListPlanDays(plan.id).value(), &out);
  for (const EgressIp& ip : directory.egress_ips) {
    Add(store.ListLedger(ip.id, absl::CivilDay(2026, 3, 2), absl::CivilDay(2026, 3, 4)).value(),
        &out);
    absl::StrAppend(&out, "events of ", ip.id.text(), "\n");
    Add(EventsOf(store, {.egress_ip = ip.id}, page), &out);
  }
  absl::StrAppend(&out, "queued ", directory.queued, ", newest ", directory.last_delivery.value(),
                  "\n");
  ports::QueuedPage queued{.next = DeliveryId(), .more = true};
  while (queued.more) {
    queued = store.LoadQueued(queued.next, page).value();
    Add(queued.queued, &out);
  }
  Add(store.LoadOpenClaims().value(), &out);
  for (const Campaign& campaign : directory.campaigns) {
    absl::StrAppend(&out, Line(store.CountDeliveries(campaign.id).value()), "\n");
    absl::StrAppend(&out, "pruned ", Line(store.CountPruned(campaign.id).value()), "\n");
    const std::vector<Delivery> deliveries = DeliveriesOf(store, {.campaign = campaign.id}, page);
    Add(deliveries, &out);
    for (int state = 0; state < 9; ++state) {
      absl::StrAppend(&out, "state ", state, "\n");
      Add(DeliveriesOf(store, {.campaign = campaign.id, .state = static_cast<DeliveryState>(state)},
                       page),
          &out);
    }
    for (size_t i = 0; i < deliveries.size(); i += 7) {
      absl::StrAppend(&out, "history ", deliveries[i].id.value(), "\n");
      Add(EventsOf(store, {.delivery = deliveries[i].id}, page), &out);
      Add(DeliveriesOf(store, {.address = deliveries[i].address}, page), &out);
    }
    for (const Delivery& delivery : deliveries) {
      const auto signals = store.GetSignals(delivery.id).value();
      if (signals) absl::StrAppend(&out, delivery.id.value(), " ", Line(*signals), "\n");
      const auto engagement = store.GetEngagement(delivery.address);
      if (!engagement.ok()) continue;
      absl::StrAppend(
          &out, delivery.address, " ", Line(engagement->signals), " ",
          engagement->last_machine_open_time ? Text(*engagement->last_machine_open_time) : "-", " ",
          engagement->machine_open_count, "\n");
    }
    for (int import = 1; import <= 3; ++import) {
      const ImportId id(absl::StrCat("import", import));
      absl::StrAppend(&out, "chunk ", store.LastChunk(campaign.id, id).value(), "\n");
    }
  }
  Add(EventsOf(store, {}, page), &out);
  Add(EventsOf(store, {.types = {EventType::kSuppressed, EventType::kAlert}}, page), &out);
  absl::StrAppend(&out, "events ", store.FirstEvent()->value(), " to ", store.LastEvent()->value(),
                  "\n");
  Add(store.ListWebhooks().value(), &out);
  std::string after;
  for (;;) {
    const auto rows = store.ListSuppressions(after, page).value();
    Add(rows, &out);
    if (static_cast<int>(rows.size()) < page) return out;
    after = rows.back().address;
  }
}

std::string RecountFault(ports::Store& store) {
  const ports::Directory directory = store.LoadDirectory().value();
  for (const Campaign& campaign : directory.campaigns) {
    CampaignCounts counted = store.CountPruned(campaign.id).value();
    for (const Delivery& d : DeliveriesOf(store, {.campaign = campaign.id}, 1000)) {
      ++counted[d.state];
      // One in four: this runs ten thousand times.
      if (d.id.value() % 4 != 0) continue;
      const auto found =
          store.ListDeliveries({.campaign = campaign.id, .address = d.address}, DeliveryId(), 2);
      if (!found.ok() || found->size() != 1 || (*found)[0].id != d.id) {
        return absl::StrCat("delivery ", d.id.value(), " is not what its address leads to");
      }
    }
    const std::string kept = Line(store.CountDeliveries(campaign.id).value());
    if (kept != Line(counted)) return absl::StrCat(kept, " kept, recount: ", Line(counted));
  }
  std::map<std::pair<Lane, absl::CivilDay>, int64_t> claimed;
  const auto open = store.LoadOpenClaims().value();
  for (const ports::OpenClaim& claim : open) {
    ++claimed[{claim.lane, claim.day}];
  }
  for (const LedgerRow& row : directory.ledger) {
    if (claimed[{row.lane, row.day}] != row.claimed) {
      return absl::StrCat(Line(row), " but open claims: ", claimed[{row.lane, row.day}]);
    }
  }
  return "";
}

int64_t LastStep(ports::Store& store) {
  int64_t step = 0;
  for (const Event& event : EventsOf(store, {.types = {EventType::kAlert}}, 1000)) {
    absl::string_view text = event.text;
    int64_t n = 0;
    if (absl::ConsumePrefix(&text, "step ") && absl::SimpleAtoi(text, &n)) step = n;
  }
  return step;
}

}  // namespace crescendo::store
