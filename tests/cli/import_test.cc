// `campaign import`: what a file may hold, what is said of its broken lines, and what a cut does.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/cli/program.h"
#include "tests/cli/service_world.h"

namespace crescendo::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class ImportTest : public testing::Test {
 protected:
  ImportTest() {
    WorkingFolder::Write("body.txt", "Hello\n");
    for (const char* line :
         {"crescendo ip create mta1-a --address 192.0.2.10 --ehlo-name a.example.com",
          "crescendo pool create main --ip mta1-a",
          "crescendo campaign create spring --pool main --from news@shop.example --subject Hello "
          "--text body.txt"}) {
      EXPECT_EQ(Run(line).code, 0) << line;
    }
  }

  Ran Run(const std::string& line, const ProgramOptions& options = {}) {
    return RunProgram(world_.address(), line, options);
  }
  Ran Import(const std::string& content, const std::string& more = "",
             const std::string& file = "list.csv") {
    WorkingFolder::Write(file, content);
    return Run(absl::StrCat("crescendo campaign import spring ", file, " -o json ", more));
  }
  // The deliveries of the campaign, as JSON lines.
  std::vector<std::string> Stored() {
    return absl::StrSplit(Run("crescendo delivery list spring -o json").out, '\n',
                          absl::SkipEmpty());
  }

  WorkingFolder folder_;
  ServiceWorld world_;
};

std::string Counts(int before, int added, int duplicates, int rejected) {
  return absl::StrCat("\"stored_before\":", before, ",\"added\":", added,
                      ",\"updated\":0,\"duplicates\":", duplicates,
                      ",\"suppressed\":0,\"rejected\":", rejected, "}");
}

TEST_F(ImportTest, TakesWhatSpreadsheetsAndProgramsWrite) {
  struct Case {
    absl::string_view name;
    std::string content;
    int added;
    const char* more = "";
    const char* file = "list.csv";
  };
  const std::vector<Case> cases = {
      {"plain", "email,score\na1@gmail.com,0.5\na2@gmail.com,1\n", 2},
      {"CRLF, a byte order mark, no end of line",
       "\xef\xbb\xbf"
       "email,score\r\nb1@gmail.com,0.5",
       1},
      {"empty lines", "\n\nemail\n\nc1@gmail.com\n\n\nc2@gmail.com\n\n", 2},
      {"quotes, a comma and a line end within",
       "email,city\n\"d1@gmail.com\",\"Bern, \"\"x\"\"\nCH\"\n", 1},
      {"blanks around names, any case", " Email , SCORE \ne1@gmail.com,0.25\n", 1},
      {"every column",
       "address,last_click_time,last_open_time,subscribe_time,click_count,open_count,first_name\n"
       "f1@gmail.com,2025-12-01T10:00:00Z,2025-12-01,1764547200,3,4,Fay\nf2@gmail.com,,,,,,\n",
       2},
      {"a semicolon within a field", "email,tags\ng1@gmail.com,a;b\n", 1},
      {"JSON Lines by the name",
       "{\"address\":\"h1@gmail.com\",\"score\":0.5}\r\n\n"
       "{\"address\":\"h2@gmail.com\",\"signals\":{\"click_count\":2},\"variables\":{\"x\":\"1\"}}"
       "\n",
       2, "", "list.jsonl"},
      {"JSON Lines by the option", "{\"address\":\"i1@gmail.com\"}\n", 1, "--format jsonl"},
      {"a header alone", "email,score\n", 0},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const Ran ran = Import(c.content, c.more, c.file);
    EXPECT_EQ(ran.code, 0);
    EXPECT_THAT(ran.out, HasSubstr(Counts(0, c.added, 0, 0)));
    EXPECT_THAT(ran.err, IsEmpty());
  }
  EXPECT_THAT(Run("crescendo delivery list spring --address e1@gmail.com -o json").out,
              HasSubstr("\"score\":0.25"));
}

