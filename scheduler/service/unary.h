// unary.h: how a handler answers one call: convert, post to the engine, finish from its answer.
//
//   return Unary(context, [&](Answer& answer) -> absl::Status {
//     ASSIGN_OR_RETURN(const PlanId id, ParsePlan("name", request->name()));
//     engine_->GetPlan(id, answer.With<Plan>([=](const Plan& plan) { *response = ToProto(plan);
//     })); return absl::OkStatus();
//   });
//
// Request and response live until the call is finished.
//
// Threads  an Answer may be finished from any thread.
#pragma once

#include <string>
#include <utility>

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "absl/status/statusor.h"
#include "scheduler/engine/engine.h"
#include "scheduler/service/errors.h"
#include "scheduler/service/fingerprint.h"

namespace crescendo::service {

// Finishes one call once. One that is dropped unanswered, for the engine has stopped, is
// UNAVAILABLE.
class Answer {
 public:
  explicit Answer(grpc::ServerUnaryReactor* reactor) : reactor_(reactor) {}
  Answer(Answer&& other) noexcept : reactor_(std::exchange(other.reactor_, nullptr)) {}
  Answer& operator=(Answer&&) = delete;
  ~Answer() {
    if (reactor_ != nullptr) Finish(Stopping());
  }

  void Finish(const absl::Status& status) {
    std::exchange(reactor_, nullptr)->Finish(ToGrpc(status));
  }

  // Takes the call along: what the engine shall call with its answer. `fill` writes the response.
  template <class T, class Fill>
  engine::Done<T> With(Fill fill) {
    return [answer = std::move(*this), fill = std::move(fill)](absl::StatusOr<T> result) mutable {
      if (result.ok()) fill(*result);
      answer.Finish(result.status());
    };
  }
  // The same, for an answer that needs another question: `next` gets the Answer too.
  template <class T, class Next>
  engine::Done<T> Then(Next next) {
    return [answer = std::move(*this), next = std::move(next)](absl::StatusOr<T> result) mutable {
      if (!result.ok()) return answer.Finish(result.status());
      next(std::move(answer), *std::move(result));
    };
  }

 private:
  grpc::ServerUnaryReactor* reactor_;
};

// `body` takes the Answer along, or finishes it, or returns why it cannot be answered.
template <class Body>
grpc::ServerUnaryReactor* Unary(grpc::CallbackServerContext* context, Body body) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  Answer answer(reactor);
  const absl::Status status = body(answer);
  if (!status.ok()) answer.Finish(status);
  return reactor;
}

// Reads on the store's thread, between commits. `read` returns the call's status.
template <class Reading>
void ReadStore(engine::Engine* engine, Answer answer, Reading reading) {
  // Dropped, and so answered UNAVAILABLE, when the engine does not take it.
  (void)engine->Read([answer = std::move(answer), reading = std::move(reading)](
                         ports::Store& store) mutable { answer.Finish(reading(store)); });
}

// Who asks and why. INVALID_ARGUMENT for an over-long actor or reason.
absl::StatusOr<engine::Request> RequestOf(const grpc::CallbackServerContext& context,
                                          const std::string& reason, bool validate_only);

// The same for a create: with its request_id and the fingerprint of its body.
template <class Proto>
absl::StatusOr<engine::Request> CreateRequestOf(const grpc::CallbackServerContext& context,
                                                const Proto& body) {
  if (absl::Status status = CheckFreeText("request_id", body.request_id(), 64); !status.ok()) {
    return status;
  }
  absl::StatusOr<engine::Request> request = RequestOf(context, "", body.validate_only());
  if (request.ok() && !body.request_id().empty()) {
    request->key = {body.request_id(), Fingerprint(body)};
  }
  return request;
}

}  // namespace crescendo::service
