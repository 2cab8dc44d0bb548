// campaign_handlers.h: crescendo.v1.CampaignService. The contract is in campaign.proto.
#pragma once

#include "crescendo/v1/campaign.grpc.pb.h"
#include "scheduler/engine/engine.h"
#include "scheduler/service/streams.h"
#include "scheduler/service/unary.h"

namespace crescendo::service {

// Every method by callback, ImportRecipients on bytes (recipient_import.h).
template <class Service>
using CampaignCallbacks = v1::CampaignService::WithRawCallbackMethod_ImportRecipients<
    v1::CampaignService::WithCallbackMethod_CreateCampaign<
        v1::CampaignService::WithCallbackMethod_GetCampaign<
            v1::CampaignService::WithCallbackMethod_ListCampaigns<
                v1::CampaignService::WithCallbackMethod_UpdateCampaign<
                    v1::CampaignService::WithCallbackMethod_StartCampaign<
                        v1::CampaignService::WithCallbackMethod_PauseCampaign<
                            v1::CampaignService::WithCallbackMethod_ResumeCampaign<
                                v1::CampaignService::WithCallbackMethod_CancelCampaign<
                                    v1::CampaignService::WithCallbackMethod_GetImport<
                                        Service>>>>>>>>>>;

class CampaignHandlers final : public CampaignCallbacks<v1::CampaignService::Service> {
 public:
  // Both outlive it.
  CampaignHandlers(engine::Engine* engine, Streams* streams) : engine_(engine), streams_(streams) {}

  grpc::ServerUnaryReactor* CreateCampaign(grpc::CallbackServerContext* context,
                                           const v1::CreateCampaignRequest* request,
                                           v1::Campaign* response) override;
  grpc::ServerUnaryReactor* GetCampaign(grpc::CallbackServerContext* context,
                                        const v1::GetCampaignRequest* request,
                                        v1::Campaign* response) override;
  grpc::ServerUnaryReactor* ListCampaigns(grpc::CallbackServerContext* context,
                                          const v1::ListCampaignsRequest* request,
                                          v1::ListCampaignsResponse* response) override;
  grpc::ServerUnaryReactor* UpdateCampaign(grpc::CallbackServerContext* context,
                                           const v1::UpdateCampaignRequest* request,
                                           v1::Campaign* response) override;
  grpc::ServerUnaryReactor* StartCampaign(grpc::CallbackServerContext* context,
                                          const v1::StartCampaignRequest* request,
                                          v1::Campaign* response) override;
  grpc::ServerUnaryReactor* PauseCampaign(grpc::CallbackServerContext* context,
                                          const v1::PauseCampaignRequest* request,
                                          v1::Campaign* response) override;
  grpc::ServerUnaryReactor* ResumeCampaign(grpc::CallbackServerContext* context,
                                           const v1::ResumeCampaignRequest* request,
                                           v1::Campaign* response) override;
  grpc::ServerUnaryReactor* CancelCampaign(grpc::CallbackServerContext* context,
                                           const v1::CancelCampaignRequest* request,
                                           v1::Campaign* response) override;
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* ImportRecipients(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* GetImport(grpc::CallbackServerContext* context,
                                      const v1::GetImportRequest* request,
                                      v1::Import* response) override;

 private:
  template <class Request>
  grpc::ServerUnaryReactor* Change(grpc::CallbackServerContext* context, const Request* request,
                                   engine::CampaignVerb verb, v1::Campaign* response);
  // Fills `response` with the campaign and its counts, then finishes.
  engine::Done<Campaign> Filling(Answer& answer, v1::Campaign* response);

  engine::Engine* const engine_;
  Streams* const streams_;
};

}  // namespace crescendo::service
