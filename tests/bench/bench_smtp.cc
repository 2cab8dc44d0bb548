// bench_smtp: the SMTP sender alone: messages a second from ports/Transport to one receiver.
//
//   bench_smtp PORT CONNECTIONS MESSAGES BYTES one|many plain|starttls
//
// "one": a new connection for each message. "many": all of a connection's messages over it. A
// message of BYTES, in lines of 70, is copied for each delivery, as the composer would hand it
// over. Prints one JSON object; processor time is that of this process, all threads.
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "scheduler/base/check.h"
#include "scheduler/base/mutex.h"
#include "smtp_client/delivery/smtp_transport.h"

namespace crescendo {
namespace {

using ports::TransportEvent;

std::string MakeMessage(size_t bytes) {
  std::string message = "Subject: spring\r\nFrom: news@sender.example\r\n\r\n";
  while (message.size() < bytes) {
    message.append(std::min<size_t>(70, bytes - message.size()), 'X');
    message += "\r\n";
  }
  return message;
}

double ProcessorSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

// Keeps every connection busy until all messages are accepted. Its events come on the transport's
// thread, one at a time.
class Sender {
 public:
  struct Load {
    uint16_t port = 0;
    int connections = 1;
    int64_t messages = 1;
    size_t bytes = 0;
    bool one_per_connection = false;
    TlsPolicy tls = TlsPolicy::kNever;
  };

  Sender(const Load& load, smtp::SmtpTransport* transport)
      : load_(load), message_(MakeMessage(load.bytes)), transport_(transport) {}

  // Returns once every connection is closed again.
  void Run() {
    transport_->SetListener([this](TransportEvent event) { OnEvent(event); });
    open_ = static_cast<int>(std::min<int64_t>(load_.connections, load_.messages));
    for (int i = 0; i < open_; ++i) Open();
    base::MutexLock lock(&mu_);
    while (!done_) ended_.Wait(&mu_);
  }

 private:
  void Open() {
    ports::OpenConnection request;
    request.connection = ConnectionId(++connections_);
    request.source_address = "127.0.0.1";
    request.ehlo_name = "bench.sender.example";
    request.host = {"mx.sink.example", "127.0.0.1", load_.port, /*trusted=*/true};
    request.tls = load_.tls;
    transport_->Open(request);
  }

  void Send(ConnectionId connection) {
    if (sent_ == load_.messages) return transport_->Close(connection);
    transport_->Send({connection, DeliveryId(++sent_), 1, "news@sender.example",
                      "user@domain0.example", message_});
  }

  void OnEvent(const TransportEvent& event) {
    switch (event.kind) {
      case TransportEvent::Kind::kOpened:
        CRESCENDO_CHECK(event.tls == (load_.tls == TlsPolicy::kRequired));
        return Send(event.connection);
      case TransportEvent::Kind::kSent:
        CRESCENDO_CHECK(event.reply.code == 250);
        if (load_.one_per_connection) return transport_->Close(event.connection);
        return Send(event.connection);
      case TransportEvent::Kind::kClosed:
        CRESCENDO_CHECK(event.detail.empty());
        if (sent_ < load_.messages) return Open();
        if (--open_ > 0) return;
        base::MutexLock lock(&mu_);
        done_ = true;
        ended_.NotifyOne();
    }
  }

  const Load load_;
  const std::string message_;
  smtp::SmtpTransport* const transport_;
  int open_ = 0;
  int64_t connections_ = 0, sent_ = 0;
  base::Mutex mu_;
  base::CondVar ended_;
  bool done_ ABSL_GUARDED_BY(mu_) = false;
};

int Main(int argc, char** argv) {
  if (argc != 7) {
    std::fprintf(stderr,
                 "usage: bench_smtp PORT CONNECTIONS MESSAGES BYTES one|many plain|starttls\n");
    return 2;
  }
  Sender::Load load;
  load.port = static_cast<uint16_t>(std::atoi(argv[1]));
  load.connections = std::atoi(argv[2]);
  load.messages = std::atoll(argv[3]);
  load.bytes = std::strtoul(argv[4], nullptr, 10);
  load.one_per_connection = argv[5] == std::string("one");
  load.tls = argv[6] == std::string("starttls") ? TlsPolicy::kRequired : TlsPolicy::kNever;
  auto transport = smtp::SmtpTransport::Create({});
  CRESCENDO_CHECK(transport.ok());
  Sender sender(load, transport->get());
  const double used = ProcessorSeconds();
  const absl::Time start = absl::Now();
  sender.Run();
  std::printf("{\"seconds\": %.4f, \"cpu_seconds\": %.4f}\n",
              absl::ToDoubleSeconds(absl::Now() - start), ProcessorSeconds() - used);
  return 0;
}

}  // namespace
}  // namespace crescendo

int main(int argc, char** argv) { return crescendo::Main(argc, argv); }
