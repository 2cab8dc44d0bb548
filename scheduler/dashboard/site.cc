#include "scheduler/dashboard/site.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <prometheus/text_serializer.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "nlohmann/json.hpp"
#include "scheduler/base/status_macros.h"
#include "scheduler/dashboard/assets.h"
#include "scheduler/dashboard/hosts.h"
#include "scheduler/dashboard/lane_metrics.h"
#include "scheduler/dashboard/operator_token.h"
#include "scheduler/dashboard/transcode.h"
#include "scheduler/service/errors.h"

namespace crescendo::dashboard {
namespace {

Response PlainError(const absl::Status& status) {
  Response response = ErrorResponse(status);
  response.content_type = "text/plain; charset=utf-8";
  response.body = absl::StrCat(status.message(), "\n");
  return response;
}

}  // namespace

Site::Site(engine::Engine* engine, Calls* calls, Metrics* metrics, Live* live,
           const SiteOptions& options)
    : engine_(engine), calls_(calls), metrics_(metrics), live_(live), options_(options) {
  for (const Route& route : Routes()) (void)MethodOf(route.method);
}

void Site::Answer(Request request, Responder responder) {
  if (const absl::Status status = CheckSource(request, options_.allowed_hosts); !status.ok()) {
    return responder.Send(ErrorResponse(status));
  }
  if (request.method == "HEAD") request.method = "GET";
  if (absl::StartsWith(request.path, "/api/v1/")) {
    return AnswerApi(request, std::move(responder));
  }
  if (request.method != "GET") {
    Response response = PlainError(absl::UnimplementedError("only GET and HEAD are for this path"));
    response.status = 405;
    response.headers.emplace_back("Allow", "GET, HEAD");
    return responder.Send(std::move(response));
  }
  if (request.path == "/healthz") return AnswerHealth(std::move(responder));
  if (request.path == "/readyz") return AnswerReady(std::move(responder));
  if (request.path == "/metrics") return AnswerMetrics(std::move(responder));
  if (request.path == "/viewer") return AnswerViewer(request, std::move(responder));
  if (request.path == "/live") {
    return responder.Send({.content_type = "text/event-stream", .feed = live_->NewFeed()});
  }
  responder.Send(AssetResponse(request));
}

void Site::AnswerHealth(Responder responder) const {
  const absl::Status status = engine_->Health();
  if (!status.ok()) {
    Response response = PlainError(status);
    response.status = 503;
    return responder.Send(std::move(response));
  }
  responder.Send({.body = "ok\n", .headers = {{"Cache-Control", "no-store"}}});
}

// A call that goes through the engine, and not only through the listener.
void Site::AnswerReady(Responder responder) {
  if (stopping_) return responder.Send(PlainError(service::Stopping()));
  const auto shared = std::make_shared<Responder>(std::move(responder));
  const auto& method = MethodOf("PlanService.ListPlans");
  const MessagePtr request = NewMessage(method.input_type());
  calls_->Unary(method, *request, "", [shared](const absl::StatusOr<MessagePtr>& answer) {
    if (!answer.ok()) {
      Response response = PlainError(answer.status());
      response.status = 503;
      return shared->Send(std::move(response));
    }
    shared->Send({.body = "ok\n", .headers = {{"Cache-Control", "no-store"}}});
  });
}

void Site::AnswerMetrics(Responder responder) {
  const auto shared = std::make_shared<Responder>(std::move(responder));
  engine_->ListPlans([this, shared](absl::StatusOr<std::vector<Plan>> plans) {
    if (!plans.ok()) return shared->Send(PlainError(plans.status()));
    engine_->ListLanes(EgressIpId(), [this, shared, plans = *std::move(plans)](
                                         absl::StatusOr<std::vector<core::LaneStatus>> lanes) {
      if (!lanes.ok()) return shared->Send(PlainError(lanes.status()));
      std::vector<prometheus::MetricFamily> all = metrics_->Collect();
      const auto add = [&](std::vector<prometheus::MetricFamily> more) {
        std::move(more.begin(), more.end(), std::back_inserter(all));
      };
      add(LaneFamilies(*lanes, engine_->clock().Now().wall, &metrics_->labels()));
      add(PlanFamilies(plans));
      add({GaugeFamily("crescendo_http_connections", "Connections to this listener",
                       options_.open_connections()),
           GaugeFamily("crescendo_streams", "Imports, watches and event streams that are open",
                       static_cast<double>(options_.open_streams()))});
      shared->Send({.content_type = "text/plain; version=0.0.4; charset=utf-8",
                    .body = prometheus::TextSerializer().Serialize(all),
                    .headers = {{"Cache-Control", "no-store"}}});
    });
  });
}

void Site::AnswerViewer(const Request& request, Responder responder) const {
  const bool asks = !request.Header("authorization").empty();
  const absl::StatusOr<std::string> actor = OperatorOf(request, options_.operator_token);
  if (asks && !actor.ok()) return responder.Send(ErrorResponse(actor.status()));
  nlohmann::ordered_json json;
  json["version"] = options_.version;
  json["changes_possible"] = !options_.operator_token.empty();
  json["operator"] = actor.ok();
  json["actor"] = actor.ok() ? *actor : "";
  responder.Send({.content_type = "application/json",
                  .body = json.dump(-1, ' ', /*ensure_ascii=*/true,
                                    nlohmann::ordered_json::error_handler_t::replace) +
                          "\n",
                  .headers = {{"Cache-Control", "no-store"}}});
}

void Site::AnswerApi(const Request& request, Responder responder) {
  const std::string path(absl::StripPrefix(request.path, "/api/v1/"));
  const absl::StatusOr<Match> match = FindRoute(request.method, path);
  if (!match.ok()) {
    Response response = ErrorResponse(match.status());
    if (absl::IsUnimplemented(match.status())) response.status = 405;
    return responder.Send(std::move(response));
  }
  const absl::Status status = Call(request, *match, responder);
  if (!status.ok()) responder.Send(ErrorResponse(status));
}

absl::Status Site::Call(const Request& request, const Match& match, Responder& responder) {
  const auto& method = MethodOf(match.route->method);
  const MessagePtr message = NewMessage(method.input_type());
  std::string actor;
  if (request.method == "POST") {
    ASSIGN_OR_RETURN(actor, OperatorOf(request, options_.operator_token));
    RETURN_IF_ERROR(FillFromBody(request.body, message.get()));
  } else if (!request.body.empty()) {
    return absl::InvalidArgumentError("a GET has no body; parameters stand in the query");
  }
  RETURN_IF_ERROR(FillFromQuery(request.query, message.get()));
  FillFromPath(match, message.get());
  if (method.server_streaming()) {
    if (stopping_) return service::Stopping();
    const std::string cursor = match.route->cursor;
    // What a browser sends by itself when it comes back after a cut.
    const std::string last = request.Header("last-event-id");
    if (!cursor.empty() && !last.empty()) {
      message->GetReflection()->SetString(message.get(),
                                          message->GetDescriptor()->FindFieldByName(cursor), last);
    }
    responder.Send({.content_type = "text/event-stream",
                    .feed = calls_->Stream(method, *message, !cursor.empty())});
    return absl::OkStatus();
  }
  const auto shared = std::make_shared<Responder>(std::move(responder));
  calls_->Unary(method, *message, actor, [shared](const absl::StatusOr<MessagePtr>& answer) {
    shared->Send(answer.ok() ? JsonResponse(**answer) : ErrorResponse(answer.status()));
  });
  return absl::OkStatus();
}

}  // namespace crescendo::dashboard
