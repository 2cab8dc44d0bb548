#include "cmd/crescendo-sandbox/scenario.h"

#include <algorithm>
#include <initializer_list>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "asio/ip/address.hpp"
#include "cmd/crescendo-sandbox/files.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::sandbox {
namespace {

constexpr uint32_t kDefaultConnections = 1000;
constexpr uint32_t kMaxConnections = 20000;
constexpr uint64_t kDefaultMessageBytes = 35882577;  // Gmail's.
constexpr uint64_t kMaxMessageBytes = 1u << 30;
constexpr size_t kMaxReplyLine = 510;  // RFC 5321 §4.5.3.1.5, without CRLF.
constexpr double kMaxRate = 1e9;

class FirstError final : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, google::protobuf::io::ColumnNumber column,
                const std::string& message) override {
    if (text.empty()) text = absl::StrCat("line ", line + 1, ":", column + 1, ": ", message);
  }
  std::string text;
};

// Whose field it is, for messages.
class Faults {
 public:
  explicit Faults(std::string where) : where_(std::move(where)) {}

  absl::Status Bad(absl::string_view field, absl::string_view fault) const {
    return absl::InvalidArgumentError(absl::StrCat(where_, ": ", field, ": ", fault));
  }
  absl::Status Share(absl::string_view field, double value) const {
    if (value >= 0 && value <= 1) return absl::OkStatus();  // NaN is neither.
    return Bad(field, absl::StrCat(value, " is not a share; give 0 to 1"));
  }
  absl::Status Positive(absl::string_view field, double value) const {
    if (value > 0 && value <= kMaxRate) return absl::OkStatus();
    return Bad(field, absl::StrCat(value, " is out of range; give more than 0, at most 1e9"));
  }

 private:
  const std::string where_;
};

// "421-4.7.28 text": three digits, all lines the same code, only the last with a space.
absl::Status CheckRefusal(const Faults& faults, absl::string_view field, const v1::Refusal& refusal,
                          absl::string_view classes) {
  for (int i = 0; i < refusal.lines_size(); ++i) {
    const std::string& line = refusal.lines(i);
    const bool last = i + 1 == refusal.lines_size();
    const bool shaped = line.size() >= 4 && line.size() <= kMaxReplyLine &&
                        classes.find(line[0]) != absl::string_view::npos &&
                        absl::ascii_isdigit(line[1]) && absl::ascii_isdigit(line[2]) &&
                        line[3] == (last ? ' ' : '-');
    const bool clean = line.find_first_of(std::string("\r\n\0", 3)) == std::string::npos;
    if (shaped && clean && line.compare(0, 3, refusal.lines(0), 0, 3) == 0) continue;
    return faults.Bad(field, absl::StrCat("\"", line,
                                          "\" is no reply line; write \"421-text\" for "
                                          "all lines but the last, \"421 text\" for it"));
  }
  return absl::OkStatus();
}

absl::Status Complete(const Faults& faults, absl::string_view field, v1::Refusal* refusal,
                      std::initializer_list<absl::string_view> lines,
                      absl::string_view classes = "45") {
  if (refusal->lines().empty()) {
    for (const absl::string_view line : lines) refusal->add_lines(std::string(line));
  }
  return CheckRefusal(faults, field, *refusal, classes);
}

absl::Status CompletePenalty(const Faults& faults, v1::RateLimit* rate) {
  v1::PenaltyBox* penalty = rate->mutable_penalty();
  if (penalty->strikes() == 0) return faults.Bad("rate.penalty.strikes", "give at least 1");
  RETURN_IF_ERROR(faults.Positive("rate.penalty.within_seconds", penalty->within_seconds()));
  RETURN_IF_ERROR(
      faults.Positive("rate.penalty.refuse_for_seconds", penalty->refuse_for_seconds()));
  if (penalty->phase() == v1::PHASE_UNSPECIFIED) penalty->set_phase(rate->phase());
  if (penalty->phase() != v1::CONNECT && penalty->phase() != rate->phase()) {
    return faults.Bad("rate.penalty.phase", "give CONNECT or the same as rate.phase");
  }
  if (penalty->refusal().lines().empty()) *penalty->mutable_refusal() = rate->refusal();
  return CheckRefusal(faults, "rate.penalty.refusal", penalty->refusal(), "45");
}

absl::Status CompleteGrowth(const Faults& faults, v1::RateLimit* rate) {
  v1::Growth* growth = rate->mutable_growth();
  if (growth->per_bad_day() == 0) growth->set_per_bad_day(0.7);
  if (growth->good_day_messages() == 0) growth->set_good_day_messages(1);
  if (growth->good_day_refused_share() == 0) growth->set_good_day_refused_share(0.01);
  if (!(growth->per_good_day() >= 1 && growth->per_good_day() <= 100)) {
    return faults.Bad("rate.growth.per_good_day", "give 1 to 100");
  }
  if (!(growth->per_bad_day() > 0 && growth->per_bad_day() <= 1)) {
    return faults.Bad("rate.growth.per_bad_day", "give more than 0, at most 1");
  }
  RETURN_IF_ERROR(
      faults.Share("rate.growth.good_day_refused_share", growth->good_day_refused_share()));
  return faults.Positive("rate.growth.max_per_hour", growth->max_per_hour());
}

