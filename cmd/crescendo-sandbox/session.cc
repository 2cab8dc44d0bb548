#include "cmd/crescendo-sandbox/session.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "cmd/crescendo-sandbox/address.h"
#include "spdlog/spdlog.h"

namespace crescendo::sandbox {
namespace {

constexpr size_t kMaxCommandLine = 4096;  // RFC 5321's 512, and what extensions add.

// Commands are two words of ASCII; anything else is a syntax error.
bool HasControl(absl::string_view line) {
  for (const char c : line) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c)) && c != '\t') return true;
  }
  return false;
}

int CodeOf(absl::string_view wire) {
  int code = 0;
  return absl::SimpleAtoi(wire.substr(0, 3), &code) ? code : 0;
}

// What the ledger says of a reply.
void Answered(absl::string_view wire, LedgerRecord* record) {
  record->code = CodeOf(wire);
  record->reply =
      absl::StrReplaceAll(absl::StripSuffix(wire, "\r\n"), {{absl::string_view("\r\n"), "\n"}});
  record->outcome = record->code < 400   ? RecordOutcome::kAccepted
                    : record->code < 500 ? RecordOutcome::kTemporary
                                         : RecordOutcome::kPermanent;
  record->kept = record->outcome == RecordOutcome::kAccepted;
}

}  // namespace

Session::Session(Receiver* receiver, Ledger* ledger, const base::Clock* clock,
                 std::string source_ip, int64_t connection)
    : receiver_(receiver),
      ledger_(ledger),
      clock_(clock),
      connection_(connection),
      connected_(clock->Now().wall),
      mail_time_(connected_) {
  talk_.source_ip = std::move(source_ip);
}

Session::Step Session::Say(std::string wire) {
  if (absl::StartsWith(wire, "421")) closing_ = true;
  return Step{std::move(wire), Then::kGoOn, absl::ZeroDuration()};
}

Session::Step Session::Greet() {
  std::optional<std::string> refusal = receiver_->AtConnect(talk_, connected_);
  counted_ = !refusal.has_value();
  if (counted_) return Say(receiver_->Banner());
  LedgerRecord record = NewRecord(kPhaseConnect, "");
  record.kind = RecordKind::kConnection;
  Answered(*refusal, &record);
  Write({record});
  closing_ = true;
  return Say(*std::move(refusal));
}

Session::Step Session::TimeOut() { return Say("421 4.4.2 Timeout, closing connection\r\n"); }

void Session::TlsStarted() {
  tls_ = true;
  // RFC 3207 §4.2: what was said before is forgotten, also what was sent behind STARTTLS.
  greeted_ = false;
  inbox_.clear();
  Reset();
}

std::optional<std::string> Session::TakeLine() {
  const size_t end = inbox_.find("\r\n");
  if (end == std::string::npos) return std::nullopt;
  std::string line = inbox_.substr(0, end);
  inbox_.erase(0, end + 2);
  return line;
}

std::optional<Session::Step> Session::Next() {
  if (data_.has_value()) return DataBytes();
  const std::optional<std::string> line = TakeLine();
  if (line.has_value()) return Command(*line);
  if (inbox_.size() <= kMaxCommandLine) return std::nullopt;
  inbox_.clear();
  closing_ = true;
  return Say("500 5.5.2 Line too long\r\n");
}

std::optional<Session::Step> Session::DataBytes() {
  const size_t taken = data_->Take(inbox_);
  inbox_.erase(0, taken);
  if (drop_in_data_ && taken > 0) return Drop(kPhaseData, /*kept=*/false);
  if (!data_->done()) return std::nullopt;
  return EndOfData();
}