TEST_F(ImportTest, RefusesAFileWithoutUsableColumns) {
  struct Case {
    absl::string_view name;
    std::string content, error;
  };
  const std::vector<Case> cases = {
      {"nothing", "", "the file is empty; its first line must name the columns"},
      {"no address column", "name,score\nAnn,1\n", "line 1: no column is named email or address"},
      {"parted by semicolons", "email;score\na@gmail.com;1\n", "parted by commas"},
      {"parted by tabs", "email\tscore\n", "parted by commas"},
      {"no header", "ann@gmail.com,0.5\n", "line 1: no column is named email or address"},
      {"twice the same", "email,address\n", "line 1: two columns are named address; remove one"},
      {"a column without a name", "email,,score\n", "line 1: a column has no name"},
      {"a blank in a variable", "email,first name\n",
       "line 1: the column \"first name\" has a blank"},
      {"Latin-1", "email,pr\xe9nom\n", "line 1: the header is not UTF-8"},
      {"UTF-16",
       std::string("\xff\xfe"
                   "e\0m\0a\0i\0l\0\n\0",
                   14),
       "line 1: the header is not UTF-8"},
      {"a quote without end", "\"email\nann@gmail.com\n", "line 1: a quote does not end"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const Ran ran = Import(c.content, "--skip-invalid");
    EXPECT_EQ(ran.code, 1);
    EXPECT_THAT(ran.err, HasSubstr(c.error));
    EXPECT_THAT(ran.out, IsEmpty());
  }
  EXPECT_THAT(Stored(), IsEmpty());
}

struct BrokenLine {
  absl::string_view name;
  std::string line, error;
};

std::vector<BrokenLine> BrokenLines() {
  return {
      {"too few fields", "ann@gmail.com,0.5", "has 2 fields; the header names 5"},
      {"too many", "ann@gmail.com,0.5,,,,", "has 6 fields; the header names 5"},
      {"no address", ",0.5,,,", "address"},
      {"no @", "ann,0.5,,,", "address \"ann\" has no @"},
      {"a blank in it", "an n@gmail.com,0.5,,,", "forbidden byte 0x20"},
      {"a line end in it", "\"ann\n@gmail.com\",0.5,,,", "forbidden byte 0x0a"},
      {"a NUL in it", std::string("an\0n@gmail.com,0.5,,,", sizeof("an\0n@gmail.com,0.5,,,") - 1),
       "forbidden byte 0x00"},
      {"over-long before the @", std::string(65, 'a') + "@gmail.com,0.5,,,", "at most 64"},
      {"over-long behind it", "ann@" + std::string(256, 'a') + ".com,0.5,,,", "at most"},
      {"NaN", "ann@gmail.com,NaN,,,", "score is nan; it must be 0 to 1"},
      {"infinite", "ann@gmail.com,inf,,,", "score is inf; it must be 0 to 1"},
      {"above 1", "ann@gmail.com,1.01,,,", "score is 1.01; it must be 0 to 1"},
      {"no number", "ann@gmail.com,high,,,", "score: \"high\" is no number"},
      {"no time", "ann@gmail.com,,yesterday,,", "last_click_time: \"yesterday\" is no time"},
      {"no such day", "ann@gmail.com,,2026-02-30,,", "last_click_time: \"2026-02-30\" is no time"},
      {"no count", "ann@gmail.com,,,many,", "click_count: \"many\" is no whole number"},
      {"a negative count", "ann@gmail.com,,,-1,", "click_count is -1"},
      {"Latin-1", "ann@gmail.com,,,,J\xfcrgen", "first_name: \"J\\xfcrgen\" is not UTF-8"},
      {"over-long", "ann@gmail.com,,,," + std::string(1 << 20, 'x'), "is longer than 1 MiB"},
  };
}

constexpr char kHeader[] = "email,score,last_click_time,click_count,first_name\n";

TEST_F(ImportTest, ABrokenLineStopsItUnlessItMayBeSkipped) {
  int number = 0;
  for (const BrokenLine& c : BrokenLines()) {
    SCOPED_TRACE(c.name);
    ++number;
    const std::string content = absl::StrCat(kHeader, "x", number, "@gmail.com,1,,,\n", c.line,
                                             "\ny", number, "@gmail.com,1,,,\n");
    const Ran stopped = Import(content);
    EXPECT_EQ(stopped.code, 1);
    EXPECT_THAT(stopped.err,
                AllOf(StartsWith("crescendo: line 3: "), HasSubstr(c.error),
                      HasSubstr("mend it and run this again, or give --skip-invalid")));
    EXPECT_THAT(stopped.out, IsEmpty());

    const Ran went_on = Import(content, "--skip-invalid");
    EXPECT_EQ(went_on.code, 0);
    EXPECT_THAT(went_on.err, AllOf(StartsWith("line 3: "), HasSubstr(c.error)));
    EXPECT_THAT(went_on.out, HasSubstr(Counts(0, 2, 0, 1)));
  }
  EXPECT_EQ(Stored().size(), 2 * BrokenLines().size());
}

// Found: a line that only the daemon can judge was not reported when a later one was broken too.
TEST_F(ImportTest, EveryBrokenLineIsReportedInOrder) {
  const Ran ran = Import(
      "email,score\nann@gmail.com,2\nben@gmail.com,x\neve@gmail.com,1\nno,1\nfay@gmail.com,-1\n"
      "gus@gmail.com\n",
      "--skip-invalid --chunk-size 2");
  EXPECT_THAT(ran.out, HasSubstr(Counts(0, 1, 0, 5)));
  std::vector<std::string> starts;
  for (const absl::string_view line : absl::StrSplit(ran.err, '\n', absl::SkipEmpty())) {
    starts.emplace_back(line.substr(0, 7));
  }
  EXPECT_THAT(starts, ElementsAre("line 2:", "line 3:", "line 5:", "line 6:", "line 7:"));
}

TEST_F(ImportTest, BrokenJsonLinesToo) {
  const Ran ran = Import(
      "{\"address\":\"ann@gmail.com\"}\n{\"address\":\n{\"adress\":\"ben@gmail.com\"}\n"
      "{\"address\":\"ben@gmail.com\",\"score\":\"NaN\"}\n[1]\n{\"address\":\"ben@gmail.com\"}\n",
      "--skip-invalid", "list.ndjson");
  EXPECT_THAT(ran.out, HasSubstr(Counts(0, 2, 0, 4)));
  for (const char* line : {"line 2: ", "line 3: ", "line 4: score is nan", "line 5: "}) {
    EXPECT_THAT(ran.err, HasSubstr(line));
  }
}

TEST_F(ImportTest, ADryRunChecksAndStoresNothing) {
  const Ran ran = Import("email\nann@gmail.com\nno\n", "--dry-run --skip-invalid");
  EXPECT_THAT(ran.out, HasSubstr(Counts(0, 1, 0, 1)));
  EXPECT_THAT(ran.err, StartsWith("line 3: "));
  EXPECT_THAT(Stored(), IsEmpty());
}

std::string Recipients(int count) {
  std::string content = "email,score,first_name,city\n";
  for (int i = 0; i < count; ++i) {
    absl::StrAppend(&content, "r", i, "@gmail.com,0.5,Name", i, ",City\n");
  }
  return content;
}

int Count(const std::string& text, absl::string_view what) {
  return static_cast<int>(std::vector<std::string>(absl::StrSplit(text, what)).size()) - 1;
}

TEST_F(ImportTest, GoesOnByItselfWhenTheServerComesBack) {
  WorkingFolder::Write("list.csv", Recipients(100));
  ProgramOptions options{.terminal = true};
  bool cut = false;
  options.on_err = [&](const std::string& so_far) {
    if (cut || Count(so_far, " rows, ") < 4) return;  // Behind the fourth chunk.
    cut = true;
    world_.StopServer();
    world_.StartServer();
  };
  const Ran ran = Run("crescendo campaign import spring list.csv --chunk-size 10", options);
  EXPECT_TRUE(cut);
  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.err, HasSubstr("cut off: "));
  EXPECT_THAT(ran.out, AllOf(HasSubstr("ADDED       100\n"), HasSubstr("DUPLICATES  0\n"),
                             Not(HasSubstr("BEFORE"))));
  EXPECT_EQ(Stored().size(), 100u);
}

