#include "scheduler/service/delivery_handlers.h"

#include "scheduler/base/status_macros.h"
#include "scheduler/service/convert.h"
#include "scheduler/service/names.h"
#include "scheduler/service/paging.h"
#include "scheduler/service/unary.h"

namespace crescendo::service {
namespace {

// The delivery, if it is one of the campaign that its name says.
absl::StatusOr<Delivery> Find(ports::Store& store, const DeliveryRef& ref) {
  absl::StatusOr<Delivery> delivery = store.GetDelivery(ref.delivery);
  const bool found = delivery.ok() && (ref.campaign.empty() || delivery->campaign == ref.campaign);
  if (found || !(delivery.ok() || absl::IsNotFound(delivery.status()))) return delivery;
  return absl::NotFoundError(
      absl::StrCat(DeliveryName(ref.campaign, ref.delivery), " does not exist"));
}

absl::StatusOr<ports::DeliveryFilter> FilterFrom(const v1::ListDeliveriesRequest& request) {
  ports::DeliveryFilter filter;
  ASSIGN_OR_RETURN(const CampaignId campaign, ParseCampaignOrAny("parent", request.parent()));
  if (!campaign.empty()) filter.campaign = campaign;
  ASSIGN_OR_RETURN(filter.state, DeliveryStateFrom("state", request.state()));
  if (!request.address().empty()) {
    auto address = NormaliseAddress(request.address());
    if (!address.ok()) return Fault("address:", address.status().message());
    filter.address = *std::move(address);
  } else if (campaign.empty()) {
    return Fault("address", "is empty; campaigns/- needs one, else name the campaign in parent");
  }
  return filter;
}

absl::Status NotKept(const std::string& name, const Delivery& delivery) {
  if (delivery.attempts == 0 && !IsFinal(delivery.state)) {
    return absl::NotFoundError(absl::StrCat(name,
                                            " is not there yet: nothing has been tried. "
                                            "Trace ",
                                            delivery.address, " to see it happen"));
  }
  return absl::NotFoundError(absl::StrCat(
      name,
      " is not kept any more; only the newest dialogues are (transcripts in the daemon's "
      "configuration), and none over a restart. ",
      IsFinal(delivery.state)
          ? absl::StrCat("There will be no other: it is ", DeliveryStateName(delivery.state))
          : absl::StrCat("Trace ", delivery.address, " to see the next one")));
}

}  // namespace

grpc::ServerUnaryReactor* DeliveryHandlers::GetDelivery(grpc::CallbackServerContext* context,
                                                        const v1::GetDeliveryRequest* request,
                                                        v1::Delivery* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(const DeliveryRef ref, ParseDelivery("name", request->name()));
    ReadStore(engine_, std::move(answer), [ref, response](ports::Store& store) -> absl::Status {
      ASSIGN_OR_RETURN(const Delivery delivery, Find(store, ref));
      *response = ToProto(delivery);
      return absl::OkStatus();
    });
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* DeliveryHandlers::ListDeliveries(grpc::CallbackServerContext* context,
                                                           const v1::ListDeliveriesRequest* request,
                                                           v1::ListDeliveriesResponse* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(ports::DeliveryFilter filter, FilterFrom(*request));
    ASSIGN_OR_RETURN(Page page, ReadPage(*request));
    ASSIGN_OR_RETURN(const int64_t after, NumberAfter(page));
    ReadStore(
        engine_, std::move(answer),
        [filter = std::move(filter), page = std::move(page), after,
         response](ports::Store& store) -> absl::Status {
          if (filter.campaign.has_value()) {
            ASSIGN_OR_RETURN(CampaignCounts pruned, store.CountPruned(*filter.campaign));
            if (!filter.address.has_value()) {
              response->set_pruned_count(filter.state ? pruned[*filter.state] : pruned.total());
            }
          }
          // One more than asked for tells whether a page follows.
          ASSIGN_OR_RETURN(const std::vector<Delivery> found,
                           store.ListDeliveries(filter, DeliveryId(after), page.size + 1));
          for (const Delivery& delivery : found) {
            if (response->deliveries_size() == page.size) break;
            *response->add_deliveries() = ToProto(delivery);
          }
          if (found.size() > static_cast<size_t>(page.size)) {
            const DeliveryId last = found[static_cast<size_t>(page.size) - 1].id;
            response->set_next_page_token(NextPageToken(page, absl::StrCat(last.value())));
          }
          return absl::OkStatus();
        });
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* DeliveryHandlers::GetTranscript(grpc::CallbackServerContext* context,
                                                          const v1::GetTranscriptRequest* request,
                                                          v1::Transcript* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(const DeliveryRef ref, ParseTranscript("name", request->name()));
    ReadStore(engine_, std::move(answer),
              [this, ref, response](ports::Store& store) -> absl::Status {
                ASSIGN_OR_RETURN(const Delivery delivery, Find(store, ref));
                std::string text = engine_->Transcript(delivery.id);
                const std::string name = TranscriptName(delivery.campaign, delivery.id);
                if (text.empty()) return NotKept(name, delivery);
                response->set_name(name);
                response->set_text(std::move(text));
                return absl::OkStatus();
              });
    return absl::OkStatus();
  });
}

}  // namespace crescendo::service
