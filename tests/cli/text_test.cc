// How text, times and tables are shown, and what people may type for them.
#include <sstream>

#include "absl/strings/str_cat.h"
#include "cmd/crescendo/printable.h"
#include "cmd/crescendo/table.h"
#include "cmd/crescendo/time_text.h"
#include "gtest/gtest.h"

namespace crescendo::cli {
namespace {

TEST(Printable, NothingFromElsewhereSteersTheTerminal) {
  struct Case {
    absl::string_view name;
    std::string text, shown;
  };
  for (const Case& c : {
           Case{"plain", "550 5.1.1 no such user", "550 5.1.1 no such user"},
           Case{"colour", "\x1b[31mred", "\\x1b[31mred"},
           Case{"a line end and a tab", "a\r\nb\tc", "a\\r\\nb\\tc"},
           Case{"NUL and DEL", std::string("a\0b\x7f", 4), "a\\x00b\\x7f"},
           Case{"a C1 control",
                "a\xc2\x9b"
                "31m",
                "a\\x9b31m"},
           Case{"text that runs backwards",
                "a\xe2\x80\xae"
                "b",
                "a\\u{202e}b"},
           Case{"not UTF-8", "J\xfcrgen", "J\\xfcrgen"},
           Case{"UTF-8 cut short", "a\xe2\x82", "a\\xe2\\x82"},
           Case{"UTF-8", "J\xc3\xbcrgen \xe2\x82\xac", "J\xc3\xbcrgen \xe2\x82\xac"},
       }) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(OneLine(c.text), c.shown);
  }
  EXPECT_EQ(Lines("a\r\nb\x1b[0m\n"), "a\nb\\x1b[0m\n");
}

TEST(TimeText, ReadsWhatPeopleType) {
  for (const char* text : {"2026-01-31T09:30:00Z", "2026-01-31 09:30:00Z", "2026-01-31 09:30",
                           "2026-01-31T10:30:00+01:00", "1769851800"}) {
    SCOPED_TRACE(text);
    const absl::StatusOr<absl::Time> time = ParseTime(text);
    ASSERT_TRUE(time.ok());
    EXPECT_EQ(TimeText(*time), "2026-01-31 09:30:00Z");
  }
  for (const char* text : {"", "yesterday", "2026-02-30", "31.01.2026", "0000-01-01", "-5",
                           "99999999999999", "2026-01-31T25:00:00Z", "infinite-future"}) {
    EXPECT_FALSE(ParseTime(text).ok()) << text;
  }
  struct Count {
    const char* text;
    int64_t count;
  };
  for (const Count& c : {Count{"0", 0}, Count{"20,000", 20000}, Count{"20k", 20000},
                         Count{"1M", 1000000}, Count{"-3", -3}}) {
    ASSERT_TRUE(ParseCount(c.text).ok()) << c.text;
    EXPECT_EQ(*ParseCount(c.text), c.count);
  }
  for (const char* text : {"", "k", "1.5k", "NaN", "1e6", "99999999999999999999"}) {
    EXPECT_FALSE(ParseCount(text).ok()) << text;
  }
  for (const char* text : {"", "10", "-1h", "0s", "inf", "1y", "999999999999h", "d"}) {
    EXPECT_FALSE(ParseDuration(text).ok()) << text;
  }
  EXPECT_EQ(*ParseDuration("3d"), absl::Hours(72));
}

TEST(TimeText, ShowsAtMostTwoUnits) {
  const absl::Time now =
      absl::FromCivil(absl::CivilSecond(2026, 1, 3, 9, 8, 2), absl::UTCTimeZone());
  EXPECT_EQ(UntilText(now + absl::Seconds(125), now), "09:10Z (in 2m 5s)");
  EXPECT_EQ(UntilText(now + absl::Hours(52), now), "01-05 13:08Z (in 2d 4h)");
  EXPECT_EQ(UntilText(now, std::nullopt), "2026-01-03 09:08:02Z");
  EXPECT_EQ(CountText(-1234567), "-1,234,567");
  EXPECT_EQ(PercentText(0, 0), "-");
}

TEST(Table, KeepsToTheTerminalsWidth) {
  std::ostringstream out, err;
  std::istringstream in;
  Streams streams{out, err, in};
  streams.width = [] { return 44; };
  Table table({{"NAME", Column::kLeft},
               {"ADDRESS", Column::kElastic},
               {"N", Column::kRight},
               {"WHY", Column::kProse}});
  table.Add({"a", "somebody@a-long-domain.example", "7", "one two three four five six seven"});
  table.Add({"b", "\xe6\x9d\xb1\xe4\xba\xac@x.example", "1,000", ""});
  table.Print(streams);
  EXPECT_EQ(out.str(),
            "NAME  ADDRESS       N  WHY\n"
            "a     somebod~      7  one two three four\n"
            "                       five six seven\n"
            "b     \xe6\x9d\xb1\xe4\xba\xac@x.~  1,000\n");
}

}  // namespace
}  // namespace crescendo::cli
