#include "scheduler/service/webhook_handlers.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/service/convert.h"
#include "scheduler/service/json.h"
#include "scheduler/service/names.h"
#include "scheduler/service/unary.h"

namespace crescendo::service {
namespace {

using webhooks::CourierStatus;
using webhooks::WebhookHub;

absl::Status CheckHub(const WebhookHub* hub) {
  return hub != nullptr ? absl::OkStatus()
                        : absl::UnimplementedError("this server knows no webhooks");
}

// Never with its secret: that is for those who made it.
void Fill(const CourierStatus& status, v1::Webhook* proto) {
  const Webhook& webhook = status.webhook;
  proto->set_name(NameOf(webhook.id));
  proto->set_url(webhook.url);
  const EventSelection& selection = webhook.selection;
  v1::EventFilter* filter = proto->mutable_filter();
  if (selection.campaign) filter->set_campaign(NameOf(*selection.campaign));
  if (selection.egress_ip) filter->set_egress_ip(NameOf(*selection.egress_ip));
  if (selection.provider) filter->set_provider(NameOf(*selection.provider));
  if (selection.plan) filter->set_plan(NameOf(*selection.plan));
  for (const EventType type : selection.types) {
    filter->add_types(EnumNamed<v1::Event::Type>(EventTypeName(type)));
  }
  const bool failing = status.failures > 0 && !webhook.paused;
  proto->set_state(webhook.paused ? v1::Webhook::PAUSED
                   : failing      ? v1::Webhook::FAILING
                                  : v1::Webhook::ACTIVE);
  proto->set_state_reason(webhook.state_reason);
  SetTime(webhook.create_time, proto, &v1::Webhook::mutable_create_time);
  proto->set_delivered_event(NameOf(webhook.delivered));
  proto->set_lost_events(webhook.lost);
  proto->set_failures(status.failures);
  proto->set_last_fault(status.last_fault);
  if (failing) SetTime(status.next_try, proto, &v1::Webhook::mutable_next_try_time);
  SetTime(status.last_success, proto, &v1::Webhook::mutable_last_success_time);
}

absl::StatusOr<EventSelection> SelectionFrom(const v1::EventFilter& proto) {
  ASSIGN_OR_RETURN(ports::EventFilter filter, EventFilterFrom(proto));
  if (filter.delivery.has_value()) {
    return Fault("webhook.filter.delivery", "is set: a webhook cannot be of one delivery");
  }
  return EventSelection{std::move(filter.campaign), std::move(filter.egress_ip),
                        std::move(filter.provider), std::move(filter.plan),
                        std::move(filter.types)};
}

// The name and reason of `request`, then `verb`, then `fill`.
template <class Request, class Fill>
absl::Status Change(WebhookHub* hub, const grpc::CallbackServerContext& context,
                    const Request& request, WebhookHub::Verb verb, Answer& answer, Fill fill) {
  RETURN_IF_ERROR(CheckHub(hub));
  ASSIGN_OR_RETURN(const WebhookId id, ParseWebhook("name", request.name()));
  ASSIGN_OR_RETURN(engine::Request who, RequestOf(context, request.reason(), false));
  hub->Change(id, verb, std::move(who), answer.With<Webhook>(std::move(fill)));
  return absl::OkStatus();
}

// After a change the courier's own state is what holds.
auto Filling(WebhookHub* hub, v1::Webhook* response) {
  return [hub, response](const Webhook& changed) {
    const absl::StatusOr<CourierStatus> status = hub->Get(changed.id);
    Fill(status.ok() ? *status : CourierStatus{changed}, response);
  };
}

}  // namespace

grpc::ServerUnaryReactor* WebhookHandlers::CreateWebhook(grpc::CallbackServerContext* context,
                                                         const v1::CreateWebhookRequest* request,
                                                         v1::Webhook* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    RETURN_IF_ERROR(CheckHub(hub_));
    Webhook webhook;
    webhook.id = WebhookId(request->webhook_id());
    webhook.url = request->webhook().url();
    ASSIGN_OR_RETURN(webhook.selection, SelectionFrom(request->webhook().filter()));
    const bool from_start = request->after_event() == "events/0";
    if (!request->after_event().empty()) {
      ASSIGN_OR_RETURN(webhook.delivered, ParseEvent("after_event", request->after_event()));
    }
    ASSIGN_OR_RETURN(engine::Request who, RequestOf(*context, "", request->validate_only()));
    const bool dry_run = who.validate_only;
    hub_->Create(std::move(webhook), from_start, std::move(who),
                 answer.With<Webhook>([response, dry_run](const Webhook& made) {
                   Fill({made}, response);
                   if (!dry_run) response->set_secret(made.secret);
                 }));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* WebhookHandlers::GetWebhook(grpc::CallbackServerContext* context,
                                                      const v1::GetWebhookRequest* request,
                                                      v1::Webhook* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    RETURN_IF_ERROR(CheckHub(hub_));
    ASSIGN_OR_RETURN(const WebhookId id, ParseWebhook("name", request->name()));
    ASSIGN_OR_RETURN(const CourierStatus status, hub_->Get(id));
    Fill(status, response);
    answer.Finish(absl::OkStatus());
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* WebhookHandlers::ListWebhooks(grpc::CallbackServerContext* context,
                                                        const v1::ListWebhooksRequest*,
                                                        v1::ListWebhooksResponse* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    RETURN_IF_ERROR(CheckHub(hub_));
    for (const CourierStatus& status : hub_->List()) Fill(status, response->add_webhooks());
    answer.Finish(absl::OkStatus());
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* WebhookHandlers::PauseWebhook(grpc::CallbackServerContext* context,
                                                        const v1::PauseWebhookRequest* request,
                                                        v1::Webhook* response) {
  return Unary(context, [&](Answer& answer) {
    return Change(hub_, *context, *request, WebhookHub::Verb::kPause, answer,
                  Filling(hub_, response));
  });
}

grpc::ServerUnaryReactor* WebhookHandlers::ResumeWebhook(grpc::CallbackServerContext* context,
                                                         const v1::ResumeWebhookRequest* request,
                                                         v1::Webhook* response) {
  return Unary(context, [&](Answer& answer) {
    return Change(hub_, *context, *request, WebhookHub::Verb::kResume, answer,
                  Filling(hub_, response));
  });
}

grpc::ServerUnaryReactor* WebhookHandlers::RotateWebhookSecret(
    grpc::CallbackServerContext* context, const v1::RotateWebhookSecretRequest* request,
    v1::Webhook* response) {
  return Unary(context, [&](Answer& answer) {
    auto fill = Filling(hub_, response);
    return Change(hub_, *context, *request, WebhookHub::Verb::kRotateSecret, answer,
                  [fill, response](const Webhook& changed) {
                    fill(changed);
                    response->set_secret(changed.secret);
                  });
  });
}

grpc::ServerUnaryReactor* WebhookHandlers::DeleteWebhook(grpc::CallbackServerContext* context,
                                                         const v1::DeleteWebhookRequest* request,
                                                         v1::DeleteWebhookResponse*) {
  return Unary(context, [&](Answer& answer) {
    return Change(hub_, *context, *request, WebhookHub::Verb::kDelete, answer,
                  [](const Webhook&) {});
  });
}

std::string WebhookBody(const Webhook& webhook, absl::Span<const Event> events) {
  std::string body = absl::StrCat("{\"webhook\":\"", NameOf(webhook.id), "\",\"events\":[");
  for (size_t i = 0; i < events.size(); ++i) {
    absl::StrAppend(&body, i == 0 ? "" : ",", JsonLine(ToProto(events[i])));
  }
  return body + "]}";
}

}  // namespace crescendo::service
