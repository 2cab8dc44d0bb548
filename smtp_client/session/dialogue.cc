#include "smtp_client/session/dialogue.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "scheduler/base/check.h"
#include "smtp_client/wire/command.h"

namespace crescendo::smtp {
namespace {

SmtpStage StageOf(Wait wait) {
  switch (wait) {
    case Wait::kEhlo:
      return SmtpStage::kEhlo;
    case Wait::kStartTls:
      return SmtpStage::kStartTls;
    case Wait::kQuit:
      return SmtpStage::kQuit;
    default:
      return SmtpStage::kConnect;
  }
}

Wait WaitOf(SmtpStage stage) {
  switch (stage) {
    case SmtpStage::kRset:
      return Wait::kRset;
    case SmtpStage::kRcpt:
      return Wait::kRcpt;
    case SmtpStage::kData:
      return Wait::kData;
    case SmtpStage::kEndOfData:
      return Wait::kFinalDot;
    default:
      return Wait::kMail;
  }
}

bool Refuses(const Reply& reply) { return reply.temporary() || reply.permanent(); }
// It does not know the command at all.
bool Unknown(const Reply& reply) {
  return reply.code == 500 || reply.code == 502 || reply.code == 504;
}

std::string Unexpected(absl::string_view to, const Reply& reply) {
  return absl::StrCat(reply.code == 0 ? "no SMTP reply to " : "unexpected reply to ", to, ": ",
                      reply.ToString());
}

}  // namespace

absl::string_view WaitName(Wait wait) {
  switch (wait) {
    case Wait::kConnect:
      return "connect";
    case Wait::kBanner:
      return "banner";
    case Wait::kEhlo:
      return "EHLO";
    case Wait::kStartTls:
      return "STARTTLS";
    case Wait::kHandshake:
      return "TLS handshake";
    case Wait::kIdle:
      return "idle";
    case Wait::kRset:
      return "RSET";
    case Wait::kMail:
      return "MAIL";
    case Wait::kRcpt:
      return "RCPT";
    case Wait::kData:
      return "DATA";
    case Wait::kDataBlock:
      return "message";
    case Wait::kFinalDot:
      return "end of data";
    case Wait::kQuit:
      return "QUIT";
    case Wait::kNothing:
      return "nothing";
  }
  return "";
}

Dialogue::Dialogue(DialogueOptions options)
    : options_(std::move(options)),
      transcript_(options_.transcript_bytes, options_.observer.get()),
      parser_(options_.reply_limits) {
  transcript_.Note(options_.peer);
  if (options_.downgraded.empty()) return;
  tls_detail_ = options_.downgraded;
  transcript_.Note(absl::StrCat("in the clear after ", options_.downgraded));
}

void Dialogue::Connected() {
  CRESCENDO_CHECK(wait_ == Wait::kConnect);
  wait_ = Wait::kBanner;
  ++progress_;
  if (options_.observer != nullptr) options_.observer->OnConnected();
}

void Dialogue::Receive(absl::string_view bytes) {
  parser_.Feed(bytes);
  while (wait() != Wait::kNothing && wait() != Wait::kHandshake) {
    std::optional<Reply> reply = parser_.Next();
    if (!reply) return FailOnEarlyBytes();
    OnReply(*std::move(reply));
  }
}

void Dialogue::FailOnEarlyBytes() {
  // Replies are awaited no more once we have something to say: the commands of one pipelined group
  // leave together, and a body after the reply to DATA.
  if (!parser_.has_pending() || !has_output() || wait_ == Wait::kQuit) return;
  const std::string detail = absl::StrCat("a reply begun before ", WaitName(wait()));
  if (!transaction_) return Fail(detail);
  transaction_->Ended(detail);
  FinishTransaction();
}

void Dialogue::OnReply(Reply reply) {
  if (transaction_) {
    transaction_->Receive(std::move(reply));
    return FinishTransaction();
  }
  ++progress_;
  reply.stage = StageOf(wait_);
  transcript_.Received(reply);
  // What was said before our command left cannot be the answer to it.
  if (!outgoing_.empty() && wait_ != Wait::kQuit) {
    return Fail(absl::StrCat("a reply before ", WaitName(wait_), ": ", reply.ToString()));
  }
  switch (wait_) {
    case Wait::kBanner:
      return OnBanner(reply);
    case Wait::kEhlo:
      return OnEhlo(reply);
    case Wait::kStartTls:
      return OnStartTls(reply);
    case Wait::kQuit:
      return Finish();
    default:
      break;
  }
  // Unasked, between two messages: most often 421, as the server closes an idle session.
  if (!Refuses(reply)) return Fail(absl::StrCat("an unasked reply: ", reply.ToString()));
  closing_.reply = std::move(reply);
  Finish();
}

void Dialogue::OnBanner(const Reply& reply) {
  if (reply.code == 220) return SendEhlo();
  if (Refuses(reply)) return Refused(reply);
  Fail(Unexpected("connect", reply));
}

void Dialogue::SendEhlo() {
  const absl::StatusOr<std::string> line =
      helo_ ? HeloCommand(options_.ehlo_name) : EhloCommand(options_.ehlo_name);
  if (!line.ok()) {
    closing_.local_failure = true;
    return Fail(line.status().message());
  }
  SendCommand(*line, Wait::kEhlo);
}

void Dialogue::OnEhlo(const Reply& reply) {
  if (reply.code == 250) {
    offered_ = helo_ ? Capabilities() : ParseCapabilities(reply);
    offered_.chunking = offered_.chunking && options_.chunking;
    offered_.pipelining = offered_.pipelining && !options_.one_by_one;
    return DecideTls();
  }
  // RFC 5321 §3.2: an old server knows only HELO, and so no STARTTLS.
  if (reply.permanent() && !helo_ && (tls_ || !DemandsTls(options_.tls))) {
    helo_ = true;
    return SendEhlo();
  }
  closing_.tls_failed = Unknown(reply) && !tls_ && DemandsTls(options_.tls);
  if (Refuses(reply)) return Refused(reply);
  Fail(Unexpected("EHLO", reply));
}

void Dialogue::DecideTls() {
  if (tls_ || options_.tls == TlsPolicy::kNever) return Open();
  if (offered_.start_tls) return SendCommand(kStartTlsCommand, Wait::kStartTls);
  const absl::string_view fault = "the server does not offer STARTTLS";
  if (!DemandsTls(options_.tls)) {
    tls_detail_ = std::string(fault);
    return Open();
  }
  closing_.tls_failed = true;
  closing_.detail = std::string(fault);
  SayQuit();
}

void Dialogue::OnStartTls(const Reply& reply) {
  if (reply.code == 220) {
    // Sent in the clear but read as if it came through TLS: an injection (RFC 3207 §6).
    if (parser_.has_pending()) return Fail(kInjected);
    wait_ = Wait::kHandshake;
    return;
  }
  if (!Refuses(reply)) return Fail(Unexpected("STARTTLS", reply));
  if (reply.code == 421) return Refused(reply);
  if (DemandsTls(options_.tls)) {
    closing_.tls_failed = true;
    return Refused(reply);
  }
  tls_detail_ = absl::StrCat("STARTTLS refused: ", reply.ToString());
  Open();
}

void Dialogue::HandshakeDone(absl::string_view protocol) {
  CRESCENDO_CHECK(wait_ == Wait::kHandshake);
  transcript_.Note(protocol);
  tls_ = true;
  tls_detail_ = std::string(protocol);
  // RFC 3207 §4.2: what was learnt in the clear is forgotten.
  offered_ = Capabilities();
  SendEhlo();
}

void Dialogue::HandshakeFailed(absl::string_view detail) {
  CRESCENDO_CHECK(wait_ == Wait::kHandshake);
  closing_.tls_failed = true;
  Fail(detail);
}

void Dialogue::Open() {
  wait_ = Wait::kIdle;
  ++progress_;
  opening_ = std::make_shared<const std::string>(transcript_.Take());
  DialogueEvent event;
  event.kind = DialogueEvent::Kind::kOpened;
  event.opening = opening_;
  event.tls = tls_;
  event.downgraded = !options_.downgraded.empty();
  event.detail = tls_detail_;
  events_.push_back(std::move(event));
}

void Dialogue::Send(Mail mail) {
  CRESCENDO_CHECK(wait() == Wait::kIdle);
  if (++messages_ > 1) {
    transcript_.Note(absl::StrCat("message ", messages_, " of this connection"));
  }
  transaction_.emplace(std::move(mail), offered_, reset_next_, &transcript_);
  ++progress_;
  if (!transaction_->outcome()) ++mails_;
  // A server that asks for so many messages of a connection gets no MAIL more (RFC 9422).
  if (offered_.max_mails != 0 && mails_ >= offered_.max_mails) quit_wanted_ = true;
  FailOnEarlyBytes();
  if (!transaction_) return;
  FinishTransaction();
}

void Dialogue::Written() {
  if (!transaction_) return;
  transaction_->Written();
  FinishTransaction();
}

void Dialogue::WrittenInPart() {
  if (!transaction_) return;
  transaction_->WrittenInPart();
  FinishTransaction();
}

void Dialogue::FinishTransaction() {
  if (!transaction_->outcome()) return;
  DialogueEvent event;
  event.kind = DialogueEvent::Kind::kSent;
  event.outcome = *transaction_->outcome();
  event.transcript = transcript_.Take();
  event.opening = opening_;
  progress_ += transaction_->progress() + 1;
  reset_next_ = transaction_->leaves_open();
  transaction_.reset();
  const bool usable = event.outcome.usable;
  event.outcome.usable = usable && !quit_wanted_;
  if (!usable) {
    closing_.detail = event.outcome.detail;
    if (closing_.detail.empty()) {
      closing_.detail = absl::StrCat("ended with ", event.outcome.reply.ToString());
    }
  }
  events_.push_back(std::move(event));
  wait_ = Wait::kIdle;
  if (!usable) return Finish();
  if (quit_wanted_) SayQuit();
}

void Dialogue::Quit() {
  if (wait() == Wait::kNothing || wait_ == Wait::kQuit) return;
  quit_wanted_ = true;
  if (transaction_) return;
  if (wait_ == Wait::kIdle) return SayQuit();
  Fail("closed before it was ready");
}

void Dialogue::Ended(absl::string_view detail, bool local_failure) {
  if (wait() == Wait::kNothing) return;
  if (transaction_) {
    transaction_->Ended(detail);
    return FinishTransaction();
  }
  if (wait_ == Wait::kQuit) return Finish();  // Its reason is known, and it was ending anyway.
  closing_.local_failure = local_failure;
  Fail(detail);
}

bool Dialogue::has_output() const {
  return !outgoing_.empty() || (transaction_ && transaction_->has_output());
}

void Dialogue::TakeOutput(std::string* out) {
  transcript_.Sent(outgoing_);
  *out += std::exchange(outgoing_, {});
  if (transaction_) transaction_->TakeOutput(out);
}

std::optional<DialogueEvent> Dialogue::NextEvent() {
  if (events_.empty()) return std::nullopt;
  std::optional<DialogueEvent> event = std::move(events_.front());
  events_.pop_front();
  return event;
}

Wait Dialogue::wait() const {
  if (!transaction_) return wait_;
  return transaction_->writing_body() ? Wait::kDataBlock : WaitOf(transaction_->stage());
}

int Dialogue::progress() const { return progress_ + (transaction_ ? transaction_->progress() : 0); }

void Dialogue::SendCommand(absl::string_view line, Wait wait) {
  outgoing_.append(line.data(), line.size());
  wait_ = wait;
  ++progress_;
}

void Dialogue::Refused(const Reply& reply) {
  closing_.reply = reply;
  if (reply.code == 421) return Finish();
  SayQuit();
}

void Dialogue::Fail(absl::string_view detail) {
  closing_.detail = std::string(detail);
  Finish();
}

void Dialogue::SayQuit() { SendCommand(kQuitCommand, Wait::kQuit); }

void Dialogue::Finish() {
  wait_ = Wait::kNothing;
  outgoing_.clear();
  ++progress_;
  closing_.kind = DialogueEvent::Kind::kClosed;
  events_.push_back(std::move(closing_));
}

}  // namespace crescendo::smtp
