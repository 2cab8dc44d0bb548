// smtp_harness.h: a Transport and its events, for a test that takes them one by one.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "scheduler/base/mutex.h"
#include "smtp_client/delivery/smtp_transport.h"

namespace crescendo::testing {

class SmtpHarness {
 public:
  // Its deadlines are short: no test waits for a minute.
  static smtp::SmtpTransportOptions FastOptions();

  explicit SmtpHarness(smtp::SmtpTransportOptions options = FastOptions());

  // To 127.0.0.1:`port`, as connection number `id`. See OpenTo for the rest.
  void Open(uint16_t port, int64_t id = 1, TlsPolicy tls = TlsPolicy::kOpportunistic);
  ports::OpenConnection OpenTo(uint16_t port, int64_t id, TlsPolicy tls) const;
  void Send(int64_t id, int64_t delivery, std::string message = "Subject: hi\r\n\r\nhello\r\n",
            std::string to = "ann@example.net");
  // The next event. Fails the test and gives an event without a connection if none comes.
  ports::TransportEvent Next() ABSL_LOCKS_EXCLUDED(mu_);

  // Puts an event of the test's own among them, from any thread.
  void Post(ports::TransportEvent event) ABSL_LOCKS_EXCLUDED(mu_);

  smtp::SmtpTransport& transport() { return *transport_; }

 private:
  base::Mutex mu_;
  base::CondVar arrived_;
  std::deque<ports::TransportEvent> events_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<smtp::SmtpTransport> transport_;  // Goes first: its thread uses the others.
};

// "sent reply 250 at end of data, usable", "closed: cannot bind …" …
std::string Describe(const ports::TransportEvent& event);

}  // namespace crescendo::testing
