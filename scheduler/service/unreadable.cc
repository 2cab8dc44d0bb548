#include "scheduler/service/unreadable.h"

#include "scheduler/service/errors.h"

namespace crescendo::service {
namespace {

using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::Interceptor;

class UnreadableInterceptor final : public Interceptor {
 public:
  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS)) {
      const grpc::Status status = methods->GetSendStatus();
      if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED &&
          status.error_message().empty()) {
        methods->ModifySendStatus(ToGrpc(Unreadable()));
      }
    }
    methods->Proceed();
  }
};

class Factory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  Interceptor* CreateServerInterceptor(grpc::experimental::ServerRpcInfo*) override {
    return new UnreadableInterceptor;
  }
};

}  // namespace

absl::Status Unreadable() {
  return absl::InvalidArgumentError(
      "the request cannot be read: its encoding is broken, or a string field is not UTF-8; send "
      "text as UTF-8, and the message that the .proto describes");
}

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> NewUnreadableInterceptors() {
  return std::make_unique<Factory>();
}

}  // namespace crescendo::service
