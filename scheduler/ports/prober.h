// prober.h: one SMTP session, walked step by step for people.
//
//   kConnected ─ kReply (banner) ─ kReply (EHLO) ─ kTls ─ kReply … ─ kReply (QUIT) ─ kEnded
//
// A probe is nobody's delivery: it uses no lane's connection and feeds no throttle. Its steps are
// news (replies and how long each took); what they mean is the caller's to say.
//
// Threads  methods are safe from any thread; the listener is called from one, and must not block.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "scheduler/domain/provider.h"
#include "scheduler/domain/reply.h"
#include "scheduler/ports/mx_resolver.h"

namespace crescendo::ports {

struct Probe {
  std::string source_address;  // Bytes leave only from here (L8). A literal address.
  std::string ehlo_name;
  MxHost host;
  TlsPolicy tls = TlsPolicy::kOpportunistic;
  std::string mail_from;               // Without <>. May be "".
  std::optional<std::string> rcpt_to;  // Without <>. None: it ends behind MAIL, with RSET.
  std::optional<std::string> message;  // RFC 5322 bytes. None: it ends behind RCPT, with RSET.
  absl::Duration limit;                // Of the whole session, in real time.
};

// What a TLS handshake showed, whatever the policy asks for.
struct TlsFacts {
  std::string protocol, cipher;
  std::string subject, issuer;
  std::vector<std::string> names;  // Subject alternative names, DNS and IP.
  absl::Time not_before, not_after;
  std::string chain_fault;  // "": it leads to a trusted root. "self-signed certificate" …
  std::string name_fault;   // "": it is one of the host's.
  bool trusted() const { return chain_fault.empty() && name_fault.empty(); }
};

struct ProbeStep {
  enum class Kind { kConnected, kReply, kTls, kNote, kEnded };
  Kind kind = Kind::kEnded;
  absl::Duration took;            // Since the step before it ended. Real time.
  std::vector<std::string> sent;  // kReply: our lines that it answers.
  Reply reply;                    // kReply.
  TlsFacts tls;                   // kTls.
  std::string detail;             // kNote. kEnded: what ended it early; "": it ended as planned.
  bool local_failure = false;     // kEnded: by a fault on our side (bind, file descriptors).
};

class Prober {
 public:
  using Listener = absl::AnyInvocable<void(ProbeStep)>;

  virtual ~Prober() = default;
  // "" if mail may go to `host`; else why not, as for any delivery.
  virtual std::string Forbidden(const MxHost& host) const = 0;
  // Starts one; no step comes before this returns, and the last is kEnded, also where there is no
  // socket for it, or its host is forbidden. Returns its number.
  virtual int64_t StartProbe(Probe probe, Listener listener) = 0;
  // Closes its connection; a kEnded may follow.
  virtual void CancelProbe(int64_t number) = 0;
};

}  // namespace crescendo::ports