// A chunk whose answer was lost is sent again, and answered as then.
TEST_F(ImportTest, AChunkThatWasStoredUnseenCountsOnce) {
  WorkingFolder::Write("list.csv", Recipients(100));
  const std::string command = "crescendo campaign import spring list.csv --chunk-size 10";
  ProgramOptions options{.terminal = true};
  bool cut = false;
  options.on_err = [&](const std::string& so_far) {
    if (cut || Count(so_far, " rows, ") < 4) return;
    cut = true;
    world_.StopServer();
    world_.StartServer();
    // What the cut took from the first run's eyes: the fifth chunk is stored.
    Interrupt interrupt;
    ProgramOptions other{.terminal = true, .interrupt = &interrupt};
    other.on_err = [&](const std::string&) { interrupt.Trigger(); };
    EXPECT_EQ(Run(command, other).code, 130);
    EXPECT_EQ(Stored().size(), 50u);
  };
  const Ran ran = Run(command, options);
  EXPECT_TRUE(cut);
  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.out, AllOf(HasSubstr("ADDED       100\n"), HasSubstr("DUPLICATES  0\n")));
  EXPECT_EQ(Stored().size(), 100u);
}

TEST_F(ImportTest, TheSameCommandGoesOnBehindACut) {
  WorkingFolder::Write("list.csv", Recipients(100));
  ProgramOptions options{.terminal = true};
  bool cut = false;
  options.on_err = [&](const std::string& so_far) {
    if (cut || Count(so_far, " rows, ") < 4) return;
    cut = true;
    world_.StopServer();
  };
  const std::string command = "crescendo campaign import spring list.csv --chunk-size 10 ";
  const Ran first = Run(command + "--retry-limit 1ms", options);
  EXPECT_EQ(first.code, 3);
  EXPECT_THAT(first.err, HasSubstr("40 rows are stored; the same command goes on behind them\n"));
  world_.StartServer();
  EXPECT_EQ(Stored().size(), 40u);

  const Ran second = Run(command);
  EXPECT_EQ(second.code, 0);
  EXPECT_THAT(second.out, AllOf(HasSubstr("BEFORE      40 rows"), HasSubstr("ADDED       60\n"),
                                HasSubstr("DUPLICATES  0\n")));
  const std::vector<std::string> stored = Stored();
  ASSERT_EQ(stored.size(), 100u);
  for (int i = 0; i < 100; ++i) {
    EXPECT_THAT(stored[static_cast<size_t>(i)], HasSubstr(absl::StrCat("\"r", i, "@gmail.com\"")));
  }
}

