#include "tests/store_contract/random_writes.h"

#include "absl/strings/str_cat.h"

namespace crescendo::store {

std::string RandomWrites::Name(const char* prefix, int64_t count) {
  return absl::StrCat(prefix, 1 + Below(count));
}

std::string RandomWrites::Address() {
  return absl::StrCat("r", Below(80), "@d", Below(7), ".example");
}

absl::Time RandomWrites::Time() {
  return absl::FromUnixSeconds(1772409600) + absl::Microseconds(Below(400'000'000'000));
}

DeliveryId RandomWrites::AnyDelivery() { return DeliveryId(Below(deliveries_ + 3)); }

std::vector<DeliveryId> RandomWrites::SomeDeliveries() {
  std::vector<DeliveryId> ids;
  for (int64_t n = Below(12); n > 0; --n) ids.push_back(AnyDelivery());
  return ids;
}

ports::RequestKey RandomWrites::Request() {
  if (!OneIn(3)) return {};
  return {Name("request", 60), static_cast<uint64_t>(Below(2)) << 63};
}

Event RandomWrites::AnyEvent() {
  Event event;
  event.time = Time();
  event.type = static_cast<EventType>(Below(static_cast<int64_t>(kLastEventType) + 1));
  if (OneIn(2)) event.egress_ip = EgressIpId(Name("ip", 3));
  if (OneIn(2)) event.provider = ProviderId(Name("provider", 3));
  if (OneIn(4)) event.pool = PoolId(Name("pool", 2));
  if (OneIn(4)) event.plan = PlanId(Name("plan", 2));
  if (OneIn(2)) event.campaign = CampaignId(Name("campaign", 4));
  if (OneIn(2)) event.delivery = AnyDelivery();
  if (OneIn(3)) event.address = Address();
  if (OneIn(3)) event.category = static_cast<ReplyCategory>(Below(30));
  if (OneIn(2)) event.text = absl::StrCat("text ", Below(1000));
  if (OneIn(4)) event.actor = "anna";
  return event;
}

std::vector<Event> RandomWrites::Events() {
  std::vector<Event> events;
  for (int64_t n = Below(3); n > 0; --n) events.push_back(AnyEvent());
  return events;
}

// A put of a record as stored (right revision), or of a new or stale one.
template <class Record>
Record StoredOrNew(const std::vector<Record>& stored, const std::string& id, bool stale) {
  for (const Record& record : stored) {
    if (record.id.text() != id) continue;
    Record copy = record;
    if (stale) --copy.revision;
    return copy;
  }
  Record record;
  record.id = decltype(record.id)(id);
  return record;
}

ports::Write RandomWrites::PutRecord(const ports::Directory& directory) {
  const bool stale = OneIn(6);
  switch (Below(6)) {
    case 0: {
      EgressIp ip = StoredOrNew(directory.egress_ips, Name("ip", 3), stale);
      ip.ehlo_name = absl::StrCat("h", Below(100));
      ip.create_time = Time();
      return ports::Put<EgressIp>{ip, Request(), Events()};
    }
    case 1: {
      Pool pool = StoredOrNew(directory.pools, Name("pool", 2), stale);
      pool.egress_ips.clear();
      for (int64_t n = Below(3); n > 0; --n) pool.egress_ips.emplace_back(Name("ip", 4));
      pool.overflow = PoolId(OneIn(3) ? Name("pool", 2) : "");
      return ports::Put<Pool>{pool, Request(), Events()};
    }
    case 2: {
      Plan plan = StoredOrNew(directory.plans, Name("plan", 2), stale);
      if (OneIn(4)) return ports::DeletePlan{plan.id, plan.revision, Events()};
      plan.egress_ip = EgressIpId(Name("ip", 3));
      plan.stages.assign(static_cast<size_t>(Below(4)), Stage{2, 1 + Below(1000)});
      plan.state = static_cast<PlanState>(Below(6));
      plan.provider_ramps.clear();
      if (OneIn(2)) plan.provider_ramps = {{ProviderId("gmail"), {{1, 1 + Below(50)}, {2, 90}}}};
      plan.guardrails.min_sample = 1 + Below(500);
      plan.guardrails.clear_at = 1.0 / static_cast<double>(1 + Below(7));
      plan.rolling_day = OneIn(2);
      plan.next.reset();
      if (OneIn(2)) plan.next = plan;
      if (plan.next.has_value()) plan.next->bounded_growth = false;
      plan.next_from = plan.next.has_value() ? Day() : absl::CivilDay();
      plan.move = {Below(9), static_cast<int>(Below(4)), Day()};
      plan.acted_day = Day();
      plan.start_date = Day();
      return ports::Put<Plan>{plan, Request(), Events()};
    }
    case 3: {
      Campaign campaign = StoredOrNew(directory.campaigns, Name("campaign", 4), stale);
      campaign.pool = PoolId(Name("pool", 2));
      campaign.weight = static_cast<int>(Below(3));
      campaign.subject = absl::StrCat("subject ", Below(1000));
      // Cancelled is rare, and not final here: a store does not mind.
      campaign.state = static_cast<CampaignState>(OneIn(5) ? 3 : Below(3));
      return ports::Put<Campaign>{campaign, Request(), Events()};
    }
    case 4: {
      PlanDay day;
      day.plan = PlanId(Name("plan", 2));
      day.egress_ip = EgressIpId(Name("ip", 3));
      day.day = Day();
      day.cap = Below(1000);
      day.decision = static_cast<DayDecision>(Below(7));
      day.peak_cap = Below(1000);
      day.idle_since = Day();
      day.moves = Below(9);
      if (OneIn(2))
        day.breaches = {{Signal::kDeferrals, {}}, {Signal::kComplaints, ProviderId("gmail")}};
      if (OneIn(2)) day.paused_lanes = {ProviderId("gmail")};
      if (OneIn(2)) {
        day.providers = {{ProviderId("gmail"), 1, 2, Below(100), DayDecision::kHold, "why", 7}};
      }
      if (OneIn(2)) day.recent = {{Time(), Below(9)}, {Time(), Below(9)}};
      return ports::PutPlanDay{day, Events()};
    }
    default: {
      LaneRecord lane;
      lane.lane = AnyLane();
      lane.paused = OneIn(2);
      lane.blocked = OneIn(2);
      lane.stop_count = static_cast<int>(Below(5));
      if (OneIn(2)) lane.stopped_until = Time();
      if (OneIn(9)) lane.stopped_until = absl::InfiniteFuture();
      lane.rate_per_hour = random_.Unit() * 1000;
      return ports::PutLane{lane, Events()};
    }
  }
}

ports::Write RandomWrites::Append(ports::Store& store) {
  ports::AppendRecipients append;
  append.campaign = CampaignId(Name("campaign", 4));
  append.import = ImportId(Name("import", 3));
  const int64_t last = store.LastChunk(append.campaign, append.import).value();
  append.chunk = OneIn(8) ? Below(last + 3) : last + 1;
  append.fingerprint = static_cast<uint64_t>(OneIn(12) ? 1 : append.chunk * 7);
  for (int64_t n = Below(14); n > 0; --n) {
    ports::AppendRecipients::Row row{Address(), random_.Unit(), {}};
    if (OneIn(2)) row.engaged_day = static_cast<EngagedDay>(20'000 + Below(5));
    if (OneIn(3)) row.variables = {{"name", Name("v", 9)}, {"empty", ""}};
    if (OneIn(8)) {
      const auto length = static_cast<size_t>(900 + Below(2000));
      row.variables.emplace_back("body", std::string(length, static_cast<char>('a' + Below(26))));
    }
    append.rows.push_back(row);
  }
  if (OneIn(25)) append.rows.push_back({"nobody", 0.5, {}});
  for (ports::AppendRecipients::Row& row : append.rows) {
    if (OneIn(2)) row.signals = Signals();
  }
  append.update_scores = OneIn(3);
  append.now = Time();
  deliveries_ += static_cast<int64_t>(append.rows.size()) / 2;
  return append;
}

EngagementSignals RandomWrites::Signals() {
  EngagementSignals signals;
  if (OneIn(2)) signals.last_click_time = Time();
  if (OneIn(2)) signals.last_open_time = Time();
  if (OneIn(2)) signals.subscribe_time = Time();
  signals.click_count = Below(4);
  signals.open_count = Below(4);
  return signals;
}

ports::Write RandomWrites::Engage() {
  ports::RecordEngagement record;
  for (int64_t n = Below(9); n > 0; --n) {
    record.events.push_back({Address(), static_cast<EngagementKind>(Below(3)), Time(),
                             static_cast<uint64_t>(Below(300)) << 55});
  }
  if (OneIn(25)) record.events.push_back({"nobody", EngagementKind::kOpen, Time(), 1});
  record.now = Time();
  return record;
}

ports::Write RandomWrites::SettleOne(ports::Store& store) {
  ports::Settle settle;
  const auto open = store.LoadOpenClaims().value();
  if (open.empty() || OneIn(10)) {
    settle.delivery = AnyDelivery();
    settle.lane = AnyLane();
    settle.claim_day = Day();
  } else {
    const ports::OpenClaim& claim = open[static_cast<size_t>(Below(std::ssize(open)))];
    settle.delivery = claim.delivery.id;
    settle.lane = claim.lane;
    settle.claim_day = claim.day;
  }
  settle.settle_day = settle.claim_day + (OneIn(3) ? 1 : 0);
  settle.slot = static_cast<ports::Settle::Slot>(Below(4));
  settle.state = static_cast<DeliveryState>(OneIn(2) ? 3 : Below(9));
  // As the core does it: the ledger and the deliveries tell the same.
  if (settle.state == DeliveryState::kAccepted) settle.slot = ports::Settle::Slot::kAccepted;
  if (settle.slot == ports::Settle::Slot::kAccepted) settle.state = DeliveryState::kAccepted;
  settle.counts_as_attempt = settle.state == DeliveryState::kAccepted || !OneIn(4);
  if (OneIn(2)) settle.next_attempt_time = Time();
  if (OneIn(3)) settle.pinned_ip = settle.lane.egress_ip;
  if (OneIn(2)) settle.category = static_cast<ReplyCategory>(Below(31));
  settle.pushback = OneIn(2);
  if (OneIn(2)) settle.reply = absl::StrCat("450 reply ", Below(1000));
  if (OneIn(6)) settle.suppress = static_cast<SuppressionReason>(Below(4));
  settle.events = Events();
  if (!settle.events.empty() && OneIn(2)) settle.events[0].delivery = settle.delivery;
  // The first tells of it, as the core's does.
  if (settle.events.empty()) settle.events.emplace_back();
  settle.events[0].egress_ip = settle.lane.egress_ip;
  settle.events[0].provider = settle.lane.provider;
  settle.now = Time();
  return settle;
}

ports::Write RandomWrites::ReleaseSome(ports::Store& store) {
  ports::Release release{AnyLane(), Day(), {}};
  const auto open = store.LoadOpenClaims().value();
  if (!open.empty()) {
    const ports::OpenClaim& one = open[static_cast<size_t>(Below(std::ssize(open)))];
    release.lane = one.lane;
    release.day = one.day;
    for (const ports::OpenClaim& claim : open) {
      if (claim.lane == one.lane && claim.day == one.day && OneIn(3)) {
        release.deliveries.push_back(claim.delivery.id);
      }
    }
  }
  if (OneIn(6)) release.deliveries.push_back(AnyDelivery());
  return release;
}

ports::Write RandomWrites::RemoveSome(ports::Store& store) {
  const auto next = store.ListSuppressions(Address(), 1).value();
  if (next.empty() || OneIn(3)) return ports::RemoveSuppression{Address(), Events()};
  return ports::RemoveSuppression{next[0].address, Events()};
}

ports::Write RandomWrites::PutOrDeleteWebhook() {
  const WebhookId id(absl::StrCat("hook-", Below(3)));
  if (OneIn(4)) return ports::DeleteWebhook{id, Events()};
  if (OneIn(3)) return ports::MoveWebhook{id, EventId(Below(1000)), Below(5)};
  Webhook webhook;
  webhook.id = id;
  webhook.url = absl::StrCat("https://example.com/", Below(100));
  webhook.secret = "whsec_c2VjcmV0";
  webhook.paused = OneIn(2);
  webhook.delivered = EventId(Below(1000));
  webhook.lost = Below(3);
  webhook.create_time = Time();
  if (OneIn(2)) webhook.selection.campaign = CampaignId("c1");
  if (OneIn(2)) webhook.selection.types = {EventType::kBounced, EventType::kAlert};
  return ports::PutWebhook{std::move(webhook), Events()};
}

ports::Write RandomWrites::One(ports::Store& store) {
  switch (Below(26)) {
    case 25:
      return CancelSome(store);
    case 23:
    case 24:
      return PutOrDeleteWebhook();
    case 20:
      return PruneSome();
    case 21:
    case 22:
      return Engage();
    case 0:
    case 1:
    case 2:
      return PutRecord(store.LoadDirectory().value());
    case 3:
      if (OneIn(2)) return ports::CountComplaint{AnyLane(), Day()};
      return ports::AppendEvents{Events()};
    case 4:
    case 5:
    case 6:
      return Append(store);
    case 7:
    case 8:
    case 9:
    case 10:
      return ports::Claim{AnyLane(), Day(), SomeDeliveries(), Time()};
    case 11:
      return ReleaseSome(store);
    case 12: {
      auto state = static_cast<DeliveryState>(Below(9));
      // Only one in doubt may be found to have been accepted.
      if (state == DeliveryState::kAccepted) state = DeliveryState::kExpired;
      return ports::EndDelivery{AnyDelivery(), state, Events(), Time()};
    }
    case 13:
      if (OneIn(2)) return CancelSome(store);
      return RemoveSome(store);
    case 14: {
      ports::AddSuppressions add{{}, Events()};
      for (int64_t n = Below(3); n > 0; --n) {
        add.suppressions.push_back(
            {Address(), static_cast<SuppressionReason>(Below(4)), Name("note", 9), Time()});
      }
      return add;
    }
    default:
      return SettleOne(store);
  }
}

ports::Write RandomWrites::CancelSome(ports::Store& store) {
  ports::CancelDeliveries cancel;
  cancel.campaign = CampaignId(Name("campaign", 4));
  if (!OneIn(6)) {
    const ports::Directory directory = store.LoadDirectory().value();
    for (const Campaign& campaign : directory.campaigns) {
      if (campaign.state == CampaignState::kCancelled) cancel.campaign = campaign.id;
    }
  }
  cancel.now = Time();
  if (OneIn(3)) cancel.after = AnyDelivery();
  cancel.limit = static_cast<int>(Below(20));  // 0 is refused.
  return cancel;
}

ports::Write RandomWrites::PruneSome() {
  ports::Prune prune;
  if (OneIn(2)) prune.deliveries_before = Time();
  if (OneIn(2)) prune.events_before = Time();
  if (OneIn(2)) prune.answers_before = Time();
  if (OneIn(3)) prune.after = AnyDelivery();
  prune.limit = static_cast<int>(Below(20));  // 0 is refused.
  return prune;
}

std::vector<ports::Write> RandomWrites::Beginning() {
  std::vector<ports::Write> group;
  for (const char* id : {"ip1", "ip2", "ip3"}) {
    ports::Put<EgressIp> put;
    put.record.id = EgressIpId(id);
    group.push_back(put);
  }
  ports::Put<Pool> pool;
  pool.record.id = PoolId("pool1");
  group.push_back(pool);
  for (const char* id : {"campaign1", "campaign2", "campaign3"}) {
    ports::Put<Campaign> put;
    put.record.id = CampaignId(id);
    put.record.pool = pool.record.id;
    put.record.create_time = Time();
    group.push_back(put);
  }
  return group;
}

std::vector<ports::Write> RandomWrites::Next(ports::Store& store) {
  std::vector<ports::Write> group;
  if (step_ == 0) group = Beginning();
  for (int64_t n = Below(6); n > 0; --n) group.push_back(One(store));
  Event mark;
  mark.time = Time();
  mark.text = absl::StrCat("step ", ++step_);
  group.push_back(ports::AppendEvents{{mark}});
  return group;
}

}  // namespace crescendo::store
