#include "smtp_client/resolve/unbound.h"

#include <unbound.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/domain/plan.h"

namespace crescendo::smtp {
namespace {

constexpr int kInternet = 1;  // Class IN.
constexpr int kNoError = 0, kServerFailure = 2, kNoSuchName = 3, kRefused = 5;

// A server that was down is tried again soon: mail is not a page that somebody waits for.
constexpr std::pair<const char*, const char*> kSettings[] = {
    {"infra-host-ttl:", "60"},  {"infra-keep-probing:", "yes"}, {"do-not-query-localhost:", "no"},
    {"msg-cache-size:", "32m"}, {"rrset-cache-size:", "64m"},
};

std::string RcodeName(int rcode) {
  switch (rcode) {
    case kServerFailure:
      return "SERVFAIL";
    case kRefused:
      return "REFUSED";
    default:
      return absl::StrCat("RCODE ", rcode);
  }
}

DnsAnswer Failed(std::string fault) {
  DnsAnswer answer;
  answer.fault = absl::StrCat("no answer from the DNS: ", fault);
  return answer;
}

DnsAnswer AnswerOf(int error, const ub_result* result) {
  if (error != 0) return Failed(ub_strerror(error));
  if (result->bogus != 0) {
    return Failed(absl::StrCat("DNSSEC says the answer is forged, or its zone is broken (",
                               result->why_bogus == nullptr ? "bogus" : result->why_bogus, ")"));
  }
  DnsAnswer answer;
  answer.ttl = absl::Seconds(std::max(result->ttl, 0));
  answer.secure = result->secure != 0;
  if (result->havedata != 0) {
    answer.kind = DnsAnswer::Kind::kData;
    for (int i = 0; result->data[i] != nullptr; ++i) {
      answer.records.emplace_back(result->data[i], static_cast<size_t>(result->len[i]));
    }
  } else if (result->nxdomain != 0 || result->rcode == kNoSuchName) {
    answer.kind = DnsAnswer::Kind::kNoSuchName;
  } else if (result->rcode == kNoError) {
    answer.kind = DnsAnswer::Kind::kNoData;
  } else {
    return Failed(RcodeName(result->rcode));
  }
  return answer;
}

absl::Status Checked(int error, absl::string_view what) {
  if (error == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(what, ": ", ub_strerror(error)));
}

absl::Status CheckReadable(const std::string& what, const std::string& file) {
  if (access(file.c_str(), R_OK) == 0) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat(what, ": cannot read ", file));
}

absl::Status Configure(ub_ctx* context, const UnboundOptions& options) {
  ub_ctx_debugout(context, nullptr);
  for (const auto& [name, value] : kSettings) {
    RETURN_IF_ERROR(Checked(ub_ctx_set_option(context, name, value), name));
  }
  if (options.use_resolv_conf) {
    RETURN_IF_ERROR(CheckReadable("use_resolv_conf", options.resolv_conf));
    RETURN_IF_ERROR(
        Checked(ub_ctx_resolvconf(context, options.resolv_conf.c_str()), options.resolv_conf));
  }
  for (const std::string& server : options.forwarders) {
    RETURN_IF_ERROR(Checked(ub_ctx_set_fwd(context, server.c_str()), server));
  }
  for (const auto& [zone, server] : options.stubs) {
    RETURN_IF_ERROR(Checked(ub_ctx_set_stub(context, zone.c_str(), server.c_str(), 0), zone));
    RETURN_IF_ERROR(Checked(ub_ctx_set_option(context, "domain-insecure:", zone.c_str()), zone));
  }
  if (!options.trust_anchor_file.empty()) {
    RETURN_IF_ERROR(CheckReadable("trust_anchor_file", options.trust_anchor_file));
    RETURN_IF_ERROR(Checked(ub_ctx_add_ta_file(context, options.trust_anchor_file.c_str()),
                            options.trust_anchor_file));
  }
  RETURN_IF_ERROR(Checked(ub_ctx_async(context, /*dothread=*/1), "thread"));
  // It reads the files when it is first used: let that be now.
  if (ub_ctx_zone_remove(context, "unused.invalid") == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      options.trust_anchor_file.empty()
          ? "libunbound does not take these settings"
          : absl::StrCat("trust_anchor_file: ", options.trust_anchor_file,
                         " holds no DS or DNSKEY records that libunbound can read"));
}

}  // namespace

absl::StatusOr<std::string> ParseDnsServer(absl::string_view text) {
  std::string address(text);
  int port = 53;
  const size_t colon = text.rfind(':');
  const bool bracketed = absl::StartsWith(text, "[");
  bool good = true;
  if (bracketed || (colon != absl::string_view::npos && text.find(':') == colon)) {
    const size_t end = bracketed ? text.find(']') : colon;
    if (bracketed && end + 1 == text.size()) {
      address = std::string(text.substr(1, end - 1));
    } else if (end == absl::string_view::npos || end >= text.size() || colon == text.npos ||
               (bracketed && colon != end + 1)) {
      good = false;
    } else {
      address = std::string(bracketed ? text.substr(1, end - 1) : text.substr(0, end));
      good = absl::SimpleAtoi(text.substr(colon + 1), &port) && port > 0 && port <= 65535;
    }
  }
  if (!good || !IpAddressFault(address).empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("is \"", text,
                     "\"; write an address, and a port if it is not 53: 192.0.2.53, "
                     "127.0.0.1:5353 or [::1]:5353"));
  }
  return absl::StrCat(address, "@", port);
}

absl::StatusOr<std::unique_ptr<Unbound>> Unbound::Create(const UnboundOptions& options) {
  ub_ctx* context = ub_ctx_create();
  if (context == nullptr) return absl::ResourceExhaustedError("no memory for a DNS resolver");
  std::unique_ptr<Unbound> unbound(new Unbound(context));
  RETURN_IF_ERROR(Configure(context, options));
  return unbound;
}

// First libunbound, which may be at work on what asked_ holds.
Unbound::~Unbound() { ub_ctx_delete(context_); }

Unbound::Ticket Unbound::Ask(const DnsQuestion& question, Done done, std::string* fault) {
  const Ticket ticket = ++last_;
  auto asked = std::make_unique<Asked>(Asked{this, ticket, std::move(done)});
  // The dot keeps a name of one label from being looked for elsewhere.
  const int error = ub_resolve_async(context_, absl::StrCat(question.name, ".").c_str(),
                                     static_cast<int>(question.type), kInternet, asked.get(),
                                     &Unbound::OnResult, /*async_id=*/nullptr);
  if (error != 0) {
    *fault = absl::StrCat("no answer from the DNS: ", ub_strerror(error));
    return 0;
  }
  asked_.emplace(ticket, std::move(asked));
  return ticket;
}

void Unbound::Cancel(Ticket ticket) {
  const auto found = asked_.find(ticket);
  if (found != asked_.end()) found->second->done = nullptr;
}

int Unbound::fd() const { return ub_fd(context_); }
void Unbound::Process() { ub_process(context_); }

void Unbound::OnResult(void* arg, int error, ub_result* result) {
  const std::unique_ptr<ub_result, void (*)(ub_result*)> owner(result, ub_resolve_free);
  const Asked& asked = *static_cast<Asked*>(arg);
  const Done done = asked.done;
  asked.owner->asked_.erase(asked.ticket);
  if (done != nullptr) done(AnswerOf(error, result));
}

}  // namespace crescendo::smtp
