#include "store/sqlite/webhooks.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"
#include "store/rules.h"
#include "store/sqlite/variables.h"

namespace crescendo::store {
namespace {

std::string Encode(const EventSelection& selection) {
  Variables pairs;
  if (selection.campaign) pairs.emplace_back("campaign", selection.campaign->text());
  if (selection.egress_ip) pairs.emplace_back("egress_ip", selection.egress_ip->text());
  if (selection.provider) pairs.emplace_back("provider", selection.provider->text());
  if (selection.plan) pairs.emplace_back("plan", selection.plan->text());
  for (const EventType type : selection.types) {
    pairs.emplace_back("type", absl::StrCat(static_cast<int>(type)));
  }
  std::string bytes;
  EncodeVariables(pairs, &bytes);
  return bytes;
}

absl::StatusOr<EventSelection> Decode(absl::string_view bytes) {
  ASSIGN_OR_RETURN(const Variables pairs, DecodeVariables(bytes));
  EventSelection selection;
  for (const auto& [name, value] : pairs) {
    int number = 0;
    if (name == "campaign") {
      selection.campaign = CampaignId(value);
    } else if (name == "egress_ip") {
      selection.egress_ip = EgressIpId(value);
    } else if (name == "provider") {
      selection.provider = ProviderId(value);
    } else if (name == "plan") {
      selection.plan = PlanId(value);
    } else if (name == "type" && absl::SimpleAtoi(value, &number) && number >= 0 &&
               number <= static_cast<int>(kLastEventType)) {
      selection.types.push_back(static_cast<EventType>(number));
    } else {
      return absl::DataLossError("a webhook's selection cannot be read");
    }
  }
  return selection;
}

}  // namespace

absl::Status Webhooks::Apply(const ports::PutWebhook& put, ports::WriteResult* result) {
  RETURN_IF_ERROR(events_->Check(put.events, nullptr, &result->status));
  if (!result->status.ok()) return absl::OkStatus();
  const Webhook& webhook = put.webhook;
  Statement save(database_,
                 "INSERT INTO webhooks VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
                 " ON CONFLICT (id) DO UPDATE SET url = ?2, secret = ?3, selection = ?4,"
                 " paused = ?5, state_reason = ?6");
  RETURN_IF_ERROR(save.Run(webhook.id.text(), webhook.url, webhook.secret,
                           BlobOrNull{Encode(webhook.selection)}, static_cast<int>(webhook.paused),
                           webhook.state_reason, webhook.delivered.value(), webhook.lost,
                           webhook.create_time));
  return events_->Append(put.events, nullptr);
}

absl::Status Webhooks::Apply(const ports::MoveWebhook& move, ports::WriteResult* result) {
  Statement update(database_, "UPDATE webhooks SET delivered = ?2, lost = ?3 WHERE id = ?1");
  RETURN_IF_ERROR(update.Run(move.webhook.text(), move.delivered.value(), move.lost));
  if (database_->changes() == 0) result->status = NoSuch("webhook", move.webhook.text());
  return absl::OkStatus();
}

absl::Status Webhooks::Apply(const ports::DeleteWebhook& remove, ports::WriteResult* result) {
  const std::string& id = remove.webhook.text();
  Statement find(database_, "SELECT 1 FROM webhooks WHERE id = ?1");
  {
    Rows rows = find.Query(id);
    if (!rows.Next()) result->status = NoSuch("webhook", id);
    RETURN_IF_ERROR(rows.status());
  }
  if (result->status.ok()) RETURN_IF_ERROR(events_->Check(remove.events, nullptr, &result->status));
  if (!result->status.ok()) return absl::OkStatus();
  Statement erase(database_, "DELETE FROM webhooks WHERE id = ?1");
  RETURN_IF_ERROR(erase.Run(id));
  return events_->Append(remove.events, nullptr);
}

absl::StatusOr<std::vector<Webhook>> Webhooks::List() {
  std::vector<Webhook> webhooks;
  Statement all(database_,
                "SELECT id, url, secret, selection, paused, state_reason, delivered, lost, created"
                " FROM webhooks ORDER BY id");
  Rows rows = all.Query();
  while (rows.Next()) {
    Webhook& webhook = webhooks.emplace_back();
    webhook.id = WebhookId(rows.Text(0));
    webhook.url = rows.String(1);
    webhook.secret = rows.String(2);
    ASSIGN_OR_RETURN(webhook.selection, Decode(rows.Text(3)));
    webhook.paused = rows.Int(4) != 0;
    webhook.state_reason = rows.String(5);
    webhook.delivered = EventId(rows.Int(6));
    webhook.lost = rows.Int(7);
    webhook.create_time = rows.Time(8);
  }
  RETURN_IF_ERROR(rows.status());
  return webhooks;
}

}  // namespace crescendo::store
