#include "tests/cli/fake_prober.h"

#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace crescendo::cli {
namespace {

Reply ReplyOf(SmtpStage stage, int code, std::vector<std::string> lines) {
  Reply reply;
  reply.code = code;
  reply.lines = std::move(lines);
  reply.stage = stage;
  return reply;
}

class FakeProber final : public ports::Prober {
 public:
  explicit FakeProber(std::function<Reply(absl::string_view)> answer)
      : answer_(std::move(answer)) {}
  ~FakeProber() override {
    for (std::thread& thread : threads_) thread.join();
  }

  std::string Forbidden(const ports::MxHost& host) const override {
    if (!absl::StartsWith(host.address, "127.")) return "";
    return absl::StrCat(
        host.name, " [", host.address,
        "] is loopback, where mail does not go unless allowed_destinations lists it");
  }

  int64_t StartProbe(ports::Probe probe, Listener listener) override {
    threads_.emplace_back([this, probe = std::move(probe),
                           listener = std::move(listener)]() mutable { Walk(probe, listener); });
    return static_cast<int64_t>(threads_.size());
  }
  void CancelProbe(int64_t) override {}

 private:
  void Walk(const ports::Probe& probe, Listener& listener) {
    ports::ProbeStep connected;
    connected.kind = ports::ProbeStep::Kind::kConnected;
    connected.took = absl::Milliseconds(12);
    listener(std::move(connected));
    const std::string ehlo = absl::StrCat("EHLO ", probe.ehlo_name);
    Say(listener, {}, ReplyOf(SmtpStage::kConnect, 220, {probe.host.name + " ESMTP"}));
    Say(listener, {ehlo},
        ReplyOf(SmtpStage::kEhlo, 250, {probe.host.name, "SIZE 157286400", "STARTTLS"}));
    Say(listener, {"STARTTLS"}, ReplyOf(SmtpStage::kStartTls, 220, {"ready"}));
    ports::ProbeStep tls;
    tls.kind = ports::ProbeStep::Kind::kTls;
    tls.took = absl::Milliseconds(12);
    tls.tls = {.protocol = "TLSv1.3",
               .cipher = "TLS_AES_256_GCM_SHA384",
               .subject = "CN = " + probe.host.name,
               .issuer = "O = Example Trust, CN = Example CA",
               .names = {probe.host.name},
               .not_before = absl::FromCivil(absl::CivilDay(2025, 12, 1), absl::UTCTimeZone()),
               .not_after = absl::FromCivil(absl::CivilDay(2026, 3, 1), absl::UTCTimeZone()),
               .chain_fault = "",
               .name_fault = ""};
    listener(std::move(tls));
    Say(listener, {ehlo}, ReplyOf(SmtpStage::kEhlo, 250, {probe.host.name, "PIPELINING"}));
    Say(listener, {absl::StrCat("MAIL FROM:<", probe.mail_from, ">")},
        ReplyOf(SmtpStage::kMail, 250, {"ok"}));
    const std::string to = probe.rcpt_to.value_or("");
    ports::ProbeStep ended;
    if (absl::StartsWith(to, "lost")) {
      ended.sent = {absl::StrCat("RCPT TO:<", to, ">")};
      ended.detail = "connection closed by the server, at RCPT";
      return listener(std::move(ended));
    }
    Reply reply = answer_(to);
    reply.stage = SmtpStage::kRcpt;
    const bool accepted = reply.positive();
    Say(listener, {absl::StrCat("RCPT TO:<", to, ">")}, std::move(reply));
    if (accepted) Say(listener, {"RSET"}, ReplyOf(SmtpStage::kRset, 250, {"ok"}));
    Say(listener, {"QUIT"}, ReplyOf(SmtpStage::kQuit, 221, {"bye"}));
    listener(std::move(ended));
  }

  static void Say(Listener& listener, std::vector<std::string> sent, Reply reply) {
    ports::ProbeStep step;
    step.kind = ports::ProbeStep::Kind::kReply;
    step.took = absl::Milliseconds(12);
    step.sent = std::move(sent);
    step.reply = std::move(reply);
    listener(std::move(step));
  }

  const std::function<Reply(absl::string_view)> answer_;
  std::vector<std::thread> threads_;  // One call at a time adds to it.
};

}  // namespace

std::unique_ptr<ports::Prober> NewFakeProber(std::function<Reply(absl::string_view)> answer) {
  return std::make_unique<FakeProber>(std::move(answer));
}

}  // namespace crescendo::cli
