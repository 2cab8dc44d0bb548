#include "smtp_client/session/transaction.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "smtp_client/wire/command.h"
#include "smtp_client/wire/data.h"
#include "smtp_client/wire/utf8.h"

namespace crescendo::smtp {
namespace {

// 220 and 221 answer other commands, so one of us has lost count.
bool Accepts(const Reply& reply) {
  return reply.code >= 200 && reply.code < 300 && reply.code != 220 && reply.code != 221;
}
bool Refuses(const Reply& reply) { return reply.temporary() || reply.permanent(); }

// A reply that no server gave: the message was not offered at all.
Reply OwnReply(int code, EnhancedStatus enhanced, SmtpStage stage, absl::string_view text) {
  Reply reply;
  reply.code = code;
  reply.enhanced = enhanced;
  reply.stage = stage;
  reply.lines.push_back(absl::StrCat("not sent: ", text));
  return reply;
}

MailParameters ParametersFor(const Mail& mail, const Capabilities& offered) {
  MailParameters with;
  if (offered.size && mail.extent == Mail::Extent::kMessage) with.size = mail.message.size();
  if (IsAscii(mail.from) && IsAscii(mail.to) && IsAscii(mail.message)) return with;
  with.eight_bit_mime = offered.eight_bit_mime && !IsAscii(mail.message);
  const bool text_needs_it =
      !IsAscii(mail.from) || !IsAscii(mail.to) || HeaderIsEightBit(mail.message);
  with.smtp_utf8 = offered.smtp_utf8 && text_needs_it;
  return with;
}

}  // namespace

Transaction::Transaction(Mail mail, const Capabilities& offered, bool reset_first,
                         Transcript* transcript)
    : mail_(std::move(mail)), offered_(offered), transcript_(transcript), open_(reset_first) {
  Prepare(reset_first);
}

void Transaction::Prepare(bool reset_first) {
  if (const std::optional<Reply> refusal = Refusal()) {
    transcript_->Note(refusal->ToString());
    deciding_ = *refusal;
    return Finish(SendOutcome::Result::kReply, /*usable=*/true, "");
  }
  // Refusal() has found both addresses fit for a command.
  if (reset_first) waiting_.push_back({SmtpStage::kRset, std::string(kRsetCommand)});
  waiting_.push_back(
      {SmtpStage::kMail, MailCommand(mail_.from, ParametersFor(mail_, offered_)).value()});
  if (mail_.extent != Mail::Extent::kSender) {
    waiting_.push_back({SmtpStage::kRcpt, RcptCommand(mail_.to).value()});
  }
  if (mail_.extent != Mail::Extent::kMessage) {
    waiting_.push_back({SmtpStage::kRset, std::string(kRsetCommand)});
  } else if (!offered_.chunking) {
    waiting_.push_back({SmtpStage::kData, std::string(kDataCommand)});
  }
  SendNext();
}

std::optional<Reply> Transaction::Refusal() const {
  const absl::Status from = mail_.from.empty() ? absl::OkStatus() : CheckAddress(mail_.from);
  if (!from.ok()) {
    return OwnReply(553, {5, 1, 7}, SmtpStage::kMail,
                    absl::StrCat("bad envelope sender: ", from.message()));
  }
  const absl::Status to =
      mail_.extent == Mail::Extent::kSender ? absl::OkStatus() : CheckAddress(mail_.to);
  if (!to.ok()) {
    return OwnReply(501, {5, 1, 3}, SmtpStage::kRcpt, to.message());
  }
  if (!offered_.smtp_utf8 && !IsAscii(mail_.from)) {
    return OwnReply(553, {5, 6, 7}, SmtpStage::kMail,
                    "the envelope sender is not ASCII and the server does not offer SMTPUTF8");
  }
  if (!offered_.smtp_utf8 && !IsAscii(mail_.to)) {
    return OwnReply(553, {5, 6, 7}, SmtpStage::kRcpt,
                    "the address is not ASCII and the server does not offer SMTPUTF8");
  }
  if (!offered_.smtp_utf8 && HeaderIsEightBit(mail_.message)) {
    return OwnReply(554, {5, 6, 7}, SmtpStage::kMail,
                    "the message's header is not ASCII and the server does not offer SMTPUTF8");
  }
  if (!offered_.eight_bit_mime && !IsAscii(mail_.message)) {
    return OwnReply(554, {5, 6, 3}, SmtpStage::kMail,
                    "the message has 8-bit text and the server does not offer 8BITMIME");
  }
  if (offered_.max_message_bytes != 0 && mail_.message.size() > offered_.max_message_bytes) {
    return OwnReply(552, {5, 3, 4}, SmtpStage::kMail,
                    absl::StrCat("the message is ", mail_.message.size(),
                                 " bytes long and the server takes ", offered_.max_message_bytes));
  }
  return std::nullopt;
}

void Transaction::SendNext() {
  if (waiting_.empty() && offered_.chunking && body_ == Body::kNone &&
      mail_.extent == Mail::Extent::kMessage) {
    return OfferBody();
  }
  do {
    if (waiting_.empty()) return;
    awaited_.push_back(waiting_.front().stage);
    outgoing_ += waiting_.front().line;
    waiting_.pop_front();
  } while (offered_.pipelining);
}

void Transaction::OfferBody() {
  body_ = Body::kReady;
  awaited_.push_back(SmtpStage::kEndOfData);
}

void Transaction::TakeOutput(std::string* out) {
  transcript_->Sent(outgoing_);
  if (out->empty()) {
    *out = std::move(outgoing_);
  } else {
    *out += outgoing_;
  }
  outgoing_.clear();
  if (body_ != Body::kReady) return;
  body_ = Body::kTaken;
  (offered_.chunking ? AppendLastChunk : AppendData)(mail_.message, out);
  transcript_->Body(mail_.message.size(), offered_.chunking ? "by BDAT" : "then a dot");
  mail_.message = std::string();
}

void Transaction::Written() {
  ++progress_;
  if (body_ != Body::kTaken) return;
  body_ = Body::kWritten;
  if (early_) OnEndOfData(*std::exchange(early_, std::nullopt));
}

void Transaction::WrittenInPart() {
  if (early_) Break("a reply before the", *early_);
}

void Transaction::Receive(Reply reply) {
  ++progress_;
  reply.stage = stage();
  transcript_->Received(reply);
  if (reply.code == 421) {  // Allowed at any time (RFC 5321 §3.8), asked for or not.
    Decide(reply);
    return Finish(SendOutcome::Result::kReply, /*usable=*/false, "");
  }
  if (reply.code == 0) return Break("no SMTP reply to", reply);
  if (awaited_.empty() || has_output()) return Break("a reply before", reply);
  awaited_.pop_front();
  Dispatch(reply);
  if (outcome_ || !awaited_.empty()) return;
  if (deciding_) return Finish(SendOutcome::Result::kReply, /*usable=*/true, "");
  SendNext();
}

void Transaction::Dispatch(const Reply& reply) {
  switch (reply.stage) {
    case SmtpStage::kData:
      return OnData(reply);
    case SmtpStage::kEndOfData:
      return OnEndOfData(reply);
    case SmtpStage::kRset:
      // A refused RSET says nothing about this message, so it must not bounce it.
      if (!Accepts(reply)) return Break("unexpected reply to", reply);
      open_ = false;
      if (mail_accepted_) Decide(reply);  // It goes no further.
      return;
    default:
      if (Refuses(reply)) return Decide(reply);
      if (!Accepts(reply)) return Break("unexpected reply to", reply);
      (reply.stage == SmtpStage::kMail ? mail_accepted_ : rcpt_accepted_) = true;
      open_ = true;
  }
}

void Transaction::OnData(const Reply& reply) {
  if (Refuses(reply)) return Decide(reply);
  if (reply.code != 354) return Break("unexpected reply to", reply);
  if (mail_accepted_ && rcpt_accepted_) return OfferBody();
  if (!rcpt_accepted_) {
    // It took a DATA that was sent before the refusal was known; nobody gets an empty message.
    lone_dot_ = true;
    outgoing_ = ".\r\n";
  } else {
    // Whatever a dot would deliver here, and to whom, we do not want it.
    return Finish(SendOutcome::Result::kReply, /*usable=*/false, "");
  }
  awaited_.push_back(SmtpStage::kEndOfData);
}

void Transaction::OnEndOfData(const Reply& reply) {
  if (!Accepts(reply) && !Refuses(reply)) return Break("unexpected reply to", reply);
  if (lone_dot_) {
    open_ = false;
    return;
  }
  if (body_ != Body::kWritten && Accepts(reply)) {
    // The news that the last bytes left may be behind the reply to them; but not behind two.
    if (early_) return Break("a second reply to", reply);
    early_ = reply;
    awaited_.push_back(SmtpStage::kEndOfData);
    return;
  }
  Decide(reply);
  // After a BDAT that failed only RSET makes the state certain (RFC 3030 §2).
  open_ = offered_.chunking && Refuses(reply);
  // Refused in the middle of the body: the rest of it would be read as commands.
  Finish(SendOutcome::Result::kReply, /*usable=*/body_ == Body::kWritten, "");
}

void Transaction::Decide(const Reply& reply) {
  if (!deciding_) deciding_ = reply;
}

void Transaction::Break(absl::string_view what, const Reply& reply) {
  Ended(absl::StrCat(what, " ", SmtpStageName(reply.stage), ": ", reply.ToString()));
}

void Transaction::Ended(absl::string_view detail) {
  if (outcome_) return;
  transcript_->Note(detail);
  if (deciding_) return Finish(SendOutcome::Result::kReply, /*usable=*/false, detail);
  const bool dot_left = body_ == Body::kWritten || early_.has_value();
  Finish(dot_left ? SendOutcome::Result::kInDoubt : SendOutcome::Result::kNotTransferred,
         /*usable=*/false, detail);
}

void Transaction::Finish(SendOutcome::Result result, bool usable, absl::string_view detail) {
  outcome_.emplace();
  outcome_->result = result;
  if (result == SendOutcome::Result::kReply) outcome_->reply = *std::move(deciding_);
  outcome_->detail = std::string(detail);
  outcome_->usable = usable;
}

SmtpStage Transaction::stage() const {
  return awaited_.empty() ? SmtpStage::kMail : awaited_.front();
}

}  // namespace crescendo::smtp
