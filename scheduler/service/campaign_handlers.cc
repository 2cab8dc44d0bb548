#include "scheduler/service/campaign_handlers.h"

#include "scheduler/base/status_macros.h"
#include "scheduler/service/convert.h"
#include "scheduler/service/names.h"
#include "scheduler/service/paging.h"
#include "scheduler/service/recipient_import.h"
#include "scheduler/service/update.h"

namespace crescendo::service {

engine::Done<Campaign> CampaignHandlers::Filling(Answer& answer, v1::Campaign* response) {
  return answer.Then<Campaign>([this, response](Answer next, const Campaign& campaign) {
    *response = ToProto(campaign);
    const auto read = [id = campaign.id, response](ports::Store& store) -> absl::Status {
      ASSIGN_OR_RETURN(const CampaignCounts counts, store.CountDeliveries(id));
      *response->mutable_counts() = ToProto(counts);
      return absl::OkStatus();
    };
    ReadStore(engine_, std::move(next), read);
  });
}

grpc::ServerUnaryReactor* CampaignHandlers::CreateCampaign(grpc::CallbackServerContext* context,
                                                           const v1::CreateCampaignRequest* request,
                                                           v1::Campaign* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(engine::Request who, CreateRequestOf(*context, *request));
    ASSIGN_OR_RETURN(Campaign campaign, CampaignFrom(request->campaign_id(), request->campaign()));
    // A new campaign has no recipients: nothing to count.
    engine_->Put(
        std::move(campaign), std::move(who),
        answer.With<Campaign>([response](const Campaign& stored) { *response = ToProto(stored); }));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* CampaignHandlers::GetCampaign(grpc::CallbackServerContext* context,
                                                        const v1::GetCampaignRequest* request,
                                                        v1::Campaign* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(const CampaignId id, ParseCampaign("name", request->name()));
    engine_->GetCampaign(id, Filling(answer, response));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* CampaignHandlers::ListCampaigns(grpc::CallbackServerContext* context,
                                                          const v1::ListCampaignsRequest* request,
                                                          v1::ListCampaignsResponse* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(Page page, ReadPage(*request));
    engine_->ListCampaigns(answer.Then<std::vector<Campaign>>(
        [this, page = std::move(page), response](Answer next, std::vector<Campaign> all) {
          std::vector<CampaignId> taken;
          response->set_next_page_token(TakePage(
              all, page, [](const Campaign& campaign) { return campaign.id.text(); },
              [&](const Campaign& campaign) {
                v1::Campaign* added = response->add_campaigns();
                *added = ToProto(campaign);
                added->clear_text_body();
                added->clear_html_body();
                added->clear_raw_message();
                taken.push_back(campaign.id);
              }));
          const auto read = [taken = std::move(taken),
                             response](ports::Store& store) -> absl::Status {
            for (size_t i = 0; i < taken.size(); ++i) {
              ASSIGN_OR_RETURN(const CampaignCounts counts, store.CountDeliveries(taken[i]));
              *response->mutable_campaigns(static_cast<int>(i))->mutable_counts() = ToProto(counts);
            }
            return absl::OkStatus();
          };
          ReadStore(engine_, std::move(next), read);
        }));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* CampaignHandlers::UpdateCampaign(grpc::CallbackServerContext* context,
                                                           const v1::UpdateCampaignRequest* request,
                                                           v1::Campaign* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    auto edit = std::make_shared<Edit<Campaign>>();
    edit->name = request->campaign().name();
    ASSIGN_OR_RETURN(const CampaignId id, ParseCampaign("campaign.name", edit->name));
    ASSIGN_OR_RETURN(edit->revision, ParseEtag("campaign.etag", request->campaign().etag()));
    ASSIGN_OR_RETURN(const UpdateMask mask,
                     UpdateMask::Create(request->update_mask(), *v1::Campaign::descriptor(),
                                        {"pool", "from_name", "from_address", "return_path",
                                         "subject", "text_body", "html_body", "headers",
                                         "raw_message", "list_unsubscribe", "feedback_sender_id",
                                         "lifetime", "tls_policy", "weight", "sunset_days"}));
    ASSIGN_OR_RETURN(const engine::Request who,
                     RequestOf(*context, request->reason(), request->validate_only()));
    edit->get = [this, id](engine::Done<Campaign> done) {
      engine_->GetCampaign(id, std::move(done));
    };
    edit->merge = [request, mask](Campaign campaign) {
      return Merged(std::move(campaign), request->campaign(), mask);
    };
    edit->put = [this, who](Campaign campaign, engine::Done<Campaign> done) {
      engine_->Put(std::move(campaign), who, std::move(done));
    };
    ReadMergePut<Campaign>(std::move(edit), Filling(answer, response));
    return absl::OkStatus();
  });
}

template <class Request>
grpc::ServerUnaryReactor* CampaignHandlers::Change(grpc::CallbackServerContext* context,
                                                   const Request* request,
                                                   engine::CampaignVerb verb,
                                                   v1::Campaign* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(const CampaignId id, ParseCampaign("name", request->name()));
    ASSIGN_OR_RETURN(const std::optional<int64_t> revision, ParseEtag("etag", request->etag()));
    ASSIGN_OR_RETURN(engine::Request who, RequestOf(*context, request->reason(), false));
    engine_->Change(id, verb, revision.value_or(0), std::move(who), Filling(answer, response));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* CampaignHandlers::StartCampaign(grpc::CallbackServerContext* context,
                                                          const v1::StartCampaignRequest* request,
                                                          v1::Campaign* response) {
  return Change(context, request, engine::CampaignVerb::kStart, response);
}

grpc::ServerUnaryReactor* CampaignHandlers::PauseCampaign(grpc::CallbackServerContext* context,
                                                          const v1::PauseCampaignRequest* request,
                                                          v1::Campaign* response) {
  return Change(context, request, engine::CampaignVerb::kPause, response);
}

grpc::ServerUnaryReactor* CampaignHandlers::ResumeCampaign(grpc::CallbackServerContext* context,
                                                           const v1::ResumeCampaignRequest* request,
                                                           v1::Campaign* response) {
  return Change(context, request, engine::CampaignVerb::kResume, response);
}

grpc::ServerUnaryReactor* CampaignHandlers::CancelCampaign(grpc::CallbackServerContext* context,
                                                           const v1::CancelCampaignRequest* request,
                                                           v1::Campaign* response) {
  return Change(context, request, engine::CampaignVerb::kCancel, response);
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* CampaignHandlers::ImportRecipients(
    grpc::CallbackServerContext*) {
  return RecipientImport::Start(engine_, streams_);
}

grpc::ServerUnaryReactor* CampaignHandlers::GetImport(grpc::CallbackServerContext* context,
                                                      const v1::GetImportRequest* request,
                                                      v1::Import* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(const auto ids, ParseImport("name", request->name()));
    const auto read = [ids, response](ports::Store& store) -> absl::Status {
      // NOT_FOUND for a campaign that does not exist.
      RETURN_IF_ERROR(store.CountDeliveries(ids.first).status());
      ASSIGN_OR_RETURN(const int64_t last, store.LastChunk(ids.first, ids.second));
      response->set_name(ImportName(ids.first, ids.second));
      response->set_last_chunk(last);
      return absl::OkStatus();
    };
    ReadStore(engine_, std::move(answer), read);
    return absl::OkStatus();
  });
}

}  // namespace crescendo::service
