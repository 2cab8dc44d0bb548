#include "scheduler/providers/provider_parser.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "crescendo/config/v1/provider.pb.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::providers {
namespace {

namespace config = ::crescendo::config::v1;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::TextFormat;

constexpr int kMaxStopMinutes = 7 * 24 * 60;
constexpr double kMaxRatePerHour = 1e9;

// The line, from 0, on which `token` last stands at or before `line`; `line` if it does not.
int LineOfToken(absl::string_view text, absl::string_view token, int line) {
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  for (int i = std::min<int>(line, static_cast<int>(lines.size()) - 1); i >= 0; --i) {
    if (absl::StrContains(lines[i], token)) return i;
  }
  return line;
}

// Keeps the first complaint of the text parser.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  FirstError(const std::string& file, absl::string_view text) : file_(file), text_(text) {}

  void AddError(int line, int /*column*/, const std::string& message) override {
    if (!error_.empty()) return;
    // The parser finds an enum's value unknown only when it stands at the next token.
    const std::vector<absl::string_view> quoted = absl::StrSplit(message, '"');
    if (absl::StartsWith(message, "Unknown enumeration value") && quoted.size() > 1) {
      line = LineOfToken(text_, quoted[1], line);
    }
    error_ = absl::StrCat(file_, ":", line + 1, ": ", message);
  }
  const std::string& error() const { return error_; }

 private:
  const std::string file_;
  const absl::string_view text_;
  std::string error_;
};

// Finds the line of a field of one message.
class Lines {
 public:
  Lines(const std::string& file, const Message& message, const TextFormat::ParseInfoTree* tree,
        int line)
      : file_(file), message_(message), tree_(tree), line_(line) {}

  // "gmail.textproto:12"; the message's own line if the field is not given.
  std::string Of(absl::string_view field, int index = -1) const {
    const FieldDescriptor* descriptor = Descriptor(field);
    if (descriptor->is_repeated() && index < 0) index = 0;
    const int line = tree_->GetLocation(descriptor, index).line;
    return absl::StrCat(file_, ":", (line < 0 ? line_ : line) + 1);
  }
  absl::Status Fault(absl::string_view field, absl::string_view fault, int index = -1) const {
    return absl::InvalidArgumentError(absl::StrCat(Of(field, index), ": ", field, ": ", fault));
  }
  Lines Nested(absl::string_view field, const Message& message, int index) const {
    const FieldDescriptor* descriptor = Descriptor(field);
    return Lines(file_, message, tree_->GetTreeForNested(descriptor, index),
                 tree_->GetLocation(descriptor, index).line);
  }

 private:
  const FieldDescriptor* Descriptor(absl::string_view field) const {
    return message_.GetDescriptor()->FindFieldByName(std::string(field));
  }

  const std::string file_;
  const Message& message_;
  const TextFormat::ParseInfoTree* tree_;
  const int line_;
};

template <class T>
absl::Status CheckRange(const Lines& lines, absl::string_view field, T value, T low, T high) {
  if (low <= value && value <= high) return absl::OkStatus();
  return lines.Fault(field, absl::StrCat("must be in [", low, ", ", high, "], is ", value));
}

absl::Status CheckRate(const Lines& lines, absl::string_view field, double value) {
  if (std::isfinite(value) && value > 0 && value <= kMaxRatePerHour) return absl::OkStatus();
  return lines.Fault(field, absl::StrCat("must be above 0 and at most 1e9, is ", value));
}

absl::Status CheckRequired(const Lines& lines, absl::string_view field, const std::string& value) {
  return value.empty() ? lines.Fault(field, "required") : absl::OkStatus();
}

// --- The provider -------------------------------------------------------------------------------

std::string SuffixFault(absl::string_view suffix) {
  if (suffix.empty() || suffix == ".") return "must not be empty";
  if (absl::EndsWith(suffix, ".")) return "must not end in a dot";
  if (!absl::StrContains(suffix.substr(1), ".")) return "must have at least two labels";
  if (absl::StrContains(suffix, "..")) return "has an empty label";
  for (const char c : suffix) {
    if (absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '.' || c == '-') continue;
    return absl::StrCat("must be of [a-z0-9.-], has '", absl::string_view(&c, 1), "'");
  }
  return "";
}