// Chunks of another size, or of a file that was edited, are not those that were stored.
TEST_F(ImportTest, AnEditedFileOrAnotherChunkSizeIsAnotherImport) {
  EXPECT_THAT(Import(Recipients(20), "--chunk-size 5").out, HasSubstr(Counts(0, 20, 0, 0)));
  EXPECT_THAT(Import(Recipients(20), "--chunk-size 7").out, HasSubstr(Counts(0, 0, 20, 0)));
  std::string edited = Recipients(20);
  edited.replace(edited.find("r7@"), 3, "R7@");
  EXPECT_THAT(Import(edited, "--chunk-size 5").out, HasSubstr(Counts(0, 1, 19, 0)));
  EXPECT_EQ(Stored().size(), 21u);
}

TEST_F(ImportTest, CtrlCSaysWhereItStopped) {
  WorkingFolder::Write("list.csv", Recipients(100));
  Interrupt interrupt;
  ProgramOptions options{.terminal = true, .interrupt = &interrupt};
  options.on_err = [&](const std::string& so_far) {
    if (Count(so_far, " rows, ") == 3) interrupt.Trigger();
  };
  const Ran ran = Run("crescendo campaign import spring list.csv --chunk-size 10", options);
  EXPECT_EQ(ran.code, 130);
  EXPECT_THAT(ran.err, AllOf(HasSubstr("30 rows are stored; the same command goes on behind them"),
                             HasSubstr("crescendo: interrupted\n")));
  EXPECT_EQ(Stored().size(), 30u);
}

TEST_F(ImportTest, TheProgressBarIsForTerminalsOnly) {
  WorkingFolder::Write("list.csv", Recipients(30));
  const Ran shown =
      Run("crescendo campaign import spring list.csv --chunk-size 10", {.terminal = true});
  EXPECT_THAT(shown.err, HasSubstr("\r[############################] 30 rows, "));
  EXPECT_THAT(shown.out, Not(HasSubstr("\r")));
  EXPECT_THAT(Run("crescendo campaign import spring list.csv --chunk-size 10").err, IsEmpty());
  EXPECT_THAT(
      Run("crescendo campaign import spring list.csv --chunk-size 10 -o json", {.terminal = true})
          .err,
      IsEmpty());
}

// Many large rows make small chunks; a chunk of 4 MiB would be refused.
TEST_F(ImportTest, LargeRowsAreSentInSmallChunks) {
  std::string content = "email,story\n";
  for (int i = 0; i < 12; ++i) {
    absl::StrAppend(&content, "r", i, "@gmail.com,", std::string(900'000, 'x'), "\n");
  }
  EXPECT_THAT(Import(content).out, HasSubstr(Counts(0, 12, 0, 0)));
}

// Found: one line without end was read into memory as a whole.
TEST_F(ImportTest, ALineWithoutEndIsNotKept) {
  std::string content = "email\nann@gmail.com\n";
  content += std::string(20'000'000, 'x');
  content += "\nben@gmail.com\n";
  const Ran ran = Import(content, "--skip-invalid");
  EXPECT_THAT(ran.err, HasSubstr("line 3: is longer than 1 MiB"));
  EXPECT_THAT(ran.out, HasSubstr(Counts(0, 2, 0, 1)));
}

}  // namespace
}  // namespace crescendo::cli
