// unbound.h: questions to the DNS through libunbound: it recurses or forwards, validates (DNSSEC),
// follows CNAMEs up to its own limit, turns to TCP for what is truncated, and caches by TTL.
//
// Threads  one owner; libunbound works on a thread of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "smtp_client/resolve/mx_lookup.h"

struct ub_ctx;
struct ub_result;

namespace crescendo::smtp {

struct UnboundOptions {
  // "192.0.2.53@53". Without any, and without use_resolv_conf, it recurses from the root itself.
  std::vector<std::string> forwarders;
  bool use_resolv_conf = false;  // Forward to the servers of resolv_conf.
  std::string resolv_conf = "/etc/resolv.conf";
  // These zones are asked of these servers, and not validated: the operator knows them.
  struct Stub {
    std::string zone;
    std::string server;
  };
  std::vector<Stub> stubs;
  std::string trust_anchor_file;  // DS and DNSKEY records. "": nothing is validated.
};

// "192.0.2.53", "192.0.2.53:5353", "2001:db8::53" or "[2001:db8::53]:5353", as libunbound writes
// it. INVALID_ARGUMENT "is \"…\"; …".
absl::StatusOr<std::string> ParseDnsServer(absl::string_view text);

class Unbound {
 public:
  using Done = std::function<void(DnsAnswer)>;
  using Ticket = uint64_t;  // Never 0.

  // INVALID_ARGUMENT, NOT_FOUND: an option is not usable, or its file is not there.
  static absl::StatusOr<std::unique_ptr<Unbound>> Create(const UnboundOptions& options);
  ~Unbound();

  // `done` is called by Process(), later, unless it is cancelled before. 0: it cannot be asked, and
  // `*fault` says why.
  Ticket Ask(const DnsQuestion& question, Done done, std::string* fault);
  // Its `done` is not called any more.
  void Cancel(Ticket ticket);
  // Readable when Process() has something to do.
  int fd() const;
  void Process();

 private:
  struct Asked {
    Unbound* owner;
    Ticket ticket;
    Done done;  // None: cancelled, but libunbound still works on it.
  };

  explicit Unbound(ub_ctx* context) : context_(context) {}
  static void OnResult(void* asked, int error, ub_result* result);

  ub_ctx* const context_;
  Ticket last_ = 0;
  absl::flat_hash_map<Ticket, std::unique_ptr<Asked>> asked_;
};

}  // namespace crescendo::smtp
