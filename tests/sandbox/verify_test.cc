// The verifier: good evidence passes, and each planted violation is found and named.
#include "cmd/crescendo-sandbox/verify.h"

#include <functional>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "cmd/crescendo-sandbox/files.h"
#include "cmd/crescendo-sandbox/ledger.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/sandbox/support.h"

namespace crescendo::sandbox {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Four recipients of gmail, best first, one of them unknown; one of yahoo, greylisted once. Two
// days, two addresses.
struct Evidence {
  std::vector<LedgerRecord> ledger;
  std::string recipients =
      "email,last_click_time,click_count\n"
      "best@gmail.com,2025-12-31T00:00:00Z,9\n"
      "good@gmail.com,2025-12-20T00:00:00Z,4\n"
      "fair@gmail.com,2025-11-20T00:00:00Z,1\n"
      "cold@gmail.com,,0\n"
      "lone@yahoo.com,2025-12-01T00:00:00Z,1\n";
  std::string days =
      R"({"egress_ip":"mta1-a","address":"127.0.10.1","day":"2026-01-01","cap":2,"provider_caps":{"gmail":2}})"
      "\n"
      R"({"egress_ip":"mta1-a","address":"127.0.10.1","day":"2026-01-02","cap":2})"
      "\n"
      R"({"egress_ip":"mta1-b","address":"127.0.10.2","day":"2026-01-02","cap":200})"
      "\n";
  std::string deliveries = R"({"address":"best@gmail.com","state":"ACCEPTED"})"
                           "\n"
                           R"({"address":"good@gmail.com","state":"BOUNCED"})"
                           "\n"
                           R"({"address":"fair@GMAIL.com","state":"ACCEPTED"})"
                           "\n"
                           R"({"address":"cold@gmail.com","state":"ACCEPTED"})"
                           "\n"
                           R"({"address":"lone@yahoo.com","state":"ACCEPTED"})"
                           "\n";
};

// A transaction of one second on its own connection, `after` the start of 2026.
LedgerRecord At(absl::Duration after, absl::string_view rcpt, RecordOutcome outcome,
                const char* source_ip = kIpA) {
  LedgerRecord record;
  record.connected = record.start = StartTime() + after;
  record.end = record.start + absl::Seconds(1);
  record.number = 1;
  record.source_ip = source_ip;
  record.rcpt_to = std::string(rcpt);
  record.provider = absl::EndsWith(rcpt, "@gmail.com") ? "gmail" : "yahoo";
  record.outcome = outcome;
  record.kept = outcome == RecordOutcome::kAccepted;
  record.phase = std::string(outcome == RecordOutcome::kPermanent ? kPhaseRcpt : kPhaseEndOfData);
  record.message_id = absl::StrCat("<", rcpt, ">");
  record.digest = "00";
  return record;
}

Evidence Good() {
  Evidence evidence;
  evidence.ledger = {
      At(absl::Hours(1), "best@gmail.com", RecordOutcome::kAccepted),
      At(absl::Hours(2), "good@gmail.com", RecordOutcome::kPermanent),
      At(absl::Hours(3), "lone@yahoo.com", RecordOutcome::kTemporary),
      At(absl::Hours(25), "fair@gmail.com", RecordOutcome::kAccepted),
      At(absl::Hours(26), "lone@yahoo.com", RecordOutcome::kAccepted),
      At(absl::Hours(27), "cold@gmail.com", RecordOutcome::kAccepted, kIpB),
  };
  return evidence;
}

struct Result {
  bool holds = false;
  std::string text;
};

absl::StatusOr<Result> Judge(const Evidence& evidence, bool allow_incomplete = false,
                             bool json = false, const std::string& order_slack = "0s") {
  TempFolder folder;
  VerifyOptions options;
  options.ledger_path = folder.File("ledger.jsonl");
  options.recipients_path = folder.File("recipients.csv");
  options.days_path = folder.File("days.jsonl");
  options.deliveries_path = folder.File("deliveries.jsonl");
  options.allow_incomplete = allow_incomplete;
  options.json = json;
  options.order_slack = order_slack;
  EXPECT_TRUE(Ledger::Open(options.ledger_path).value()->Append(evidence.ledger).ok());
  EXPECT_TRUE(ReplaceFile(options.recipients_path, evidence.recipients).ok());
  EXPECT_TRUE(ReplaceFile(options.days_path, evidence.days).ok());
  EXPECT_TRUE(ReplaceFile(options.deliveries_path, evidence.deliveries).ok());
  std::ostringstream out;
  const absl::StatusOr<bool> holds = Verify(options, out);
  if (!holds.ok()) return holds.status();
  return Result{*holds, out.str()};
}

TEST(Verify, GoodEvidenceHolds) {
  const Result result = Judge(Good()).value();
  EXPECT_TRUE(result.holds) << result.text;
  EXPECT_EQ(
      result.text,
      "DAY         IP                            CAP  ACCEPTED  REFUSED  DEFERRED IN DOUBT   USED\n"
      "2026-01-01  mta1-a 127.0.10.1               2         1        1         1        0   100%\n"
      "2026-01-02  mta1-a 127.0.10.1               2         2        0         0        0   100%\n"
      "2026-01-02  mta1-b 127.0.10.2             200         1        0         0        0     0%\n"
      "\n"
      "LAW        RESULT   CHECKED VIOLATIONS  NOTE\n"
      "cap        PASS           4          0\n"
      "once       PASS           5          0  0 in-doubt events, 0 second copies\n"
      "accounted  PASS           5          0  ACCEPTED 4, BOUNCED 1\n"
      "order      PASS           5          0  3 lanes\n");
}

TEST(Verify, SaysTheSameInJson) {
  const Result result = Judge(Good(), false, /*json=*/true).value();
  const nlohmann::json json = nlohmann::json::parse(result.text);
  EXPECT_EQ(json["ok"], true);
  EXPECT_EQ(json["laws"]["order"]["checked"], 5);
  EXPECT_EQ(json["days"][0]["cap"], 2);
  EXPECT_EQ(json["days"][0]["used_at"]["gmail"], 2);
}

struct Planted {
  const char* name;
  const char* law;
  const char* says;
  std::function<void(Evidence*)> plant;
};

std::vector<Planted> AllPlanted() {
  const auto replace = [](std::string* text, absl::string_view from, absl::string_view to) {
    ASSERT_THAT(*text, HasSubstr(std::string(from)));
    *text = absl::StrReplaceAll(*text, {{from, to}});
  };
  return {
      {"one more than the cap", "cap",
       "2026-01-01 127.0.10.1: 3 accepted or refused for good, cap 2",
       [](Evidence* e) { e->ledger[2].outcome = RecordOutcome::kPermanent; }},
      {"one more than a provider's cap", "cap", "2026-01-01 127.0.10.1 x gmail: 2 accepted",
       [&](Evidence* e) { replace(&e->days, "\"gmail\":2", "\"gmail\":1"); }},
      {"a day without a cap", "cap", "2026-01-02 127.0.10.2: mail left, but",
       [&](Evidence* e) { replace(&e->days, "127.0.10.2", "127.0.10.3"); }},
      {"an address without a cap, only deferred", "cap", "2026-01-03 127.0.10.9: mail left, but",
       [](Evidence* e) {
         e->ledger.push_back(
             At(absl::Hours(50), "lone@yahoo.com", RecordOutcome::kTemporary, "127.0.10.9"));
       }},
      {"two copies", "once", "lone@yahoo.com: 2 copies, 0 in-doubt events",
       [](Evidence* e) {
         e->ledger[2].outcome = RecordOutcome::kAccepted;
         e->ledger[2].kept = true;
         e->days = absl::StrReplaceAll(e->days, {{"\"cap\":2,", "\"cap\":9,"}});
       }},
      {"three copies for one doubt", "once", "cold@gmail.com: 3 copies, 1 in-doubt events",
       [](Evidence* e) {
         LedgerRecord doubt = e->ledger.back();
         doubt.outcome = RecordOutcome::kDropped;
         e->ledger.push_back(doubt);
         e->ledger.push_back(e->ledger[5]);
       }},
      {"a second copy with other bytes", "once", "cold@gmail.com: copies differ: other bytes",
       [](Evidence* e) {
         LedgerRecord doubt = e->ledger.back();
         doubt.outcome = RecordOutcome::kDropped;
         doubt.digest = "01";
         e->ledger.push_back(doubt);
       }},
      {"a second copy with another Message-ID", "once", "cold@gmail.com: copies differ: Message-ID",
       [](Evidence* e) {
         LedgerRecord doubt = e->ledger.back();
         doubt.outcome = RecordOutcome::kDropped;
         doubt.message_id = "<other@shop.example>";
         e->ledger.push_back(doubt);
       }},
      {"a recipient forgotten", "accounted", "cold@gmail.com is in no delivery",
       [&](Evidence* e) {
         replace(&e->deliveries, R"({"address":"cold@gmail.com","state":"ACCEPTED"})", "");
       }},
      {"a recipient twice", "accounted", "best@gmail.com is in 2 deliveries",
       [](Evidence* e) { e->deliveries += R"({"address":"best@gmail.com","state":"ACCEPTED"})"; }},
      {"a delivery for nobody", "accounted", "who@gmail.com claimed, but is not in the list",
       [](Evidence* e) { e->deliveries += R"({"address":"who@gmail.com","state":"EXPIRED"})"; }},
      {"mail to a stranger", "accounted", "who@gmail.com got mail, but is not in the list",
       [](Evidence* e) {
         e->ledger.push_back(At(absl::Hours(30), "who@gmail.com", RecordOutcome::kTemporary));
       }},
      {"claimed accepted, never seen", "accounted", "is ACCEPTED, but no receiver accepted it",
       [](Evidence* e) { e->ledger.pop_back(); }},
      {"claimed accepted, only in doubt", "accounted", "is ACCEPTED, but no receiver accepted it",
       [](Evidence* e) { e->ledger.back().outcome = RecordOutcome::kDropped; }},
      {"accepted, claimed expired", "accounted", "lone@yahoo.com was accepted, but is EXPIRED",
       [&](Evidence* e) {
         replace(&e->deliveries, R"("lone@yahoo.com","state":"ACCEPTED")",
                 R"("lone@yahoo.com","state":"EXPIRED")");
       }},
      {"bounced, never refused", "accounted",
       "good@gmail.com is BOUNCED, but no receiver refused it",
       [](Evidence* e) { e->ledger.erase(e->ledger.begin() + 1); }},
      {"not final", "accounted", "cold@gmail.com is not final: QUEUED",
       [&](Evidence* e) {
         e->ledger.pop_back();
         replace(&e->deliveries, R"("cold@gmail.com","state":"ACCEPTED")",
                 R"("cold@gmail.com","state":"QUEUED")");
       }},
      {"the cold one first", "order", "127.0.10.1 x gmail: cold@gmail.com (score 0)",
       [](Evidence* e) {
         e->ledger.insert(e->ledger.begin(),
                          At(absl::Minutes(1), "cold@gmail.com", RecordOutcome::kTemporary));
       }},
      {"neighbours swapped", "order", "good@gmail.com",
       [](Evidence* e) {
         std::swap(e->ledger[0].rcpt_to, e->ledger[1].rcpt_to);
         e->deliveries = absl::StrReplaceAll(e->deliveries, {{"best@gmail.com", "good@gmail.com"},
                                                             {"good@gmail.com", "best@gmail.com"}});
       }},
  };
}

TEST(Verify, EachPlantedViolationIsFoundAndNamed) {
  for (const Planted& planted : AllPlanted()) {
    SCOPED_TRACE(planted.name);
    Evidence evidence = Good();
    planted.plant(&evidence);
    const absl::StatusOr<Result> result = Judge(evidence);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_FALSE(result->holds);
    EXPECT_THAT(result->text, HasSubstr(absl::StrCat("\n", planted.law, ": ")));
    EXPECT_THAT(result->text, HasSubstr(planted.says));
    for (const char* law : {"cap", "once", "accounted", "order"}) {
      if (std::string(law) == planted.law) continue;
      EXPECT_THAT(result->text, Not(HasSubstr(absl::StrCat("\n", law, ": ")))) << "others hold";
    }
  }
}

TEST(Verify, ADoubtAllowsOneMoreCopy) {
  Evidence evidence = Good();
  LedgerRecord doubt = evidence.ledger.back();
  doubt.outcome = RecordOutcome::kDropped;
  doubt.kept = true;
  doubt.start -= absl::Minutes(9);
  doubt.connected -= absl::Minutes(9);
  doubt.end -= absl::Minutes(9);
  evidence.ledger.push_back(doubt);
  const Result result = Judge(evidence).value();
  EXPECT_TRUE(result.holds) << result.text;
  EXPECT_THAT(result.text, HasSubstr("1 in-doubt events, 1 second copies"));
}

TEST(Verify, AReplyNobodyTookIsADoubt) {
  Evidence evidence = Good();
  LedgerRecord unconfirmed = evidence.ledger.back();
  unconfirmed.kind = RecordKind::kUnconfirmed;
  LedgerRecord again = evidence.ledger.back();
  again.start += absl::Hours(1);
  evidence.ledger.push_back(unconfirmed);
  evidence.ledger.push_back(again);
  const Result result = Judge(evidence).value();
  EXPECT_TRUE(result.holds) << result.text;
}

TEST(Verify, IncompleteIsAllowedOnRequestAndCounted) {
  Evidence evidence = Good();
  evidence.ledger.pop_back();
  evidence.deliveries = absl::StrReplaceAll(
      evidence.deliveries,
      {{R"("cold@gmail.com","state":"ACCEPTED")", R"("cold@gmail.com","state":"DEFERRED")"}});
  const Result result = Judge(evidence, /*allow_incomplete=*/true).value();
  EXPECT_TRUE(result.holds) << result.text;
  EXPECT_THAT(result.text, HasSubstr("DEFERRED 1"));
}

TEST(Verify, IncompleteDoesNotExcuseALostAcceptance) {
  Evidence evidence = Good();
  evidence.deliveries = absl::StrReplaceAll(
      evidence.deliveries,
      {{R"("cold@gmail.com","state":"ACCEPTED")", R"("cold@gmail.com","state":"DEFERRED")"}});
  const Result result = Judge(evidence, /*allow_incomplete=*/true).value();
  EXPECT_FALSE(result.holds);
  EXPECT_THAT(result.text, HasSubstr("cold@gmail.com was accepted, but is DEFERRED"));
}

TEST(Verify, WhatOverlapsOrWasChosenBeforeHasNoOrder) {
  Evidence evidence = Good();
  std::swap(evidence.ledger[0].rcpt_to, evidence.ledger[1].rcpt_to);
  std::swap(evidence.ledger[0].outcome, evidence.ledger[1].outcome);
  std::swap(evidence.ledger[0].kept, evidence.ledger[1].kept);
  // good@ begins an hour before best@: a violation, unless good@ still ran …
  EXPECT_FALSE(Judge(evidence)->holds);
  Evidence overlapping = evidence;
  overlapping.ledger[0].end = overlapping.ledger[1].start + absl::Microseconds(1);
  EXPECT_TRUE(Judge(overlapping)->holds) << Judge(overlapping)->text;
  // … or best@ was the first on a connection that had been opened before good@ ended.
  Evidence connecting = evidence;
  connecting.ledger[1].connected = connecting.ledger[0].end - absl::Microseconds(1);
  EXPECT_TRUE(Judge(connecting)->holds) << Judge(connecting)->text;
  connecting.ledger[1].number = 2;
  EXPECT_FALSE(Judge(connecting)->holds) << "a kept connection excuses nothing";
}

TEST(Verify, SlackExcusesWhatIsNearInTimeOrNearAStop) {
  Evidence swapped = Good();  // good@ at 1:00 before best@ at 2:00.
  std::swap(swapped.ledger[0].rcpt_to, swapped.ledger[1].rcpt_to);
  std::swap(swapped.ledger[0].outcome, swapped.ledger[1].outcome);
  std::swap(swapped.ledger[0].kept, swapped.ledger[1].kept);
  swapped.days +=
      R"({"egress_ip":"mta1-b","address":"127.0.10.2","day":"2026-01-01","cap":200})"
      "\n";
  struct Case {
    const char* name;
    const char* slack;
    absl::Duration refusal;  // Of the other IP at Gmail; zero: none.
    absl::string_view phase;
    bool holds;
  };
  for (const Case& c : {Case{"no slack", "0s", absl::ZeroDuration(), "", false},
                        Case{"further apart", "30m", absl::ZeroDuration(), "", false},
                        Case{"nearer than that", "2h", absl::ZeroDuration(), "", true},
                        Case{"a lane was stopped", "10m", absl::Minutes(65), kPhaseEndOfData, true},
                        Case{"before it", "10m", absl::Minutes(55), kPhaseMail, true},
                        Case{"at another time", "10m", absl::Minutes(85), kPhaseMail, false},
                        Case{"only a mailbox", "10m", absl::Minutes(65), kPhaseRcpt, false},
                        Case{"a stop, no slack", "0s", absl::Minutes(60), kPhaseMail, false}}) {
    SCOPED_TRACE(c.name);
    Evidence evidence = swapped;
    if (c.refusal > absl::ZeroDuration()) {
      LedgerRecord refusal = At(c.refusal, "cold@gmail.com", RecordOutcome::kTemporary, kIpB);
      refusal.code = 450;
      refusal.phase = std::string(c.phase);
      evidence.ledger.push_back(refusal);
    }
    const Result result = Judge(evidence, false, false, c.slack).value();
    EXPECT_EQ(result.holds, c.holds) << result.text;
  }
  EXPECT_THAT(Judge(Good(), false, false, "soon").status().message(), HasSubstr("--order-slack"));
}

TEST(Verify, BrokenInputIsNamed) {
  struct Case {
    const char* says;
    std::function<void(Evidence*)> plant;
  };
  for (const Case& c : {
           Case{"days.jsonl: line 4: ", [](Evidence* e) { e->days += "{}\n"; }},
           Case{"is given twice", [](Evidence* e) { e->days += e->days; }},
           Case{
               "deliveries.jsonl: line 6: state: \"LOST\" is none",
               [](Evidence* e) { e->deliveries += R"({"address":"x@gmail.com","state":"LOST"})"; }},
           Case{"recipients.csv: record 7: ", [](Evidence* e) { e->recipients += "x\n"; }},
       }) {
    SCOPED_TRACE(c.says);
    Evidence evidence = Good();
    c.plant(&evidence);
    const absl::Status status = Judge(evidence).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.says));
  }
}

TEST(Verify, ATableNeedsOnlyTheLedger) {
  TempFolder folder;
  const std::string path = folder.File("ledger.jsonl");
  ASSERT_TRUE(Ledger::Open(path).value()->Append(Good().ledger).ok());
  std::ostringstream out;
  ASSERT_TRUE(PrintTable(path, "", /*follow=*/false, out).ok());
  EXPECT_THAT(out.str(), HasSubstr("2026-01-01  127.0.10.1                      -         1"));
}

}  // namespace
}  // namespace crescendo::sandbox