absl::Status CheckDips(const Faults& faults, const v1::RateLimit& rate) {
  for (const v1::Dip& dip : rate.dips()) {
    if (!(dip.from_seconds() >= 0 && dip.from_seconds() <= kMaxRate)) {
      return faults.Bad("rate.dips.from_seconds", "give 0 to 1e9");
    }
    RETURN_IF_ERROR(faults.Positive("rate.dips.for_seconds", dip.for_seconds()));
    if (!(dip.factor() > 0 && dip.factor() < 1)) {
      return faults.Bad("rate.dips.factor", "give more than 0, less than 1");
    }
  }
  return absl::OkStatus();
}

absl::Status CompleteRate(const Faults& faults, v1::RateLimit* rate) {
  RETURN_IF_ERROR(faults.Positive("rate.per_hour", rate->per_hour()));
  if (rate->burst() == 0) rate->set_burst(1);
  if (!(rate->burst() >= 1 && rate->burst() <= kMaxRate)) {
    return faults.Bad("rate.burst", "give 1 to 1e9");
  }
  if (rate->phase() == v1::PHASE_UNSPECIFIED) rate->set_phase(v1::MAIL);
  if (rate->phase() != v1::MAIL && rate->phase() != v1::RCPT && rate->phase() != v1::END_OF_DATA) {
    return faults.Bad("rate.phase", "give MAIL, RCPT or END_OF_DATA");
  }
  RETURN_IF_ERROR(Complete(faults, "rate.refusal", rate->mutable_refusal(),
                           {"451 4.7.1 Messages from {ip} temporarily rate limited, slow down"}));
  if (rate->day_refusal().lines().empty()) *rate->mutable_day_refusal() = rate->refusal();
  RETURN_IF_ERROR(CheckRefusal(faults, "rate.day_refusal", rate->day_refusal(), "45"));
  if (rate->has_penalty()) RETURN_IF_ERROR(CompletePenalty(faults, rate));
  if (rate->has_growth()) RETURN_IF_ERROR(CompleteGrowth(faults, rate));
  return CheckDips(faults, *rate);
}

absl::Status CompleteMailboxes(const Faults& faults, v1::Mailboxes* boxes) {
  double sum = 0;
  for (const auto& [field, share] :
       {std::pair<const char*, double>{"unknown_share", boxes->unknown_share()},
        {"disabled_share", boxes->disabled_share()},
        {"full_share", boxes->full_share()},
        {"busy_share", boxes->busy_share()},
        {"policy_share", boxes->policy_share()}}) {
    RETURN_IF_ERROR(faults.Share(absl::StrCat("mailboxes.", field), share));
    sum += share;
  }
  if (sum > 1 + 1e-9) return faults.Bad("mailboxes", "the shares add up to more than 1");
  RETURN_IF_ERROR(faults.Share("mailboxes.full_stays_share", boxes->full_stays_share()));
  if (boxes->full_for_seconds() == 0) boxes->set_full_for_seconds(12 * 3600);
  if (boxes->busy_for_seconds() == 0) boxes->set_busy_for_seconds(3600);
  RETURN_IF_ERROR(faults.Positive("mailboxes.full_for_seconds", boxes->full_for_seconds()));
  RETURN_IF_ERROR(faults.Positive("mailboxes.busy_for_seconds", boxes->busy_for_seconds()));
  RETURN_IF_ERROR(Complete(faults, "mailboxes.unknown", boxes->mutable_unknown(),
                           {"550 5.1.1 <{rcpt}>: Recipient address rejected: User unknown"}));
  RETURN_IF_ERROR(Complete(faults, "mailboxes.disabled", boxes->mutable_disabled(),
                           {"550 5.2.1 <{rcpt}>: Mailbox disabled, not accepting messages"}));
  RETURN_IF_ERROR(Complete(faults, "mailboxes.full", boxes->mutable_full(),
                           {"452 4.2.2 <{rcpt}>: Mailbox full"}));
  RETURN_IF_ERROR(Complete(faults, "mailboxes.busy", boxes->mutable_busy(),
                           {"450 4.2.1 The user you are trying to contact is receiving mail at a "
                            "rate that prevents additional messages from being delivered"}));
  return Complete(faults, "mailboxes.policy", boxes->mutable_policy(),
                  {"550 5.7.1 Message rejected as spam by Content Filtering"});
}

absl::Status CompleteTrouble(const Faults& faults, v1::Trouble* trouble) {
  for (const auto& [field, share] :
       {std::pair<const char*, double>{"temporary_share", trouble->temporary_share()},
        {"drop_before_dot_share", trouble->drop_before_dot_share()},
        {"drop_after_dot_share", trouble->drop_after_dot_share()},
        {"keep_dropped_share", trouble->keep_dropped_share()},
        {"slow_share", trouble->slow_share()}}) {
    RETURN_IF_ERROR(faults.Share(absl::StrCat("trouble.", field), share));
  }
  if (trouble->slow_share() > 0) {
    RETURN_IF_ERROR(faults.Positive("trouble.slow_by_seconds", trouble->slow_by_seconds()));
  }
  return Complete(faults, "trouble.temporary", trouble->mutable_temporary(),
                  {"451 4.3.0 Temporary system problem, try again later"}, "4");
}

