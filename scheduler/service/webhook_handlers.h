// webhook_handlers.h: crescendo.v1.WebhookService. The contract is in webhook.proto.
#pragma once

#include <string>

#include "absl/types/span.h"
#include "crescendo/v1/webhook.grpc.pb.h"
#include "scheduler/webhooks/webhook_hub.h"

namespace crescendo::service {

class WebhookHandlers final : public v1::WebhookService::CallbackService {
 public:
  // Outlives it. Null: every call is UNIMPLEMENTED.
  explicit WebhookHandlers(webhooks::WebhookHub* hub) : hub_(hub) {}

  grpc::ServerUnaryReactor* CreateWebhook(grpc::CallbackServerContext* context,
                                          const v1::CreateWebhookRequest* request,
                                          v1::Webhook* response) override;
  grpc::ServerUnaryReactor* GetWebhook(grpc::CallbackServerContext* context,
                                       const v1::GetWebhookRequest* request,
                                       v1::Webhook* response) override;
  grpc::ServerUnaryReactor* ListWebhooks(grpc::CallbackServerContext* context,
                                         const v1::ListWebhooksRequest* request,
                                         v1::ListWebhooksResponse* response) override;
  grpc::ServerUnaryReactor* PauseWebhook(grpc::CallbackServerContext* context,
                                         const v1::PauseWebhookRequest* request,
                                         v1::Webhook* response) override;
  grpc::ServerUnaryReactor* ResumeWebhook(grpc::CallbackServerContext* context,
                                          const v1::ResumeWebhookRequest* request,
                                          v1::Webhook* response) override;
  grpc::ServerUnaryReactor* RotateWebhookSecret(grpc::CallbackServerContext* context,
                                                const v1::RotateWebhookSecretRequest* request,
                                                v1::Webhook* response) override;
  grpc::ServerUnaryReactor* DeleteWebhook(grpc::CallbackServerContext* context,
                                          const v1::DeleteWebhookRequest* request,
                                          v1::DeleteWebhookResponse* response) override;

 private:
  webhooks::WebhookHub* const hub_;
};

// What a receiver gets (webhook.proto).
std::string WebhookBody(const Webhook& webhook, absl::Span<const Event> events);

}  // namespace crescendo::service
