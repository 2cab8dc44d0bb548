// client.h: calls to crescendod, with deadline, actor and Ctrl-C in one place.
//
// Errors   what the server said; UNAVAILABLE when it cannot be reached or ended the call;
//          DEADLINE_EXCEEDED after the timeout; CANCELLED when interrupted, and only then.
// Threads  one thread; Interrupt may be triggered from any.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cmd/crescendo/failure.h"
#include "cmd/crescendo/interrupt.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/sync_stream.h"

namespace crescendo::cli {

struct ClientOptions {
  std::string server;                          // "127.0.0.1:7070", "unix:/run/crescendo.sock"
  absl::Duration timeout = absl::Seconds(10);  // Of each call that is not a stream.
  std::string actor;  // Kept in the daemon's events. At most 100 printable ASCII characters.
};

class Client {
 public:
  // `interrupt` must outlive this. Connects with the first call.
  Client(const ClientOptions& options, Interrupt* interrupt);

  // One answer: Call(&v1::PlanService::Stub::GetPlan, request). `takes`: what the server needs for
  // it beside the time of other calls.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const Request& request, absl::Duration takes = {}) {
    grpc::ClientContext call;
    Prepare(&call);
    SetDeadline(&call, takes);
    const Interrupt::Guard guard(interrupt_, &call);
    Response response;
    Stub stub(channel_);
    const absl::Status status = Outcome((stub.*method)(&call, request, &response));
    if (!status.ok()) return status;
    return response;
  }

  // A stream of answers, until it ends, fails, or `visit` returns false (then OK). `begun`: called
  // when the server says that it has begun, which not all do before their first answer.
  template <typename Stub, typename Request, typename Response, typename Visit>
  absl::Status Stream(std::unique_ptr<grpc::ClientReader<Response>> (Stub::*method)(
                          grpc::ClientContext*, const Request&),
                      const Request& request, Visit visit,
                      const std::function<void()>& begun = nullptr) {
    grpc::ClientContext call;
    Prepare(&call);
    const Interrupt::Guard guard(interrupt_, &call);
    Stub stub(channel_);
    const auto reader = (stub.*method)(&call, request);
    Response response;
    if (begun != nullptr) {
      reader->WaitForInitialMetadata();
      begun();
    }
    while (reader->Read(&response)) {
      if (visit(response)) continue;
      call.TryCancel();
      reader->Finish();
      return absl::OkStatus();
    }
    return Outcome(reader->Finish());
  }

  // Every page of a list, until `visit` returns false.
  template <typename Stub, typename Request, typename Response, typename Visit>
  absl::Status Pages(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                     Request request, Visit visit) {
    while (true) {
      absl::StatusOr<Response> response = Call(method, request);
      if (!response.ok()) return response.status();
      if (!visit(*response) || response->next_page_token().empty()) return absl::OkStatus();
      if (response->next_page_token() == request.page_token()) {
        return absl::InternalError("the server gives the same page again and again");
      }
      request.set_page_token(response->next_page_token());
    }
  }

  // For calls that are made by hand (the import).
  void Prepare(grpc::ClientContext* call) const;
  absl::Status Outcome(const grpc::Status& status) const;
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  Interrupt& interrupt() const { return *interrupt_; }
  const ClientOptions& options() const { return options_; }

 private:
  void SetDeadline(grpc::ClientContext* call, absl::Duration takes) const;

  const ClientOptions options_;
  Interrupt* const interrupt_;
  const std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace crescendo::cli