Session::Step Session::Command(const std::string& line) {
  unconfirmed_.clear();  // Whoever goes on has read the last reply.
  if (line.size() > kMaxCommandLine) return Say("500 5.5.2 Line too long\r\n");
  if (HasControl(line)) return Say("500 5.5.2 Syntax error\r\n");
  const absl::string_view text = line;
  const size_t space = text.find(' ');
  const std::string verb = absl::AsciiStrToUpper(text.substr(0, space));
  const absl::string_view argument =
      space == absl::string_view::npos ? "" : absl::StripAsciiWhitespace(text.substr(space));
  if (verb == "QUIT") {
    Abandon();
    closing_ = true;
    inbox_.clear();
    return Say("221 2.0.0 Bye\r\n");
  }
  if (verb == "RCPT") return Rcpt(argument);
  if (closing_) return Say("503 5.5.1 Closing connection\r\n");
  if (verb == "EHLO" || verb == "HELO") return Hello(verb, argument);
  if (verb == "MAIL") return Mail(argument);
  if (verb == "DATA") return Data(argument);
  if (verb == "STARTTLS") return StartTls(argument);
  if (verb == "RSET") {
    Abandon();
    return Say("250 2.0.0 OK\r\n");
  }
  if (verb == "NOOP") return Say("250 2.0.0 OK\r\n");
  if (verb == "VRFY") return Say("252 2.1.5 Send some mail, I will try my best\r\n");
  if (verb == "HELP") return Say("214 2.0.0 See RFC 5321\r\n");
  return Say("502 5.5.1 Unrecognized command\r\n");
}

Session::Step Session::Hello(absl::string_view verb, absl::string_view argument) {
  if (argument.empty()) return Say(absl::StrCat("501 5.5.4 ", verb, " requires a host name\r\n"));
  Abandon();
  greeted_ = true;
  extended_ = verb == "EHLO";
  talk_.helo = std::string(argument);
  const absl::string_view host = receiver_->config().sites(0).mx(0);
  if (!extended_) return Say(absl::StrCat("250 ", host, "\r\n"));
  std::string wire = absl::StrCat("250-", host, " at your service, [", talk_.source_ip, "]\r\n");
  for (const absl::string_view keyword :
       {"SIZE", "8BITMIME", "STARTTLS", "PIPELINING", "SMTPUTF8", "ENHANCEDSTATUSCODES"}) {
    if (!receiver_->Offers(keyword) || (keyword == "STARTTLS" && tls_)) continue;
    absl::StrAppend(&wire, "250-", keyword);
    if (keyword == "SIZE") absl::StrAppend(&wire, " ", receiver_->config().max_message_bytes());
    absl::StrAppend(&wire, "\r\n");
  }
  return Say(absl::StrCat(wire, "250 HELP\r\n"));
}

Session::Step Session::StartTls(absl::string_view argument) {
  if (!receiver_->Offers("STARTTLS")) return Say("502 5.5.1 Unrecognized command\r\n");
  if (tls_ || !extended_) return Say("503 5.5.1 Bad sequence of commands\r\n");
  if (!argument.empty()) return Say("501 5.5.4 STARTTLS takes no argument\r\n");
  return Step{"220 2.0.0 Ready to start TLS\r\n", Then::kStartTls, absl::ZeroDuration()};
}

std::string Session::MailParameters(const std::vector<std::string>& parameters) {
  utf8_ = false;
  for (absl::string_view parameter : parameters) {
    uint64_t size = 0;
    if (!extended_) return "555 5.5.4 MAIL parameters need EHLO\r\n";
    if (parameter == "SMTPUTF8" && receiver_->Offers("SMTPUTF8")) {
      utf8_ = true;
    } else if (absl::ConsumePrefix(&parameter, "SIZE=") && absl::SimpleAtoi(parameter, &size)) {
      if (size > receiver_->config().max_message_bytes()) {
        return "552 5.3.4 Message size exceeds fixed maximum message size\r\n";
      }
    } else if (parameter != "BODY=7BIT" && parameter != "BODY=8BITMIME") {
      return "555 5.5.4 MAIL parameter not recognized\r\n";
    }
  }
  return "";
}