absl::Status CheckIdentity(const config::Provider& proto, const Lines& lines) {
  if (const std::string fault = LabelFault(proto.id()); !fault.empty())
    return lines.Fault("id", fault);
  RETURN_IF_ERROR(CheckRequired(lines, "display_name", proto.display_name()));
  RETURN_IF_ERROR(CheckRequired(lines, "source", proto.source()));
  const bool is_default = proto.id() == "default";
  if (is_default && proto.mx_suffix_size() > 0) {
    return lines.Fault("mx_suffix", "`default` stands for what no suffix matches: it has none");
  }
  if (!is_default && proto.mx_suffix_size() == 0) return lines.Fault("mx_suffix", "required");
  for (int i = 0; i < proto.mx_suffix_size(); ++i) {
    const std::string fault = SuffixFault(proto.mx_suffix(i));
    if (!fault.empty()) {
      return lines.Fault("mx_suffix", absl::StrCat("\"", proto.mx_suffix(i), "\" ", fault), i);
    }
  }
  return absl::OkStatus();
}

TlsPolicy ToTlsPolicy(config::Provider::Tls tls) {
  switch (tls) {
    case config::Provider::REQUIRED:
      return TlsPolicy::kRequired;
    case config::Provider::VERIFIED:
      return TlsPolicy::kVerified;
    case config::Provider::NEVER:
      return TlsPolicy::kNever;
    default:
      return TlsPolicy::kOpportunistic;
  }
}

// Each figure that is given must make sense; a zero is never "no limit", leaving it out is.
absl::Status ReadFigures(const config::Provider& proto, const Lines& lines,
                         ParsedProvider& parsed) {
  Provider& provider = parsed.provider;
  if ((parsed.has_max_connections = proto.has_max_connections_per_ip())) {
    provider.max_connections_per_ip = proto.max_connections_per_ip();
    RETURN_IF_ERROR(
        CheckRange(lines, "max_connections_per_ip", proto.max_connections_per_ip(), 1, 1000));
  }
  if ((parsed.has_messages_per_connection = proto.has_messages_per_connection())) {
    provider.messages_per_connection = proto.messages_per_connection();
    RETURN_IF_ERROR(
        CheckRange(lines, "messages_per_connection", proto.messages_per_connection(), 1, 100000));
  }
  if (proto.has_lane_rate_per_hour()) {
    provider.lane_rate_per_hour = proto.lane_rate_per_hour();
    RETURN_IF_ERROR(CheckRate(lines, "lane_rate_per_hour", proto.lane_rate_per_hour()));
  }
  if (proto.has_provider_rate_per_hour()) {
    provider.provider_rate_per_hour = proto.provider_rate_per_hour();
    RETURN_IF_ERROR(CheckRate(lines, "provider_rate_per_hour", proto.provider_rate_per_hour()));
  }
  if (proto.has_warming_daily_cap()) {
    provider.warming_daily_cap = proto.warming_daily_cap();
    RETURN_IF_ERROR(
        CheckRange<int64_t>(lines, "warming_daily_cap", proto.warming_daily_cap(), 1, 10000000));
  }
  if ((parsed.has_rate_limit_stop = proto.has_rate_limit_stop_minutes())) {
    provider.rate_limit_stop = absl::Minutes(proto.rate_limit_stop_minutes());
    RETURN_IF_ERROR(CheckRange(lines, "rate_limit_stop_minutes", proto.rate_limit_stop_minutes(), 1,
                               kMaxStopMinutes));
  }
  if ((parsed.has_block_stop = proto.has_block_stop_minutes())) {
    provider.block_stop = absl::Minutes(proto.block_stop_minutes());
    RETURN_IF_ERROR(
        CheckRange(lines, "block_stop_minutes", proto.block_stop_minutes(), 1, kMaxStopMinutes));
  }
  provider.tls = ToTlsPolicy(proto.tls());
  return absl::OkStatus();
}

// --- Its rules ----------------------------------------------------------------------------------

// The schema's enums are spelt as the domain's codes and in its order; a test holds them together.
ReplyCategory ToCategory(config::ReplyRule::Category category) {
  return static_cast<ReplyCategory>(static_cast<int>(category));
}

std::optional<ReplyScope> ToScope(config::ReplyRule::Scope scope) {
  if (scope == config::ReplyRule::SCOPE_UNSPECIFIED) return std::nullopt;
  return static_cast<ReplyScope>(static_cast<int>(scope));
}

std::optional<Disposition> ToDisposition(config::ReplyRule::Disposition disposition) {
  if (disposition == config::ReplyRule::DISPOSITION_UNSPECIFIED) return std::nullopt;
  return static_cast<Disposition>(static_cast<int>(disposition));
}

