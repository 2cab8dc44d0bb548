// Puts of the small records, and events.
#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/domain/pool_overflow.h"
#include "store/memory/tables.h"

namespace crescendo::store {
namespace {

ports::WriteResult Failed(absl::Status status) { return {std::move(status), {}, false}; }

}  // namespace

template <class Record, class Table>
ports::WriteResult MemoryTables::ApplyPut(const ports::Put<Record>& put, Table* table) {
  const RecordKind kind = KindOf(put.record);
  const std::string& id = put.record.id.text();
  if (!put.request.id.empty()) {
    const auto past = requests.find(put.request.id);
    if (past != requests.end()) {
      absl::Status status = CheckReplay(put.request, kind, past->second);
      if (!status.ok()) return Failed(std::move(status));
      return {absl::OkStatus(), table->at(past->second.record), true};
    }
  }
  const auto it = table->find(id);
  const auto stored = it == table->end() ? std::nullopt : std::optional(it->second.revision);
  absl::Status status = put.refusal;
  if (status.ok()) status = CheckRevision(kind, id, stored, put.record.revision);
  if (status.ok()) status = CheckReferences(put.record);
  if (status.ok()) status = CheckEvents(put.events);
  if (!status.ok()) return Failed(std::move(status));

  Record& record = (*table)[id];
  record = put.record;
  ++record.revision;
  if (!put.request.id.empty()) {
    requests[put.request.id] = {kind, put.request.fingerprint, id, AnswerTime(put)};
  }
  Append(put.events);
  return {absl::OkStatus(), record};
}

ports::WriteResult MemoryTables::Apply(const ports::Put<EgressIp>& put) {
  return ApplyPut(put, &egress_ips);
}
ports::WriteResult MemoryTables::Apply(const ports::Put<Pool>& put) {
  return ApplyPut(put, &pools);
}
ports::WriteResult MemoryTables::Apply(const ports::Put<Plan>& put) {
  return ApplyPut(put, &plans);
}

ports::WriteResult MemoryTables::Apply(const ports::Put<Campaign>& put) {
  const std::string& id = put.record.id.text();
  if (!put.request.id.empty()) {
    const auto past = requests.find(put.request.id);
    if (past != requests.end()) {
      absl::Status status = CheckReplay(put.request, RecordKind::kCampaign, past->second);
      if (!status.ok()) return Failed(std::move(status));
      return {absl::OkStatus(), Find(CampaignId(past->second.record))->campaign, true};
    }
  }
  CampaignRow* row = Find(put.record.id);
  const auto stored = row == nullptr ? std::nullopt : std::optional(row->campaign.revision);
  absl::Status status = put.refusal;
  if (status.ok()) {
    status = CheckRevision(RecordKind::kCampaign, id, stored, put.record.revision);
  }
  if (status.ok() && !pools.contains(put.record.pool.text())) {
    status = NoSuch("pool", put.record.pool.text());
  }
  if (status.ok()) status = CheckEvents(put.events);
  if (!status.ok()) return Failed(std::move(status));

  if (row == nullptr) {
    row = &campaigns.emplace_back();
    campaign_keys[id] = CampaignKey(static_cast<int64_t>(campaigns.size()));
  }
  row->campaign = put.record;
  row->campaign.key = campaign_keys[id];
  ++row->campaign.revision;
  if (!put.request.id.empty()) {
    requests[put.request.id] = {RecordKind::kCampaign, put.request.fingerprint, id,
                                AnswerTime(put)};
  }
  Append(put.events);
  return {absl::OkStatus(), row->campaign, false};
}

absl::Status MemoryTables::CheckReferences(const Pool& pool) {
  for (const EgressIpId& ip : pool.egress_ips) {
    if (!egress_ips.contains(ip.text())) return NoSuch("egress IP", ip.text());
    if (std::count(pool.egress_ips.begin(), pool.egress_ips.end(), ip) > 1) {
      return TakenByAnother(ip, RecordKind::kPool, pool.id.text());
    }
    for (const auto& [id, other] : pools) {
      const auto& members = other.egress_ips;
      if (other.id == pool.id || std::find(members.begin(), members.end(), ip) == members.end()) {
        continue;
      }
      return TakenByAnother(ip, RecordKind::kPool, id);
    }
  }
  return CheckOverflow(pool, [this](const PoolId& id) -> absl::StatusOr<std::optional<PoolId>> {
    const auto found = pools.find(id.text());
    if (found == pools.end()) return std::nullopt;
    return found->second.overflow;
  });
}

absl::Status MemoryTables::CheckReferences(const Plan& plan) {
  if (!egress_ips.contains(plan.egress_ip.text())) {
    return NoSuch("egress IP", plan.egress_ip.text());
  }
  for (const auto& [id, other] : plans) {
    if (other.id != plan.id && other.egress_ip == plan.egress_ip) {
      return TakenByAnother(plan.egress_ip, RecordKind::kPlan, id);
    }
  }
  return absl::OkStatus();
}

ports::WriteResult MemoryTables::Apply(const ports::DeletePlan& remove) {
  const auto it = plans.find(remove.plan.text());
  const auto stored = it == plans.end() ? std::nullopt : std::optional(it->second.revision);
  if (!stored) return Failed(NoSuch("plan", remove.plan.text()));
  absl::Status status =
      CheckRevision(RecordKind::kPlan, remove.plan.text(), stored, remove.revision);
  if (status.ok()) status = CheckEvents(remove.events);
  if (!status.ok()) return Failed(std::move(status));
  plans.erase(it);
  std::erase_if(plan_days, [&](const auto& day) { return day.first.first == remove.plan; });
  absl::erase_if(requests, [&](const auto& request) {
    return request.second.kind == RecordKind::kPlan && request.second.record == remove.plan.text();
  });
  Append(remove.events);
  return {};
}

ports::WriteResult MemoryTables::Apply(const ports::CountComplaint& count) {
  ++Ledger(count.lane, count.day).complaints;
  return {};
}

ports::WriteResult MemoryTables::Apply(const ports::PutPlanDay& put) {
  if (!plans.contains(put.day.plan.text())) return Failed(NoSuch("plan", put.day.plan.text()));
  if (absl::Status status = CheckEvents(put.events); !status.ok()) return Failed(status);
  plan_days[{put.day.plan, put.day.day}] = put.day;
  Append(put.events);
  return {};
}

ports::WriteResult MemoryTables::Apply(const ports::PutLane& put) {
  if (absl::Status status = CheckEvents(put.events); !status.ok()) return Failed(status);
  lanes[put.lane.lane] = put.lane;
  Append(put.events);
  return {};
}

ports::WriteResult MemoryTables::Apply(const ports::PutWebhook& put) {
  if (absl::Status status = CheckEvents(put.events); !status.ok()) return Failed(status);
  const auto [known, added] = webhooks.emplace(put.webhook.id.text(), put.webhook);
  if (!added) {
    const Webhook before = std::exchange(known->second, put.webhook);
    known->second.delivered = before.delivered;
    known->second.lost = before.lost;
    known->second.create_time = before.create_time;
  }
  Append(put.events);
  return {};
}

ports::WriteResult MemoryTables::Apply(const ports::MoveWebhook& move) {
  const auto found = webhooks.find(move.webhook.text());
  if (found == webhooks.end()) return Failed(NoSuch("webhook", move.webhook.text()));
  found->second.delivered = move.delivered;
  found->second.lost = move.lost;
  return {};
}

ports::WriteResult MemoryTables::Apply(const ports::DeleteWebhook& remove) {
  absl::Status status = webhooks.contains(remove.webhook.text())
                            ? CheckEvents(remove.events)
                            : NoSuch("webhook", remove.webhook.text());
  if (!status.ok()) return Failed(status);
  webhooks.erase(remove.webhook.text());
  Append(remove.events);
  return {};
}

ports::WriteResult MemoryTables::Apply(const ports::AppendEvents& append) {
  if (absl::Status status = CheckEvents(append.events); !status.ok()) return Failed(status);
  Append(append.events);
  return {};
}

absl::Status MemoryTables::CheckEvents(absl::Span<const Event> events_to_add) {
  for (const Event& event : events_to_add) {
    if (event.delivery.value() != 0 && Find(event.delivery) == nullptr) {
      return NoSuchDelivery(event.delivery);
    }
  }
  return absl::OkStatus();
}

void MemoryTables::Append(absl::Span<const Event> events_to_add, absl::string_view address) {
  for (const Event& event : events_to_add) {
    EventRow& row = events.emplace_back();
    row.time = event.time;
    row.type = event.type;
    row.category = event.category;
    row.egress_ip = labels.Key(event.egress_ip.text());
    row.provider = labels.Key(event.provider.text());
    row.pool = labels.Key(event.pool.text());
    row.plan = labels.Key(event.plan.text());
    row.campaign = labels.Key(event.campaign.text());
    row.delivery = event.delivery.value();
    row.address = event.address;
    row.text = event.text;
    row.actor = event.actor;
    if (DeliveryRow* delivery = Find(event.delivery); delivery != nullptr) {
      if (row.address == delivery->address) row.address.clear();
    } else if (row.address.empty()) {
      row.address = std::string(address);
    }
  }
}

}  // namespace crescendo::store