Session::Step Session::Mail(absl::string_view argument) {
  if (!greeted_) return Say("503 5.5.1 EHLO/HELO first\r\n");
  if (in_mail_) return Say("503 5.5.1 Nested MAIL command\r\n");
  FlushPendingRefusal();
  if (!absl::StartsWithIgnoreCase(argument, "FROM:")) return Say("501 5.5.4 Syntax error\r\n");
  const std::optional<Path> path = ParsePath(argument.substr(5));
  if (!path.has_value()) return Say("501 5.1.7 Bad sender address syntax\r\n");
  const absl::Time now = clock_->Now().wall;
  ++talk_.mails;
  talk_.mail_from = path->address;
  mail_time_ = now;
  std::optional<std::string> refusal;
  if (std::string fault = MailParameters(path->parameters); !fault.empty()) {
    refusal = std::move(fault);
  } else if (!utf8_ && !IsAscii(path->address)) {
    refusal = "553 5.6.7 Address needs SMTPUTF8\r\n";
  } else {
    refusal = receiver_->AtMail(talk_, now);
  }
  if (!refusal.has_value()) {
    in_mail_ = true;
    return Say("250 2.1.0 OK\r\n");
  }
  LedgerRecord record = NewRecord(kPhaseMail, "");
  Answered(*refusal, &record);
  pending_refusal_ = PendingRefusal{std::move(record)};
  return Say(*std::move(refusal));
}

Session::Step Session::Rcpt(absl::string_view argument) {
  std::optional<Path> path;
  if (absl::StartsWithIgnoreCase(argument, "TO:")) path = ParsePath(argument.substr(3));
  if (pending_refusal_.has_value()) {
    if (path.has_value()) {
      pending_refusal_->record.rcpt_to = path->address;
      pending_refusal_->named = true;
      Write({pending_refusal_->record});
    }
    return Say("503 5.5.1 MAIL first\r\n");
  }
  if (!in_mail_ || closing_) return Say("503 5.5.1 MAIL first\r\n");
  if (!path.has_value() || path->address.empty() || !path->parameters.empty()) {
    return Say("501 5.1.3 Bad recipient address syntax\r\n");
  }
  Recipient recipient{path->address, ComparableAddress(path->address)};
  std::optional<std::string> refusal;
  if (!utf8_ && !IsAscii(path->address)) {
    refusal = "553 5.6.7 Address needs SMTPUTF8\r\n";
  } else if (!receiver_->Serves(DomainPart(recipient.comparable))) {
    refusal = absl::StrCat("554 5.7.1 <", path->address, ">: Relay access denied\r\n");
  } else {
    refusal = receiver_->AtRcpt(talk_, recipient.comparable, clock_->Now().wall);
  }
  if (!refusal.has_value()) {
    recipients_.push_back(std::move(recipient));
    return Say("250 2.1.5 OK\r\n");
  }
  LedgerRecord record = NewRecord(kPhaseRcpt, path->address);
  Answered(*refusal, &record);
  Write({record});
  return Say(*std::move(refusal));
}

Session::Step Session::Data(absl::string_view argument) {
  if (!argument.empty()) return Say("501 5.5.4 DATA takes no argument\r\n");
  if (!in_mail_) return Say("503 5.5.1 MAIL first\r\n");
  if (recipients_.empty()) return Say("503 5.5.1 RCPT first\r\n");
  const DataFate fate = receiver_->AtData(recipients_.front().comparable);
  if (fate == DataFate::kDropAtData) return Drop(kPhaseData, /*kept=*/false);
  drop_in_data_ = fate == DataFate::kDropInData;
  data_.emplace();
  return Say("354 Go ahead\r\n");
}

Session::Step Session::EndOfData() {
  const absl::Time now = clock_->Now().wall;
  digest_ = data_->Digest();
  const std::string& rcpt = recipients_.front().comparable;
  if (static_cast<uint64_t>(data_->size()) > receiver_->config().max_message_bytes()) {
    return RefuseAll("552 5.3.4 Message exceeded the size limit\r\n");
  }
  if (auto refusal = receiver_->AtEndOfData(talk_, rcpt, now)) {
    return RefuseAll(*std::move(refusal));
  }
  return Accept(now);
}

