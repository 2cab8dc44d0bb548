#include "cmd/crescendo/client.h"

#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"

namespace crescendo::cli {
namespace {

// A request is at most 32 MiB and an answer may be as large (egress_ip.proto).
constexpr int kMaxMessageBytes = 36 << 20;

std::shared_ptr<grpc::Channel> Connect(const std::string& server) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  // The daemon is near; a web proxy named in the environment does not lead to it.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // Come back soon when the daemon has been restarted.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
  return grpc::CreateCustomChannel(server, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

Client::Client(const ClientOptions& options, Interrupt* interrupt)
    : options_(options), interrupt_(interrupt), channel_(Connect(options.server)) {}

void Client::Prepare(grpc::ClientContext* call) const {
  if (!options_.actor.empty()) call->AddMetadata("crescendo-actor", options_.actor);
}

absl::Status Client::Outcome(const grpc::Status& status) const {
  // A daemon at its end cancels what is left.
  if (status.error_code() == grpc::StatusCode::CANCELLED && !interrupt_->triggered()) {
    return absl::UnavailableError("it ended the call");
  }
  return FromGrpc(status);
}

void Client::SetDeadline(grpc::ClientContext* call, absl::Duration takes) const {
  // A span, so that nothing here needs to know what time it is.
  call->set_deadline(
      gpr_time_from_millis(absl::ToInt64Milliseconds(options_.timeout + takes), GPR_TIMESPAN));
}

}  // namespace crescendo::cli
