// crescendo probe: one SMTP session, step by step, and what Crescendo makes of it.
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cmd/crescendo/commands.h"
#include "cmd/crescendo/enum_text.h"
#include "cmd/crescendo/names.h"
#include "cmd/crescendo/printable.h"
#include "cmd/crescendo/time_text.h"
#include "crescendo/v1/diagnostics.grpc.pb.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::cli {
namespace {

using Stub = v1::DiagnosticsService::Stub;
using Step = v1::ProbeStep;

struct ProbeOptions {
  std::string target, ip, mx, to, tls;
  std::optional<std::string> from;
  int64_t port = 0;
  std::optional<absl::Duration> limit;
  bool data = false;
};

constexpr absl::string_view kIndent = "              ";

// "0.8 ms", "120 ms", "3.2 s": a look-up on loopback and a tarpit alike.
std::string TookText(const google::protobuf::Duration& took) {
  const double ms = static_cast<double>(took.seconds()) * 1e3 + took.nanos() / 1e6;
  if (ms < 10) return absl::StrFormat("%.1f ms", ms);
  return ms < 10000 ? absl::StrFormat("%.0f ms", ms) : absl::StrFormat("%.1f s", ms / 1e3);
}

Style StyleOf(Step::Verdict verdict) {
  switch (verdict) {
    case Step::OK:
      return Style::kGood;
    case Step::WARNING:
      return Style::kBusy;
    case Step::FAILED:
      return Style::kBad;
    default:
      return Style::kPlain;
  }
}

void Line(Streams& streams, absl::string_view text) {
  if (!text.empty()) streams.out << kIndent << OneLine(text) << "\n";
}

void PrintHosts(Streams& streams, const v1::Resolution& resolution) {
  for (const auto& host : resolution.hosts()) {
    const std::string preference =
        host.has_preference() ? absl::StrCat(host.preference()) : std::string("-");
    Line(streams, absl::StrCat(host.chosen() ? "-> " : "   ", absl::StrFormat("%3s", preference),
                               " ", host.name(), " [", host.address(), "]:", host.port(),
                               host.fault().empty() ? "" : "  no: ", host.fault()));
  }
  std::vector<std::string> facts;
  if (!resolution.provider().empty()) {
    facts.push_back(
        absl::StrCat("provider ", IdOf(resolution.provider()), ", by the names of its hosts"));
  }
  facts.push_back(
      absl::StrCat("TLS policy ", v1::Provider::TlsPolicy_Name(resolution.tls_policy())));
  facts.push_back(resolution.dnssec() == v1::Resolution::SECURE     ? "DNSSEC: signed and valid"
                  : resolution.dnssec() == v1::Resolution::INSECURE ? "DNSSEC: not signed"
                                                                    : "no DNS was asked");
  Line(streams, absl::StrJoin(facts, "; "));
}

void PrintTls(Streams& streams, const v1::TlsSession& tls) {
  Line(streams, absl::StrCat(tls.protocol(), ", ", tls.cipher()));
  if (tls.subject().empty()) return;
  Line(streams, absl::StrCat("subject  ", tls.subject()));
  if (tls.names_size() > 0)
    Line(streams, absl::StrCat("names    ", absl::StrJoin(tls.names(), ", ")));
  Line(streams, absl::StrCat("issuer   ", tls.issuer()));
  Line(streams, absl::StrCat("valid    ", TimeText(FromProto(tls.not_before_time())), " to ",
                             TimeText(FromProto(tls.not_after_time()))));
  Line(streams,
       absl::StrCat("chain    ", tls.chain_fault().empty() ? "verifies" : tls.chain_fault()));
  Line(streams, absl::StrCat("name     ", tls.name_fault().empty() ? "matches" : tls.name_fault()));
}

void PrintReply(Streams& streams, const Step& step) {
  for (const std::string& line : step.sent()) Line(streams, absl::StrCat("> ", line));
  for (int i = 0; i < step.reply_size(); ++i) {
    // Behind the greeting each line of a reply to EHLO is a capability.
    const std::string meaning =
        i > 0 && i <= step.capabilities_size() ? step.capabilities(i - 1).text() : std::string();
    Line(streams, absl::StrCat("< ", step.reply(i),
                               meaning.empty() ? "" : absl::StrCat("   (", meaning, ")")));
  }
}

void PrintMeaning(Streams& streams, const v1::ReplyMeaning& meaning) {
  Line(streams, absl::StrCat("category ", v1::Reply::Category_Name(meaning.category()), ", scope ",
                             meaning.scope(), ", action ", meaning.action(), ", rule ",
                             meaning.rule().empty() ? "none: by the code alone" : meaning.rule()));
}

void Print(Streams& streams, const Step& step) {
  const bool result = step.kind() == Step::RESULT;
  const std::string word =
      result ? (step.verdict() == Step::OK ? "OK" : "FAILED") : Step::Kind_Name(step.kind());
  streams.out << Paint(streams, StyleOf(step.verdict()), absl::StrFormat("%-9s", word))
              << (result ? "in all " : "") << TookText(step.elapsed())
              << (step.text().empty() ? "" : "  ") << OneLine(step.text()) << "\n";
  if (step.has_resolution()) PrintHosts(streams, step.resolution());
  PrintReply(streams, step);
  if (step.has_tls()) PrintTls(streams, step.tls());
  if (step.has_meaning()) PrintMeaning(streams, step.meaning());
  // Of a look-up that fails the result says it again.
  if (result && !step.advice().empty()) Line(streams, step.advice());
  streams.out.flush();
}

absl::StatusOr<v1::ProbeRequest> RequestOf(const ProbeOptions& options) {
  v1::ProbeRequest request;
  request.set_target(options.target);
  if (!options.ip.empty()) {
    ASSIGN_OR_RETURN(*request.mutable_egress_ip(), EgressIpName(options.ip));
  }
  request.set_mx_host(options.mx);
  if (options.from.has_value()) request.set_mail_from(*options.from == "<>" ? "" : *options.from);
  request.set_rcpt_to(options.to);
  request.set_tls_policy(static_cast<v1::Provider::TlsPolicy>(
      EnumNumber(v1::Provider::TlsPolicy_descriptor(), options.tls)));
  if (options.port > 65535) return UsageError("probe: --port: want 1 to 65535");
  request.set_port(static_cast<int32_t>(options.port));
  request.set_send_message(options.data);
  if (options.limit.has_value()) *request.mutable_time_limit() = ToProto(*options.limit);
  return request;
}

absl::Status Probe(const ProbeOptions& options, Context& context) {
  ASSIGN_OR_RETURN(const v1::ProbeRequest request, RequestOf(options));
  Step result;
  RETURN_IF_ERROR(context.client.Stream(&Stub::Probe, request, [&](const Step& step) {
    if (step.kind() == Step::RESULT) result = step;
    const bool reads =
        Emit(context, step, [&context](const Step& shown) { Print(context.streams, shown); });
    context.streams.out.flush();
    return reads;
  }));
  if (result.verdict() != Step::FAILED) return absl::OkStatus();
  return OutcomeIsNo(absl::StrCat("the probe of ", options.target, " failed at ",
                                  Step::Kind_Name(result.failed_at())));
}

}  // namespace

