// The completion script, in a real bash.
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/cli/program.h"

namespace crescendo::cli {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

// What bash offers for the last of `words`.
std::vector<std::string> Complete(const std::vector<std::string>& words) {
  WorkingFolder folder;
  WorkingFolder::Write("completion", RunProgram("", "crescendo completion bash").out);
  WorkingFolder::Write(
      "ask", absl::StrCat("set -u\nsource ./completion\nCOMP_WORDS=('", absl::StrJoin(words, "' '"),
                          "')\nCOMP_CWORD=", words.size() - 1,
                          "\n_crescendo\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n"
                          "complete -p crescendo >&2\n"));
  FILE* bash = popen("bash --norc ./ask 2>errors", "r");
  std::string out;
  char bytes[4096];
  for (size_t got; (got = fread(bytes, 1, sizeof(bytes), bash)) > 0;) out.append(bytes, got);
  EXPECT_EQ(pclose(bash), 0);
  return absl::StrSplit(out, '\n', absl::SkipEmpty());
}

TEST(Completion, BashKnowsNounsVerbsOptionsAndChoices) {
  EXPECT_THAT(Complete({"crescendo", ""}),
              AllOf(Contains("plan"), Contains("suppression"), Contains("completion")));
  EXPECT_THAT(Complete({"crescendo", "p"}),
              UnorderedElementsAre("pool", "plan", "provider", "probe"));
  EXPECT_THAT(Complete({"crescendo", "plan", "pr"}), ElementsAre("progress"));
  EXPECT_THAT(Complete({"crescendo", "plan", "create", "x", "--st"}),
              UnorderedElementsAre("--stage", "--start-date"));
  EXPECT_THAT(Complete({"crescendo", "plan", "create", "x", "--advance", ""}),
              UnorderedElementsAre("delivered", "calendar", "sending-day"));
  EXPECT_THAT(Complete({"crescendo", "plan", "list", "-o", "j"}), ElementsAre("json"));
  EXPECT_THAT(Complete({"crescendo", "completion", "b"}), ElementsAre("bash"));
  EXPECT_THAT(Complete({"crescendo", "event", "list", "--type", "lane_s"}),
              ElementsAre("lane_stopped"));
}

// Options of every command may stand in front of the noun.
TEST(Completion, BashFindsTheNounBehindGlobalOptions) {
  EXPECT_THAT(Complete({"crescendo", "-o", "json", "pl"}), ElementsAre("plan"));
  EXPECT_THAT(Complete({"crescendo", "-o", "j"}), ElementsAre("json"));
  EXPECT_THAT(Complete({"crescendo", "--server", "host:7070", "plan", "pr"}),
              ElementsAre("progress"));
  // Typed as one word, it reaches the script as three.
  EXPECT_THAT(Complete({"crescendo", "--server", "host", ":", "7070", "pl"}), ElementsAre("plan"));
  EXPECT_THAT(Complete({"crescendo", "--out"}), ElementsAre("--output"));
}

// What is a name of the operator's, or a file, is left to bash.
TEST(Completion, BashOffersFilesForTheRest) {
  EXPECT_THAT(Complete({"crescendo", "plan", "get", "w"}), IsEmpty());
  EXPECT_THAT(Complete({"crescendo", "campaign", "import", "spring", "li"}), IsEmpty());
  EXPECT_THAT(Complete({"crescendo", "nothing", "x", "--"}), Not(Contains("--stage")));
}

}  // namespace
}  // namespace crescendo::cli