absl::Status ReadConditions(const config::ReplyRule& proto, const Lines& lines, ReplyRule& rule) {
  rule.match.assign(proto.match().begin(), proto.match().end());
  for (int i = 0; i < proto.code_size(); ++i) {
    const std::optional<CodeRange> range = ParseCodeRange(proto.code(i));
    if (!range.has_value()) {
      return lines.Fault("code",
                         absl::StrCat("\"", proto.code(i), "\" is not like 421, 45z or 4yz"), i);
    }
    rule.codes.push_back(*range);
  }
  for (int i = 0; i < proto.enhanced_size(); ++i) {
    const std::optional<EnhancedPattern> pattern = ParseEnhancedPattern(proto.enhanced(i));
    if (!pattern.has_value()) {
      return lines.Fault("enhanced",
                         absl::StrCat("\"", proto.enhanced(i),
                                      "\" is not like 4.7.28, x.1.1, 5.7.x or 4.7.500-699"),
                         i);
    }
    rule.enhanced.push_back(*pattern);
  }
  for (int i = 0; i < proto.stage_size(); ++i) {
    if (proto.stage(i) == config::ReplyRule::STAGE_UNSPECIFIED) {
      return lines.Fault("stage", "must not be STAGE_UNSPECIFIED", i);
    }
    rule.stages.push_back(static_cast<SmtpStage>(static_cast<int>(proto.stage(i)) - 1));
  }
  return absl::OkStatus();
}

absl::StatusOr<ReplyRule> ReadRule(const config::ReplyRule& proto, const std::string& provider,
                                   const Lines& lines) {
  if (const std::string fault = LabelFault(proto.name()); !fault.empty())
    return lines.Fault("name", fault);
  if (proto.category() == config::ReplyRule::CATEGORY_UNSPECIFIED) {
    return lines.Fault("category", absl::StrCat("required: rule ", proto.name(), " has none"));
  }
  ReplyRule rule;
  rule.name = absl::StrCat(provider, "/", proto.name());
  rule.origin = lines.Of("name");
  RETURN_IF_ERROR(ReadConditions(proto, lines, rule));
  rule.category = ToCategory(proto.category());
  rule.scope = ToScope(proto.scope());
  rule.disposition = ToDisposition(proto.disposition());
  if (proto.has_suppress()) rule.suppress = proto.suppress();
  if (proto.has_alert()) rule.alert = proto.alert();
  if (proto.has_stop_minutes()) {
    RETURN_IF_ERROR(CheckRange(lines, "stop_minutes", proto.stop_minutes(), 1, kMaxStopMinutes));
    rule.stop_for = absl::Minutes(proto.stop_minutes());
  }
  rule.hint = proto.hint();
  return rule;
}

}  // namespace

absl::StatusOr<ParsedProvider> ParseProvider(const std::string& file, const std::string& text) {
  config::Provider proto;
  TextFormat::ParseInfoTree tree;
  TextFormat::Parser parser;
  FirstError error(file, text);
  parser.RecordErrorsTo(&error);
  parser.WriteLocationsTo(&tree);
  if (!parser.ParseFromString(text, &proto)) return absl::InvalidArgumentError(error.error());

  const Lines lines(file, proto, &tree, 0);
  RETURN_IF_ERROR(CheckIdentity(proto, lines));
  ParsedProvider parsed;
  parsed.provider.id = ProviderId(proto.id());
  parsed.provider.display_name = proto.display_name();
  parsed.provider.mx_suffixes.assign(proto.mx_suffix().begin(), proto.mx_suffix().end());
  parsed.provider.source = proto.source();
  RETURN_IF_ERROR(ReadFigures(proto, lines, parsed));
  parsed.rules.provider = parsed.provider.id;
  parsed.rules.rules_of = ProviderId(proto.rules_of());
  for (int i = 0; i < proto.rules_size(); ++i) {
    ASSIGN_OR_RETURN(ReplyRule rule, ReadRule(proto.rules(i), proto.id(),
                                              lines.Nested("rules", proto.rules(i), i)));
    parsed.rules.rules.push_back(std::move(rule));
  }
  parsed.origin_of_id = lines.Of("id");
  parsed.origin_of_suffixes = lines.Of("mx_suffix");
  parsed.rules.origin = lines.Of("rules_of");
  return parsed;
}

}  // namespace crescendo::providers
