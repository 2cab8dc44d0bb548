#include "tests/support/smtp_harness.h"

#include <gtest/gtest.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "scheduler/base/check.h"

namespace crescendo::testing {

using ports::TransportEvent;

smtp::SmtpTransportOptions SmtpHarness::FastOptions() {
  smtp::SmtpTransportOptions options;
  smtp::Deadlines& d = options.deadlines;
  for (absl::Duration* limit :
       {&d.connect, &d.banner, &d.ehlo, &d.start_tls, &d.handshake, &d.mail, &d.rcpt, &d.data,
        &d.data_block, &d.final_dot, &d.rset, &d.quit, &d.opening, &d.transaction}) {
    *limit = absl::Seconds(20);
  }
  return options;
}

SmtpHarness::SmtpHarness(smtp::SmtpTransportOptions options) {
  auto transport = smtp::SmtpTransport::Create(std::move(options));
  CRESCENDO_CHECK(transport.ok());
  transport_ = *std::move(transport);
  transport_->SetListener([this](TransportEvent event) { Post(std::move(event)); });
}

void SmtpHarness::Post(TransportEvent event) {
  base::MutexLock lock(&mu_);
  events_.push_back(std::move(event));
  arrived_.NotifyAll();
}

ports::OpenConnection SmtpHarness::OpenTo(uint16_t port, int64_t id, TlsPolicy tls) const {
  ports::OpenConnection request;
  request.connection = ConnectionId(id);
  request.source_address = "127.0.0.1";
  request.ehlo_name = "mta1.example.com";
  request.host = {"mx.test", "127.0.0.1", port, /*trusted=*/true};
  request.tls = tls;
  return request;
}

void SmtpHarness::Open(uint16_t port, int64_t id, TlsPolicy tls) {
  transport_->Open(OpenTo(port, id, tls));
}

void SmtpHarness::Send(int64_t id, int64_t delivery, std::string message, std::string to) {
  ports::SendMessage request;
  request.connection = ConnectionId(id);
  request.delivery = DeliveryId(delivery);
  request.mail_from = "news@example.com";
  request.rcpt_to = std::move(to);
  request.message = std::move(message);
  transport_->Send(std::move(request));
}

TransportEvent SmtpHarness::Next() {
  base::MutexLock lock(&mu_);
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (events_.empty()) {
    if (std::chrono::steady_clock::now() > limit) {
      ADD_FAILURE() << "no event in 30 s";
      return {};
    }
    arrived_.WaitFor(&mu_, std::chrono::seconds(1));
  }
  TransportEvent event = std::move(events_.front());
  events_.pop_front();
  return event;
}

std::string Describe(const TransportEvent& event) {
  switch (event.kind) {
    case TransportEvent::Kind::kOpened:
      return event.tls          ? "opened with TLS"
             : event.downgraded ? "opened after a downgrade"
                                : "opened";
    case TransportEvent::Kind::kSent:
      break;
    case TransportEvent::Kind::kClosed:
      return absl::StrCat(event.local_failure ? "closed by us" : "closed",
                          event.tls_failed ? " without TLS" : "",
                          event.reply.code != 0 ? " after " : "", event.reply.ToString(),
                          event.detail.empty() ? "" : ": ", event.detail);
  }
  std::string text;
  switch (event.result) {
    case TransportEvent::SentResult::kReply:
      text =
          absl::StrCat("sent, reply ", event.reply.code, " at ", SmtpStageName(event.reply.stage));
      break;
    case TransportEvent::SentResult::kNotTransferred:
      text = "not transferred";
      break;
    case TransportEvent::SentResult::kInDoubt:
      text = "in doubt";
      break;
  }
  return absl::StrCat(text, event.connection_usable ? ", usable" : "",
                      event.detail.empty() ? "" : ": ", event.detail);
}

}  // namespace crescendo::testing
