#include "cmd/crescendo-sandbox/receiver.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "cmd/crescendo-sandbox/address.h"
#include "cmd/crescendo-sandbox/chance.h"
#include "cmd/crescendo-sandbox/mailbox.h"

namespace crescendo::sandbox {

Receiver::Receiver(const v1::Provider& config, uint64_t seed) : config_(config), seed_(seed) {}

bool Receiver::Offers(absl::string_view keyword) const {
  for (const std::string& withheld : config_.without()) {
    if (keyword == withheld) return false;
  }
  return true;
}

bool Receiver::Serves(absl::string_view domain) const {
  for (const v1::Site& site : config_.sites()) {
    for (const std::string& ours : site.domains()) {
      if (domain == ours) return true;
    }
  }
  return false;
}

std::string Receiver::Banner() const { return absl::StrCat("220 ", config_.banner(), "\r\n"); }

std::string Receiver::Fill(const v1::Refusal& refusal, const Talk& talk,
                           absl::string_view rcpt) const {
  std::string wire;
  for (const std::string& line : refusal.lines()) {
    absl::StrAppend(&wire,
                    absl::StrReplaceAll(line, {{"{ip}", talk.source_ip},
                                               {"{helo}", talk.helo},
                                               {"{mx}", config_.sites(0).mx(0)},
                                               {"{domain}", DomainPart(talk.mail_from)},
                                               {"{rcpt}", rcpt}}),
                    "\r\n");
  }
  return wire;
}

SourceLimits& Receiver::LimitsOf(const std::string& source_ip, absl::Time now) {
  return limits_.try_emplace(source_ip, config_.rate(), now).first->second;
}

std::optional<std::string> Receiver::RateRefusal(const Talk& talk, absl::string_view rcpt,
                                                 v1::Phase phase, absl::Time now) {
  if (!config_.has_rate() || config_.rate().phase() != phase) return std::nullopt;
  switch (LimitsOf(talk.source_ip, now).Take(now)) {
    case SourceLimits::Ruling::kPass:
      return std::nullopt;
    case SourceLimits::Ruling::kRate:
      return Fill(config_.rate().refusal(), talk, rcpt);
    case SourceLimits::Ruling::kDay:
      return Fill(config_.rate().day_refusal(), talk, rcpt);
    case SourceLimits::Ruling::kPenalty:
      break;
  }
  // A text for the banner does not fit an open connection.
  const v1::PenaltyBox& penalty = config_.rate().penalty();
  return Fill(penalty.phase() == v1::CONNECT ? config_.rate().refusal() : penalty.refusal(), talk,
              rcpt);
}

std::optional<std::string> Receiver::AtConnect(const Talk& talk, absl::Time now) {
  if (config_.has_rate() && LimitsOf(talk.source_ip, now).RefusesConnection(now)) {
    return Fill(config_.rate().penalty().refusal(), talk, "");
  }
  uint32_t& open = open_[talk.source_ip];
  if (config_.has_connections() && open >= config_.connections().per_ip()) {
    return Fill(config_.connections().refusal(), talk, "");
  }
  ++open;
  return std::nullopt;
}

void Receiver::Disconnected(const Talk& talk) {
  const auto found = open_.find(talk.source_ip);
  if (found != open_.end() && --found->second == 0) open_.erase(found);
}

std::optional<std::string> Receiver::AtMail(const Talk& talk, absl::Time now) {
  if (config_.has_messages_per_connection() &&
      talk.mails > config_.messages_per_connection().count()) {
    return Fill(config_.messages_per_connection().refusal(), talk, "");
  }
  return RateRefusal(talk, "", v1::MAIL, now);
}

std::optional<std::string> Receiver::Grey(const Talk& talk, absl::string_view rcpt,
                                          absl::Time now) {
  if (!config_.has_greylist()) return std::nullopt;
  const v1::Greylist& greylist = config_.greylist();
  if (Chance(seed_, "greylisted", rcpt) >= greylist.share()) return std::nullopt;
  const std::string triplet = absl::StrCat(talk.source_ip, " ", talk.mail_from, " ", rcpt);
  const absl::Time first = grey_.try_emplace(triplet, now).first->second;
  if (now - first >= absl::Seconds(greylist.delay_seconds())) return std::nullopt;
  return Fill(greylist.refusal(), talk, rcpt);
}

std::optional<std::string> Receiver::AtRcpt(const Talk& talk, absl::string_view rcpt,
                                            absl::Time now) {
  Address& address = addresses_.try_emplace(std::string(rcpt), Address{now}).first->second;
  ++address.attempts;
  if (auto refusal = RateRefusal(talk, rcpt, v1::RCPT, now)) return refusal;
  const v1::Mailboxes& mailboxes = config_.mailboxes();
  const Fate fate = FateOf(rcpt, mailboxes, seed_);
  if (fate == Fate::kUnknown) return Fill(mailboxes.unknown(), talk, rcpt);
  if (fate == Fate::kDisabled) return Fill(mailboxes.disabled(), talk, rcpt);
  if (auto refusal = Grey(talk, rcpt, now)) return refusal;
  if (!Refuses(fate, mailboxes, address.first_seen, now)) return std::nullopt;
  if (fate == Fate::kBusy) return Fill(mailboxes.busy(), talk, rcpt);
  if (fate != Fate::kPolicy) return Fill(mailboxes.full(), talk, rcpt);
  return std::nullopt;  // Policy speaks after the data.
}

double Receiver::AttemptChance(absl::string_view about, absl::string_view rcpt) const {
  const auto found = addresses_.find(rcpt);
  return Chance(seed_, about, rcpt, found == addresses_.end() ? 0 : found->second.attempts);
}

DataFate Receiver::AtData(absl::string_view rcpt) {
  const double share = config_.trouble().drop_before_dot_share();
  const double draw = AttemptChance("drop before dot", rcpt);
  if (draw >= share) return DataFate::kGoOn;
  return draw < share / 2 ? DataFate::kDropAtData : DataFate::kDropInData;
}

std::optional<std::string> Receiver::AtEndOfData(const Talk& talk, absl::string_view rcpt,
                                                 absl::Time now) {
  if (auto refusal = RateRefusal(talk, rcpt, v1::END_OF_DATA, now)) return refusal;
  if (FateOf(rcpt, config_.mailboxes(), seed_) == Fate::kPolicy) {
    return Fill(config_.mailboxes().policy(), talk, rcpt);
  }
  if (AttemptChance("temporary", rcpt) < config_.trouble().temporary_share()) {
    return Fill(config_.trouble().temporary(), talk, rcpt);
  }
  return std::nullopt;
}

DotFate Receiver::AtDot(absl::string_view rcpt) {
  const v1::Trouble& trouble = config_.trouble();
  DotFate fate;
  fate.drop = AttemptChance("drop after dot", rcpt) < trouble.drop_after_dot_share();
  fate.keep = fate.drop && AttemptChance("keep dropped", rcpt) < trouble.keep_dropped_share();
  if (AttemptChance("slow", rcpt) < trouble.slow_share()) {
    fate.slow = absl::Seconds(trouble.slow_by_seconds());
  }
  return fate;
}

}  // namespace crescendo::sandbox
