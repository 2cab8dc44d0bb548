// calls.h: calls any method of crescendo.v1 over the channel inside the process, so that every
// check and every answer is the service's own.
//
// Errors   the service's; DEADLINE_EXCEEDED when a unary call takes longer than its limit.
// Threads  safe from any thread. `done` runs on a gRPC thread and must not block.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <grpcpp/channel.h>
#include <grpcpp/generic/generic_stub.h>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "scheduler/dashboard/http.h"

namespace crescendo::dashboard {

using MessagePtr = std::shared_ptr<google::protobuf::Message>;

// "PlanService.GetPlan". REQUIRES: there is such a method.
const google::protobuf::MethodDescriptor& MethodOf(const std::string& name);
// Empty, of that type.
MessagePtr NewMessage(const google::protobuf::Descriptor* type);

class CallGate;

class Calls {
 public:
  // `unary_limit`: of real time.
  Calls(std::shared_ptr<grpc::Channel> channel, absl::Duration unary_limit);
  // Waits for what gRPC still holds of calls that were answered and feeds that were closed: the
  // last part of a channel must not go on one of gRPC's own threads, which it would wait for.
  // REQUIRES: every call is answered soon, and every feed is closed.
  ~Calls();

  // Before the server is shut down: calls from now on are UNAVAILABLE. The packaged gRPC ends the
  // process when a call begins on the channel of a server that is shut down.
  void Stop();

  // `actor` "": as of nobody.
  void Unary(const google::protobuf::MethodDescriptor& method,
             const google::protobuf::Message& request, const std::string& actor,
             std::function<void(absl::StatusOr<MessagePtr>)> done);

  // The messages of a server-streaming method as server-sent events, each with its JSON; with
  // `named`, its name is its id. An error is an event `failed` with a google.rpc.Status, and the
  // end. The next message is read when this one is taken, so the service's own bounds hold.
  std::shared_ptr<Feed> Stream(const google::protobuf::MethodDescriptor& method,
                               const google::protobuf::Message& request, bool named);

 private:
  const std::shared_ptr<CallGate> gate_;
  grpc::GenericStub stub_;
  const absl::Duration unary_limit_;
};

}  // namespace crescendo::dashboard
