#include "scheduler/dashboard/calls.h"

#include <cstdlib>
#include <utility>

#include <grpc/support/time.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/proto_buffer_writer.h>

#include "absl/strings/str_cat.h"
#include "scheduler/base/mutex.h"
#include "scheduler/dashboard/transcode.h"
#include "scheduler/service/errors.h"
#include "scheduler/service/json.h"

namespace crescendo::dashboard {

// Lets calls begin until it is closed, and counts those that have a context, which holds the
// channel.
class CallGate {
 public:
  // Runs `begin` and true; or false.
  template <class Begin>
  bool Pass(Begin begin) {
    base::MutexLock lock(&mu_);
    if (closed_) return false;
    begin();
    return true;
  }
  // No `begin` is running any more when it returns.
  void Close() {
    base::MutexLock lock(&mu_);
    closed_ = true;
  }
  void Add(int change) {
    base::MutexLock lock(&count_mu_);
    count_ += change;
    changed_.NotifyAll();
  }
  void AwaitNone() {
    base::MutexLock lock(&count_mu_);
    while (count_ > 0) changed_.Wait(&count_mu_);
  }

 private:
  base::Mutex mu_;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  base::Mutex count_mu_;
  base::CondVar changed_;
  int count_ ABSL_GUARDED_BY(count_mu_) = 0;
};

namespace {

// Stands before a context, and so goes after it.
class Counted {
 public:
  explicit Counted(std::shared_ptr<CallGate> gate) : gate_(std::move(gate)) { gate_->Add(1); }
  ~Counted() { gate_->Add(-1); }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  const std::shared_ptr<CallGate> gate_;
};

using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

std::string PathOf(const MethodDescriptor& method) {
  return absl::StrCat("/", method.service()->full_name(), "/", method.name());
}

grpc::ByteBuffer ToBuffer(const Message& message) {
  const std::string bytes = message.SerializeAsString();
  const grpc::Slice slice(bytes);  // A copy.
  return grpc::ByteBuffer(&slice, 1);
}

bool FromBuffer(grpc::ByteBuffer* buffer, Message* message) {
  grpc::ProtoBufferReader reader(buffer);
  return reader.status().ok() && message->ParseFromZeroCopyStream(&reader);
}

absl::Status FromGrpc(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

// One call, its feed, and the state between them: shared by the viewer's connection and by gRPC.
class RpcFeed final : public Feed,
                      public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                      public std::enable_shared_from_this<RpcFeed> {
 public:
  RpcFeed(std::shared_ptr<CallGate> gate, grpc::GenericStub* stub, const MethodDescriptor& method,
          const Message& request, bool named)
      : counted_(gate),
        gate_(std::move(gate)),
        stub_(stub),
        method_(method),
        request_(ToBuffer(request)),
        named_(named) {}

  void Open(std::function<void()> wake) override {
    {
      base::MutexLock lock(&mu_);
      wake_ = std::move(wake);
      reading_ = held_ = true;
    }
    self_ = shared_from_this();
    const bool begun = gate_->Pass([this] {
      stub_->PrepareBidiStreamingCall(&context_, PathOf(method_), {}, this);
      // Between two reads nothing else keeps the call from being over and gone.
      AddHold();
      StartWriteLast(&request_, grpc::WriteOptions());
      StartRead(&buffer_);
      StartCall();
    });
    if (begun) return;
    {
      base::MutexLock lock(&mu_);
      reading_ = held_ = false;
    }
    OnDone(grpc::Status(grpc::StatusCode::UNAVAILABLE, std::string(service::Stopping().message())));
  }

  std::optional<std::string> Take() override {
    base::MutexLock lock(&mu_);
    if (!piece_.has_value()) return ended_ ? std::nullopt : std::optional<std::string>("");
    std::string piece = *std::exchange(piece_, std::nullopt);
    if (held_) {
      reading_ = true;
      StartRead(&buffer_);
    }
    return piece;
  }

  void Close() override {
    {
      base::MutexLock lock(&mu_);
      wake_ = nullptr;
      context_.TryCancel();
      if (reading_) return;  // It ends, and then the hold does.
    }
    EndHold();
  }

  void OnReadDone(bool ok) override {
    {
      base::MutexLock lock(&mu_);
      reading_ = false;
      ok = ok && wake_;
      if (ok) ok = Keep();
      if (!ok) context_.TryCancel();
    }
    if (!ok) EndHold();  // OnDone says why.
  }

  void OnDone(const grpc::Status& status) override {
    const std::shared_ptr<RpcFeed> last = std::move(self_);
    base::MutexLock lock(&mu_);
    ended_ = true;
    if (!status.ok()) {
      piece_ = absl::StrCat("event: failed\ndata: ", ErrorResponse(FromGrpc(status)).body, "\n");
    }
    if (wake_) wake_();
  }

 private:
  void EndHold() {
    {
      base::MutexLock lock(&mu_);
      if (!std::exchange(held_, false)) return;
    }
    RemoveHold();
  }

  // What was read, as a piece.
  bool Keep() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const MessagePtr message = NewMessage(method_.output_type());
    if (!FromBuffer(&buffer_, message.get())) return false;
    std::string id;
    if (named_) {
      const auto* name = method_.output_type()->FindFieldByName("name");
      id = absl::StrCat("id: ", message->GetReflection()->GetString(*message, name), "\n");
    }
    piece_ = absl::StrCat(id, "data: ", service::JsonLine(*message), "\n\n");
    wake_();
    return true;
  }

  const Counted counted_;
  const std::shared_ptr<CallGate> gate_;
  grpc::GenericStub* const stub_;
  const MethodDescriptor& method_;
  grpc::ByteBuffer request_;
  const bool named_;
  grpc::ClientContext context_;
  grpc::ByteBuffer buffer_;        // gRPC's while reading_.
  std::shared_ptr<RpcFeed> self_;  // While the call lasts.

  base::Mutex mu_;
  std::function<void()> wake_ ABSL_GUARDED_BY(mu_);
  std::optional<std::string> piece_ ABSL_GUARDED_BY(mu_);
  bool reading_ ABSL_GUARDED_BY(mu_) = false;  // Between StartRead and OnReadDone.
  bool held_ ABSL_GUARDED_BY(mu_) = false;     // Between AddHold and RemoveHold.
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace

const MethodDescriptor& MethodOf(const std::string& name) {
  const MethodDescriptor* method =
      google::protobuf::DescriptorPool::generated_pool()->FindMethodByName("crescendo.v1." + name);
  if (method == nullptr) std::abort();
  return *method;
}

MessagePtr NewMessage(const google::protobuf::Descriptor* type) {
  return MessagePtr(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
}

Calls::Calls(std::shared_ptr<grpc::Channel> channel, absl::Duration unary_limit)
    : gate_(std::make_shared<CallGate>()), stub_(std::move(channel)), unary_limit_(unary_limit) {}

Calls::~Calls() { gate_->AwaitNone(); }

void Calls::Stop() { gate_->Close(); }

void Calls::Unary(const MethodDescriptor& method, const Message& request, const std::string& actor,
                  std::function<void(absl::StatusOr<MessagePtr>)> done) {
  struct Call {
    explicit Call(std::shared_ptr<CallGate> gate) : counted(std::move(gate)) {}
    const Counted counted;
    grpc::ClientContext context;
    grpc::ByteBuffer request, answer;
  };
  const auto call = std::make_shared<Call>(gate_);
  call->request = ToBuffer(request);
  call->context.set_deadline(
      gpr_time_from_millis(absl::ToInt64Milliseconds(unary_limit_), GPR_TIMESPAN));
  if (!actor.empty()) call->context.AddMetadata("crescendo-actor", actor);
  const auto finish = [call, &method, done](const grpc::Status& status) {
    if (!status.ok()) return done(FromGrpc(status));
    MessagePtr message = NewMessage(method.output_type());
    if (!FromBuffer(&call->answer, message.get())) {
      return done(absl::InternalError("the answer cannot be read"));
    }
    done(std::move(message));
  };
  const bool begun = gate_->Pass([&] {
    stub_.UnaryCall(&call->context, PathOf(method), {}, &call->request, &call->answer, finish);
  });
  if (!begun) done(service::Stopping());
}

std::shared_ptr<Feed> Calls::Stream(const MethodDescriptor& method, const Message& request,
                                    bool named) {
  return std::make_shared<RpcFeed>(gate_, &stub_, method, request, named);
}

}  // namespace crescendo::dashboard