Session::Step Session::Accept(absl::Time now) {
  const DotFate fate = receiver_->AtDot(recipients_.front().comparable);
  if (fate.drop) return Drop(kPhaseEndOfData, fate.keep);
  std::string wire = absl::StrCat("250 2.0.0 OK queued as ", connection_, ".", talk_.mails, " - ",
                                  receiver_->config().name(), "\r\n");
  std::vector<LedgerRecord> records = RecordsOfAll(kPhaseEndOfData);
  for (LedgerRecord& record : records) {
    record.end = now + fate.slow;
    Answered(wire, &record);
  }
  // What is not on record was not accepted.
  if (!Write(records)) return RefuseAll("452 4.3.1 Insufficient system storage\r\n");
  Reset();
  unconfirmed_ = std::move(records);
  return Step{std::move(wire), Then::kGoOn, fate.slow};
}

Session::Step Session::RefuseAll(std::string wire) {
  std::vector<LedgerRecord> records = RecordsOfAll(kPhaseEndOfData);
  for (LedgerRecord& record : records) Answered(wire, &record);
  Write(records);
  Reset();
  return Say(std::move(wire));
}

void Session::LoseAll(absl::string_view phase, absl::string_view by, bool kept) {
  std::vector<LedgerRecord> records = RecordsOfAll(phase);
  for (LedgerRecord& record : records) {
    record.outcome = RecordOutcome::kDropped;
    record.dropped_by = std::string(by);
    record.kept = kept;
  }
  Write(records);
}

Session::Step Session::Drop(absl::string_view phase, bool kept) {
  LoseAll(phase, "receiver", kept);
  recipients_.clear();
  Reset();
  closing_ = true;
  inbox_.clear();
  return Step{"", Then::kDrop, absl::ZeroDuration()};
}

void Session::Abandon() {
  if (!recipients_.empty()) LoseAll(kPhaseRcpt, "sender", /*kept=*/false);
  Reset();
}

void Session::Reset() {
  FlushPendingRefusal();
  in_mail_ = utf8_ = drop_in_data_ = false;
  recipients_.clear();
  data_.reset();
  digest_.clear();
}

void Session::FlushPendingRefusal() {
  if (pending_refusal_.has_value() && !pending_refusal_->named) Write({pending_refusal_->record});
  pending_refusal_.reset();
}

void Session::Ended(absl::string_view by) {
  const absl::Time now = clock_->Now().wall;
  if (!recipients_.empty()) LoseAll(data_.has_value() ? kPhaseData : kPhaseRcpt, by, false);
  for (LedgerRecord& record : unconfirmed_) {
    record.kind = RecordKind::kUnconfirmed;
    record.end = now;
  }
  Write(unconfirmed_);
  unconfirmed_.clear();
  recipients_.clear();
  Reset();
  if (counted_) receiver_->Disconnected(talk_);
  counted_ = false;
}

LedgerRecord Session::NewRecord(absl::string_view phase, absl::string_view rcpt) const {
  LedgerRecord record;
  record.connection = connection_;
  record.number = talk_.mails;
  record.connected = connected_;
  record.start = mail_time_;
  record.end = clock_->Now().wall;
  record.provider = receiver_->config().name();
  record.source_ip = talk_.source_ip;
  record.ehlo_name = talk_.helo;
  record.mail_from = talk_.mail_from;
  record.rcpt_to = std::string(rcpt);
  record.phase = std::string(phase);
  record.tls = tls_;
  return record;
}

std::vector<LedgerRecord> Session::RecordsOfAll(absl::string_view phase) const {
  std::vector<LedgerRecord> records;
  for (const Recipient& recipient : recipients_) {
    records.push_back(NewRecord(phase, recipient.as_given));
    if (!data_.has_value()) continue;
    records.back().message_id = data_->message_id();
    records.back().size = data_->size();
    records.back().digest = digest_;
  }
  return records;
}

bool Session::Write(const std::vector<LedgerRecord>& records) {
  if (records.empty()) return true;
  const absl::Status status = ledger_->Append(records);
  if (!status.ok()) spdlog::error("{}", std::string(status.message()));
  return status.ok();
}

}  // namespace crescendo::sandbox