absl::Status CompleteLimits(const Faults& faults, v1::Provider* provider) {
  if (provider->has_rate()) RETURN_IF_ERROR(CompleteRate(faults, provider->mutable_rate()));
  if (provider->has_connections()) {
    v1::ConnectionLimit* limit = provider->mutable_connections();
    if (limit->per_ip() == 0) return faults.Bad("connections.per_ip", "give at least 1");
    RETURN_IF_ERROR(
        Complete(faults, "connections.refusal", limit->mutable_refusal(),
                 {"421 4.7.0 {mx} Too many concurrent connections from {ip}, closing"}));
  }
  if (provider->has_messages_per_connection()) {
    v1::MessagesPerConnection* limit = provider->mutable_messages_per_connection();
    if (limit->count() == 0) return faults.Bad("messages_per_connection.count", "give at least 1");
    RETURN_IF_ERROR(Complete(faults, "messages_per_connection.refusal", limit->mutable_refusal(),
                             {"421 4.7.0 Max message per connection reached, closing "
                              "transmission channel"}));
  }
  if (provider->has_greylist()) {
    v1::Greylist* greylist = provider->mutable_greylist();
    RETURN_IF_ERROR(faults.Positive("greylist.delay_seconds", greylist->delay_seconds()));
    if (!greylist->has_share()) greylist->set_share(1);
    RETURN_IF_ERROR(faults.Share("greylist.share", greylist->share()));
    RETURN_IF_ERROR(Complete(faults, "greylist.refusal", greylist->mutable_refusal(),
                             {"450 4.7.1 <{rcpt}>: Recipient address rejected: Greylisted, try "
                              "again later"},
                             "4"));
  }
  RETURN_IF_ERROR(CompleteMailboxes(faults, provider->mutable_mailboxes()));
  return CompleteTrouble(faults, provider->mutable_trouble());
}

absl::Status CompleteProvider(const Faults& faults, v1::Provider* provider) {
  asio::error_code error;
  const asio::ip::address address = asio::ip::make_address(provider->address(), error);
  // The sandbox must never become somebody's mail server.
  if (error || !address.is_loopback()) {
    return faults.Bad("address", absl::StrCat("\"", provider->address(),
                                              "\" is not a loopback address; give 127.x.y.z"));
  }
  if (provider->port() > 65535) return faults.Bad("port", "give 0 to 65535");
  if (provider->sites().empty()) return faults.Bad("sites", "give at least one");
  for (const v1::Site& site : provider->sites()) {
    if (site.mx().empty()) return faults.Bad("sites.mx", "give at least one host name");
    if (site.domains().empty()) return faults.Bad("sites.domains", "give at least one domain");
  }
  if (provider->banner().empty()) {
    provider->set_banner(absl::StrCat(provider->sites(0).mx(0), " ESMTP ready"));
  }
  if (provider->max_message_bytes() == 0) provider->set_max_message_bytes(kDefaultMessageBytes);
  if (provider->max_message_bytes() > kMaxMessageBytes) {
    return faults.Bad("max_message_bytes", "give at most 1073741824");
  }
  return CompleteLimits(faults, provider);
}

absl::Status CompleteScenario(v1::Scenario* scenario) {
  if (scenario->providers().empty()) {
    return absl::InvalidArgumentError("providers: give at least one");
  }
  if (scenario->max_connections() == 0) scenario->set_max_connections(kDefaultConnections);
  if (scenario->max_connections() > kMaxConnections) {
    return absl::InvalidArgumentError("max_connections: give at most 20000");
  }
  absl::flat_hash_set<std::string> names, domains;
  for (v1::Provider& provider : *scenario->mutable_providers()) {
    const Faults faults(absl::StrCat("provider \"", provider.name(), "\""));
    if (provider.name().empty()) return faults.Bad("name", "required");
    if (!names.insert(provider.name()).second) return faults.Bad("name", "used twice");
    RETURN_IF_ERROR(CompleteProvider(faults, &provider));
    for (const v1::Site& site : provider.sites()) {
      for (const std::string& domain : site.domains()) {
        if (domains.insert(domain).second) continue;
        return faults.Bad("sites.domains", absl::StrCat("\"", domain, "\" is listed twice"));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::Scenario> ParseScenario(absl::string_view text) {
  v1::Scenario scenario;
  FirstError error;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  if (!parser.ParseFromString(std::string(text), &scenario)) {
    return absl::InvalidArgumentError(error.text);
  }
  RETURN_IF_ERROR(CompleteScenario(&scenario));
  return scenario;
}

absl::StatusOr<v1::Scenario> LoadScenario(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  absl::StatusOr<v1::Scenario> scenario = ParseScenario(text);
  if (scenario.ok()) return scenario;
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", scenario.status().message()));
}

}  // namespace crescendo::sandbox