void AddProbeCommand(CommandTree& tree) {
  auto options = std::make_shared<ProbeOptions>();
  ProbeOptions* o = options.get();
  tree.Verb("", "probe", "Walk one SMTP session to a receiver, and explain each reply")
      .Argument("TARGET", &o->target, "A domain, a recipient, a receiving host, or an address")
      .Option("--ip", "IP", &o->ip, "From this egress IP; default: the first that can reach it")
      .Option("--mx", "HOST", &o->mx, "This one of the domain's MX hosts, by name or address")
      .Option("--from", "ADDRESS", &o->from, "Envelope sender; '<>' is the null sender")
      .Option("--to", "ADDRESS", &o->to, "Envelope recipient; default: the domain's postmaster")
      .Choice("--tls", "POLICY", EnumChoices(v1::Provider::TlsPolicy_descriptor()), &o->tls,
              "Instead of the provider's policy")
      .Option("--port", "N", &o->port, 1, "Instead of the route's, or 25")
      .Flag("--data", &o->data, "Send a short message too: the recipient gets it")
      .Option("--limit", "DURATION", &o->limit, "How long all of it may take; default 1m")
      .Note(
          "The daemon walks it: with its egress address, resolver, routes, guards and reply rules. "
          "Without --data it ends behind RCPT with RSET and nothing is delivered. No plan counts "
          "it "
          "and no throttle moves; with --data no plan may bound what the IP sends.")
      .Note(
          "Exit code 0: accepted as far as it was to go. 1: a step failed, which the last line "
          "names; or the daemon refused to probe.")
      .Example("crescendo probe gmail.com --ip mta1-a")
      .Example("crescendo probe ann@gmail.com --from news@shop.example")
      .Example("crescendo probe example.com --mx mx2.example.com --tls verified")
      .Example("crescendo probe gmail.com -o json")
      .Run([options](Context& context) { return Probe(*options, context); });
}

}  // namespace crescendo::cli
