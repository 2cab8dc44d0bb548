// The recipient generator and the CSV it writes.
#include "cmd/crescendo-sandbox/recipients.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cmd/crescendo-sandbox/address.h"
#include "cmd/crescendo-sandbox/csv.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "scheduler/domain/engagement.h"
#include "tests/sandbox/support.h"

namespace crescendo::sandbox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Recipients, AreTheSameForASeed) {
  const std::string once = RecipientsCsv(MakeRecipients(2000, 42, StartTime()));
  EXPECT_EQ(once, RecipientsCsv(MakeRecipients(2000, 42, StartTime())));
  EXPECT_NE(once, RecipientsCsv(MakeRecipients(2000, 43, StartTime())));
}

TEST(Recipients, HaveDistinctSendableAddresses) {
  std::set<std::string> addresses;
  for (const RecipientRow& row : MakeRecipients(50000, 7, StartTime())) {
    EXPECT_TRUE(addresses.insert(row.email).second) << row.email;
    const absl::StatusOr<std::string> normal = NormaliseAddress(row.email);
    ASSERT_TRUE(normal.ok()) << row.email << ": " << normal.status();
    EXPECT_EQ(*normal, row.email);
  }
  EXPECT_EQ(addresses.size(), 50000u);
}

TEST(Recipients, HaveAProviderMixLikeRealLists) {
  const int kCount = 20000;
  std::map<std::string, double> share;  // In percent.
  for (const RecipientRow& row : MakeRecipients(kCount, 7, StartTime())) {
    const std::string domain(DomainPart(row.email));
    share[absl::EndsWith(domain, ".example") ? "companies" : domain] += 100.0 / kCount;
  }
  EXPECT_NEAR(share["gmail.com"] + share["googlemail.com"], 45, 1.5);
  EXPECT_NEAR(share["yahoo.com"] + share["aol.com"], 14, 1);
  EXPECT_NEAR(share["outlook.com"] + share["hotmail.com"] + share["live.com"], 16, 1);
  EXPECT_NEAR(share["icloud.com"], 6, 1);
  EXPECT_NEAR(share["gmx.de"] + share["web.de"], 6, 1);
  EXPECT_NEAR(share["companies"], 8, 1);
}

TEST(Recipients, RangeFromVeryEngagedToNever) {
  const std::vector<RecipientRow> rows = MakeRecipients(5000, 7, StartTime());
  std::vector<double> scores;
  int never = 0;
  for (const RecipientRow& row : rows) {
    const EngagementSignals& signals = row.signals;
    scores.push_back(EngagementScore(signals, StartTime()));
    never += signals.last_open_time.has_value() ? 0 : 1;
    ASSERT_TRUE(signals.subscribe_time.has_value());
    EXPECT_LT(*signals.subscribe_time, StartTime());
    EXPECT_LT(signals.last_open_time.value_or(absl::InfinitePast()), StartTime());
    EXPECT_GE(signals.open_count, signals.click_count);
    EXPECT_EQ(signals.last_click_time.has_value(), signals.click_count > 0);
    if (signals.last_click_time.has_value()) {
      EXPECT_LE(*signals.last_click_time, *signals.last_open_time);
      EXPECT_LT(*signals.subscribe_time, *signals.last_click_time);
    }
  }
  EXPECT_NEAR(never, 600, 120);
  std::sort(scores.begin(), scores.end());
  EXPECT_LT(scores[500], 0.05);
  EXPECT_GT(scores[4500], 0.8);
  EXPECT_FALSE(std::is_sorted(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    return EngagementScore(a.signals, StartTime()) > EngagementScore(b.signals, StartTime());
  })) << "the list must not come ranked";
}

TEST(Recipients, ComeBackFromTheirCsv) {
  const std::vector<RecipientRow> rows = MakeRecipients(3000, 7, StartTime());
  const std::string csv = RecipientsCsv(rows);
  EXPECT_THAT(csv, HasSubstr("\"Lee, Jr.\""));
  EXPECT_THAT(csv, HasSubstr("\"Sam \"\"Sunny\"\"\""));
  EXPECT_THAT(csv, HasSubstr("Zoë"));
  const absl::StatusOr<std::vector<RecipientRow>> back = ParseRecipientsCsv(csv);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(RecipientsCsv(*back), csv);
}

TEST(Recipients, ABrokenCsvIsNamed) {
  struct Case {
    const char* csv;
    const char* fault;
  };
  for (const Case& c : {
           Case{"email,open_count\na@b.example,x\n", "record 2: open_count: \"x\" is not a count"},
           Case{"email,open_count\na@b.example,-1\n", "record 2: open_count"},
           Case{"email,open_count\na@b.example,1\n,2\n", "record 3: email: required"},
           Case{"email,open_count\na@b.example\n", "record 2: 1 fields, the header has 2"},
           Case{"email,last_open_time\na@b.example,soon\n", "record 2: last_open_time"},
           Case{"email\n\"a@b.example\n", "record 2: a quoted field does not end"},
           Case{"email\n\"a\"b\n", "record 2: text behind a quoted field"},
       }) {
    SCOPED_TRACE(c.csv);
    const absl::Status status = ParseRecipientsCsv(c.csv).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.fault));
  }
}

TEST(Csv, TakesRecordsOneByOne) {
  absl::string_view text = "a,\"b,\"\"c\"\"\",\r\n\"d\ne\",f\n\nlast";
  EXPECT_THAT(TakeCsvRecord(&text).value(), ElementsAre("a", "b,\"c\"", ""));
  EXPECT_THAT(TakeCsvRecord(&text).value(), ElementsAre("d\ne", "f"));
  EXPECT_THAT(TakeCsvRecord(&text).value(), ElementsAre(""));
  EXPECT_THAT(TakeCsvRecord(&text).value(), ElementsAre("last"));
  EXPECT_TRUE(text.empty());
}

}  // namespace
}  // namespace crescendo::sandbox
