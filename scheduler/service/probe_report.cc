#include "scheduler/service/probe_report.h"

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "scheduler/core/consequence.h"
#include "scheduler/service/capability_text.h"
#include "scheduler/service/convert.h"
#include "scheduler/service/names.h"

namespace crescendo::service {
namespace {

using Step = v1::ProbeStep;

// A reply that takes longer is no chance: greylisting by waiting, or a tarpit.
constexpr absl::Duration kSlow = absl::Seconds(5);
constexpr absl::Duration kSoon = absl::Hours(24 * 14);

Step NewStep(Step::Kind kind, Step::Verdict verdict, absl::Duration took) {
  Step step;
  step.set_kind(kind);
  step.set_verdict(verdict);
  *step.mutable_elapsed() = ToProto(took);
  return step;
}

Step::Kind KindOf(SmtpStage stage) {
  switch (stage) {
    case SmtpStage::kConnect:
      return Step::BANNER;
    case SmtpStage::kEhlo:
      return Step::EHLO;
    case SmtpStage::kStartTls:
      return Step::STARTTLS;
    case SmtpStage::kMail:
      return Step::MAIL;
    case SmtpStage::kRcpt:
      return Step::RCPT;
    case SmtpStage::kData:
      return Step::DATA;
    case SmtpStage::kEndOfData:
      return Step::MESSAGE;
    case SmtpStage::kRset:
      return Step::RSET;
    case SmtpStage::kQuit:
      return Step::QUIT;
  }
  return Step::NOTE;
}

// Of our line that was not answered.
Step::Kind KindOfLine(absl::string_view line) {
  constexpr std::pair<const char*, Step::Kind> kFronts[] = {
      {"EHLO", Step::EHLO}, {"HELO", Step::EHLO}, {"STARTTLS", Step::STARTTLS},
      {"MAIL", Step::MAIL}, {"RCPT", Step::RCPT}, {"DATA", Step::DATA},
      {"(", Step::MESSAGE}, {"RSET", Step::RSET}, {"QUIT", Step::QUIT}};
  for (const auto& [front, kind] : kFronts) {
    if (absl::StartsWith(line, front)) return kind;
  }
  return Step::NOTE;
}

std::string SecondsText(absl::Duration took) {
  return absl::StrFormat("%.1fs", absl::ToDoubleSeconds(took));
}

std::string GoodText(Step::Kind kind, absl::Duration took) {
  switch (kind) {
    case Step::BANNER:
      return took < kSlow ? "the server is ready"
                          : absl::StrCat("the server is ready, after ", SecondsText(took),
                                         ": some let strangers wait, to see who is in a hurry");
    case Step::STARTTLS:
      return "ready for the handshake";
    case Step::MAIL:
      return "the sender is accepted";
    case Step::RCPT:
      return "the recipient is accepted";
    case Step::DATA:
      return "ready for the message";
    case Step::MESSAGE:
      return "the message is accepted";
    case Step::RSET:
      return "taken back: nothing is delivered";
    case Step::QUIT:
      return "closed";
    default:
      return "";
  }
}

v1::ReplyMeaning MeaningOf(const Reply& reply, const Classification& meaning,
                           const ProbeRoute& route, const core::Options& options) {
  v1::ReplyMeaning proto;
  proto.set_category(ToProto(meaning.category));
  proto.set_scope(std::string(ReplyScopeName(meaning.scope)));
  proto.set_action(std::string(DispositionName(meaning.disposition)));
  proto.set_rule(meaning.rule);
  proto.set_hint(meaning.hint);
  proto.set_text(core::Consequence(reply, meaning, route.provider, route.lane(), options));
  return proto;
}

// Why there is no host to try.
std::string HostsText(const v1::Resolution& resolution) {
  if (resolution.hosts_size() == 1) {
    return absl::StrCat(resolution.hosts(0).fault(), ": Crescendo sends nothing there either");
  }
  return "each host above says why; Crescendo sends nothing there either";
}

}  // namespace

v1::ProbeStep ProbeReport::Resolved(absl::Duration took) const {
  Step step = NewStep(Step::RESOLVE, route_.fault.empty() ? Step::OK : Step::FAILED, took);
  *step.mutable_resolution() = route_.resolution;
  step.set_text(route_.fault.empty()
                    ? absl::StrCat("mail goes by the lane ", route_.lane(), ", now to ",
                                   route_.probe.host.name, " [", route_.probe.host.address,
                                   "]:", route_.probe.host.port)
                    : route_.fault);
  if (!route_.fault.empty()) {
    step.set_advice(route_.fault_of_name ? "choose one of those above"
                                         : HostsText(route_.resolution));
  }
  return step;
}

v1::ProbeStep ProbeReport::NotResolved(const std::string& name, const absl::Status& status,
                                       absl::Duration took) {
  Step step = NewStep(Step::RESOLVE, Step::FAILED, took);
  step.set_text(std::string(status.message()));
  if (absl::IsNotFound(status)) {
    step.set_advice(absl::StrCat("Crescendo bounces mail to ", name,
                                 ", and asks the DNS again when its answer is old"));
  } else if (absl::IsFailedPrecondition(status)) {
    step.set_advice(absl::StrCat("mail to ", name, " waits until that is done"));
  } else {
    step.set_advice(absl::StrCat(
        "mail to ", name, " waits, and Crescendo asks again in 5m; is the resolver all right?"));
  }
  return step;
}

v1::ProbeStep ProbeReport::NoSession(const v1::ProbeStep& resolve) {
  Step step = resolve;
  step.set_kind(Step::RESULT);
  step.set_failed_at(Step::RESOLVE);
  step.clear_resolution();
  return step;
}

bool ProbeReport::demands_tls() const {
  return route_.probe.tls == TlsPolicy::kRequired || route_.probe.tls == TlsPolicy::kVerified;
}

v1::ProbeStep::Kind ProbeReport::goal() const {
  if (!route_.probe.rcpt_to.has_value()) return Step::MAIL;
  return route_.probe.message.has_value() ? Step::MESSAGE : Step::RCPT;
}

v1::ProbeStep ProbeReport::Explain(const ports::ProbeStep& step) {
  v1::ProbeStep out = NewStep(Step::NOTE, Step::OK, step.took);
  switch (step.kind) {
    case ports::ProbeStep::Kind::kConnected: {
      out.set_kind(Step::CONNECT);
      v1::ProbeConnection& connection = *out.mutable_connection();
      connection.set_source_address(route_.probe.source_address);
      connection.set_host(route_.probe.host.name);
      connection.set_address(route_.probe.host.address);
      connection.set_port(route_.probe.host.port);
      out.set_text(absl::StrCat("connected from ", route_.probe.source_address, " (",
                                route_.ip.id.text(), ")"));
      break;
    }
    case ports::ProbeStep::Kind::kReply:
      ReadReply(step, &out);
      break;
    case ports::ProbeStep::Kind::kTls:
      out.set_kind(Step::TLS);
      ReadTls(step.tls, &out);
      break;
    case ports::ProbeStep::Kind::kNote:
    case ports::ProbeStep::Kind::kEnded:
      out.set_verdict(Step::WARNING);
      out.set_text(step.detail);
      return out;
  }
  last_ = out.kind();
  return out;
}

// Does a refusal end the session?
bool ProbeReport::MayFail(Step::Kind kind, const Reply& reply) const {
  switch (kind) {
    case Step::EHLO:
      // An old server knows HELO only.
      return !reply.permanent() || last_ == Step::EHLO || (demands_tls() && !encrypted_);
    case Step::STARTTLS:
      return demands_tls() || reply.code == 421;
    case Step::RSET:
    case Step::QUIT:
      return false;
    default:
      return true;
  }
}

void ProbeReport::ReadReply(const ports::ProbeStep& step, v1::ProbeStep* out) {
  const Reply& reply = step.reply;
  const Step::Kind kind = KindOf(reply.stage);
  out->set_kind(kind);
  for (const std::string& line : step.sent) out->add_sent(line);
  for (const std::string& line : reply.WireLines()) out->add_reply(line);
  if (reply.positive()) {
    out->set_text(GoodText(kind, step.took));
    if (kind == Step::EHLO) ReadEhlo(reply, out);
    if (kind == goal()) reached_ = true;
    return;
  }
  const Classification meaning = engine_->classifier().Classify(reply, route_.provider.id);
  *out->mutable_meaning() = MeaningOf(reply, meaning, route_, engine_->options());
  const bool fails = MayFail(kind, reply);
  out->set_verdict(fails ? Step::FAILED : Step::WARNING);
  if (!fails) out->clear_meaning();
  out->set_text(fails                    ? out->meaning().text()
                : kind == Step::EHLO     ? "refused; HELO is next, as for an old server"
                : kind == Step::STARTTLS ? "refused; mail goes in the clear"
                                         : "refused, which changes nothing");
  if (fails && !refusal_.has_value()) refusal_ = *out;
}

void ProbeReport::ReadEhlo(const Reply& reply, v1::ProbeStep* out) {
  bool offers_tls = false;
  for (size_t i = 1; i < reply.lines.size(); ++i) {
    v1::Capability& capability = *out->add_capabilities();
    capability.set_keyword(reply.lines[i]);
    capability.set_text(CapabilityText(reply.lines[i]));
    offers_tls = offers_tls || absl::EqualsIgnoreCase(reply.lines[i], "STARTTLS");
  }
  offers_tls_ = offers_tls_ || offers_tls;
  out->set_text("");
  if (encrypted_ || offers_tls || route_.probe.tls == TlsPolicy::kNever) return;
  out->set_verdict(demands_tls() ? Step::FAILED : Step::WARNING);
  out->set_text(demands_tls() ? "STARTTLS is not offered, and the policy asks for TLS"
                              : "STARTTLS is not offered; mail goes in the clear");
}

void ProbeReport::ReadTls(const ports::TlsFacts& facts, v1::ProbeStep* out) {
  encrypted_ = true;
  v1::TlsSession& tls = *out->mutable_tls();
  tls.set_protocol(facts.protocol);
  tls.set_cipher(facts.cipher);
  tls.set_subject(facts.subject);
  tls.set_issuer(facts.issuer);
  for (const std::string& name : facts.names) tls.add_names(name);
  SetTime(facts.not_before, &tls, &v1::TlsSession::mutable_not_before_time);
  SetTime(facts.not_after, &tls, &v1::TlsSession::mutable_not_after_time);
  tls.set_chain_fault(facts.chain_fault);
  tls.set_name_fault(facts.name_fault);
  if (facts.trusted()) {
    const absl::Duration left = facts.not_after - engine_->clock().Now().wall;
    const bool soon = left > absl::ZeroDuration() && left < kSoon;
    out->set_text(
        soon ? absl::StrCat("the certificate is good, for ", left / absl::Hours(24), " more days")
             : "the certificate is good: its chain verifies and it is the host's");
    return;
  }
  const bool fails = untrusted_ = route_.probe.tls == TlsPolicy::kVerified;
  out->set_verdict(fails ? Step::FAILED : Step::WARNING);
  out->set_text(absl::StrCat(
      "the certificate proves nothing (", facts.chain_fault,
      facts.chain_fault.empty() || facts.name_fault.empty() ? "" : "; ", facts.name_fault,
      fails ? "), and the policy VERIFIED asks for proof"
            : "); encrypted all the same, only the policy VERIFIED would mind"));
}

v1::ProbeStep::Kind ProbeReport::EndedAt(const ports::ProbeStep& ended) const {
  if (refusal_.has_value()) return refusal_->kind();
  if (untrusted_) return Step::TLS;
  if (!ended.sent.empty() && KindOfLine(ended.sent.back()) != Step::QUIT) {
    return KindOfLine(ended.sent.back());
  }
  switch (last_) {
    case Step::RESOLVE:
      return Step::CONNECT;
    case Step::CONNECT:
      return Step::BANNER;
    case Step::STARTTLS:
      return Step::TLS;
    case Step::EHLO:
    case Step::QUIT:
      return demands_tls() && !encrypted_ && !offers_tls_ ? Step::STARTTLS : last_;
    default:
      return last_;
  }
}

std::string ProbeReport::Advice(Step::Kind at, const ports::ProbeStep& ended) const {
  const ports::Probe& probe = route_.probe;
  if (refusal_.has_value()) {
    const std::string& hint = refusal_->meaning().hint();
    return absl::StrCat(refusal_->meaning().text(), hint.empty() ? "" : ". ", hint);
  }
  if (ended.local_failure) {
    return absl::StrCat("this is on our side: the address ", probe.source_address, " of ",
                        route_.ip.id.text(),
                        " must be one of the daemon's host, and sockets must be left. Crescendo "
                        "would send nothing from there, and raise an alert");
  }
  switch (at) {
    case Step::CONNECT:
      return absl::StrCat("the host is down, or a firewall stands between: is TCP to port ",
                          probe.host.port, " allowed from ", probe.source_address,
                          "? Try another of its hosts, then another egress IP. Crescendo would try "
                          "the next host, and this one again later");
    case Step::BANNER:
      return "the host takes connections but does not speak: it is overloaded, lets this IP wait, "
             "or is no mail server. Crescendo would try the next host, and this one again later";
    case Step::STARTTLS:
      return absl::StrCat(
          "under its TLS policy Crescendo sends nothing to ", route_.provider.id.text(),
          " without TLS: the host is broken, or something on the way takes STARTTLS "
          "out; the policy OPPORTUNISTIC would go on in the clear");
    case Step::TLS:
      return probe.tls == TlsPolicy::kVerified
                 ? "Crescendo would send nothing here under the policy VERIFIED; under REQUIRED it "
                   "would go on, encrypted to nobody in particular"
                 : "the host's TLS is broken or older than TLS 1.2; Crescendo would try the next "
                   "host, and this one again later";
    case Step::MESSAGE:
      return "the message may have arrived all the same (RFC 1047); Crescendo would count it as in "
             "doubt";
    default:
      return "Crescendo would try the message again later, and the next host first; if it is "
             "always so, the receiver does not want this sender or this IP";
  }
}

v1::ProbeStep ProbeReport::Result(const ports::ProbeStep& ended, absl::Duration took) const {
  Step step = NewStep(Step::RESULT, reached_ ? Step::OK : Step::FAILED, took);
  const ports::Probe& probe = route_.probe;
  if (reached_) {
    const std::string to = probe.rcpt_to.value_or("");
    step.set_text(goal() == Step::MAIL
                      ? absl::StrCat(probe.host.name, " takes mail from ", route_.ip.id.text(),
                                     "; name a recipient to go on to RCPT")
                  : goal() == Step::RCPT ? absl::StrCat(to, " would be accepted from ",
                                                        route_.ip.id.text(), "; nothing was sent")
                                         : absl::StrCat("the message to ", to, " was accepted"));
    return step;
  }
  const Step::Kind at = EndedAt(ended);
  step.set_failed_at(at);
  const std::string& name = v1::ProbeStep::Kind_Name(at);
  step.set_text(refusal_.has_value()
                    ? absl::StrCat(name, " was refused: ", absl::StrJoin(refusal_->reply(), " "))
                : ended.detail.empty() ? absl::StrCat(name, " was the end of it")
                                       : absl::StrCat(name, " failed: ", ended.detail));
  step.set_advice(Advice(at, ended));
  return step;
}

}  // namespace crescendo::service
