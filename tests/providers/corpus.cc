#include "tests/providers/corpus.h"

#include <fstream>
#include <optional>
#include <regex>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "scheduler/base/check.h"

namespace crescendo::providers {
namespace {

std::vector<SmtpStage> StagesOf(absl::string_view text) {
  if (absl::StrContains(text, "in reply to MAIL FROM")) return {SmtpStage::kMail};
  if (absl::StrContains(text, "in reply to RCPT TO")) return {SmtpStage::kRcpt};
  if (absl::StrContains(text, "in reply to end of DATA")) return {SmtpStage::kEndOfData};
  return {SmtpStage::kRcpt, SmtpStage::kEndOfData};
}

EnhancedStatus Enhanced(const std::string& klass, const std::string& subject,
                        const std::string& detail) {
  return {std::stoi(klass), std::stoi(subject), std::stoi(detail)};
}

// A row's text, taken apart.
struct Parts {
  std::optional<int> code;
  std::vector<EnhancedStatus> enhanced;  // Two for a range; one, all zero, for none.
  std::string text;
};

Parts TakeApart(absl::string_view whole) {
  static const std::regex code_pattern(R"(^([2-5]\d\d)(?:[ :;-]|$)[ -]*)");
  static const std::regex enhanced_pattern(
      R"(^([245])\.(\d{1,3})\.(\d{1,3})(?:-(\d{3}))?(?=[ -]|$)[ -]*)");
  Parts parts;
  std::string rest(whole);
  std::smatch match;
  if (std::regex_search(rest, match, code_pattern)) {
    parts.code = std::stoi(match[1]);
    rest = match.suffix();
  }
  parts.enhanced.push_back({});
  if (std::regex_search(rest, match, enhanced_pattern)) {
    parts.enhanced = {Enhanced(match[1], match[2], match[3])};
    if (match[4].matched) parts.enhanced.push_back(Enhanced(match[1], match[2], match[4]));
    rest = match.suffix();
  }
  parts.text = rest;
  return parts;
}

std::vector<int> CodesOf(const Parts& parts) {
  if (parts.code.has_value()) return {*parts.code};
  if (parts.enhanced.front().present()) return {parts.enhanced.front().klass == 4 ? 451 : 550};
  return {451, 550};
}

}  // namespace

std::vector<CorpusRow> ReadCorpus() {
  std::ifstream in(CRESCENDO_SOURCE_DIR "/tests/testdata/replies.tsv");
  CRESCENDO_CHECK(in.good());
  std::vector<CorpusRow> rows;
  std::string line;
  std::getline(in, line);  // The heading.
  for (int number = 2; std::getline(in, line); ++number) {
    const std::vector<std::string> fields = absl::StrSplit(line, '\t');
    CRESCENDO_CHECK(fields.size() == 5);
    rows.push_back({number, fields[0], fields[1], fields[2], fields[3]});
  }
  return rows;
}

ProviderId ProviderOf(const CorpusRow& row) {
  static const auto* const kOther = new absl::flat_hash_map<std::string, std::string>{
      {"aol", "yahoo"},
      {"verizon", "yahoo"},
      {"yahoo.co.jp", "yahoo-japan"},
      {"exchange-online", "microsoft365"},
      {"web.de", "gmx"},
      {"ionos", "gmx"},
      {"mail.ru", "mailru"},
      {"rr.com", "spectrum"},
  };
  static const auto* const kOurs = new std::vector<std::string>{
      "gmail", "yahoo",    "outlook",  "apple",      "comcast",    "cox",     "spectrum",
      "att",   "gmx",      "godaddy",  "rackspace",  "orange",     "laposte", "sfr",
      "free",  "t-online", "qq",       "libero",     "btinternet", "forpsi",  "yandex",
      "zoho",  "netease",  "mimecast", "proofpoint", "barracuda",
  };
  if (const auto other = kOther->find(row.provider); other != kOther->end()) {
    return ProviderId(other->second);
  }
  for (const std::string& id : *kOurs) {
    if (id == row.provider) return ProviderId(id);
  }
  return ProviderId("default");
}

ReplyCategory CategoryOf(const CorpusRow& row) {
  using enum ReplyCategory;
  static const auto* const kCategories = new absl::flat_hash_map<std::string, ReplyCategory>{
      {"rate_limit_ip", kRateLimited},
      {"rate_limit_domain", kRateLimitedDomain},
      {"daily_quota", kDailyQuota},
      {"conn_limit", kTooManyConnections},
      {"msgs_per_conn", kMessagesPerConnection},
      {"rate_limit_recipient", kRecipientRate},
      {"greylist", kGreylisted},
      {"mailbox_full", kMailboxFull},
      {"temp_system", kTemporarySystem},
      {"recipient_unknown", kUnknownRecipient},
      {"recipient_disabled", kRecipientDisabled},
      {"size", kTooLarge},
      {"content_spam", kContent},
      {"content_policy", kContentPolicy},
      {"auth_fail", kAuthentication},
      {"dmarc", kDmarc},
      {"sender_dns", kSenderDns},
      {"ptr_dns", kReverseDns},
      {"tls_required", kTlsRequired},
      {"blocklist_public", kBlocklistPublic},
      {"blocklist_provider", kBlocklistProvider},
      {"reputation_defer", kReputationDeferral},
      {"reputation_block", kReputationBlock},
      {"relay_denied", kRelayDenied},
      {"policy_recipient", kRecipientPolicy},
      {"protocol", kProtocol},
      {"expired", kGivenUp},
      {"other_permanent", kOtherPermanent},
  };
  const auto found = kCategories->find(row.category);
  CRESCENDO_CHECK(found != kCategories->end());
  return found->second;
}

std::vector<std::string> BreakLines(absl::string_view text, size_t width) {
  std::vector<std::string> lines(1);
  for (const absl::string_view word : absl::StrSplit(text, ' ')) {
    if (!lines.back().empty() && lines.back().size() + 1 + word.size() > width)
      lines.emplace_back();
    if (!lines.back().empty()) lines.back() += ' ';
    absl::StrAppend(&lines.back(), word);
  }
  return lines;
}

std::vector<Reply> RepliesOf(absl::string_view text) {
  const Parts parts = TakeApart(text);
  std::vector<Reply> replies;
  for (const int code : CodesOf(parts)) {
    for (const EnhancedStatus& enhanced : parts.enhanced) {
      for (const SmtpStage stage : StagesOf(text)) {
        for (const size_t width : {size_t{10000}, size_t{60}, size_t{1}}) {
          replies.push_back({code, enhanced, BreakLines(parts.text, width), stage});
        }
      }
    }
  }
  return replies;
}

}  // namespace crescendo::providers
