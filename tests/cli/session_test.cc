// Whole sessions as an operator types them: sessions/*.txt hold commands with what they print.
//
//   $ crescendo …    runs; its output follows, then lines "! " of standard error, then "? CODE"
//   unless 0
//   @ file NAME      the lines that begin with "|" are written to it
//   @ advance 1h     time passes at the daemon
//   # …              says why
// A blank line of the output is a "~" there.
//
// CRESCENDO_UPDATE_SESSIONS=1 writes what is printed now into the files: read the diff.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "cmd/crescendo/cli.h"
#include "gtest/gtest.h"
#include "tests/cli/program.h"
#include "tests/cli/service_world.h"

namespace crescendo::cli {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
}

std::string Marked(absl::string_view mark, absl::string_view text) {
  std::string out;
  if (text.empty()) return out;
  for (const absl::string_view line : absl::StrSplit(absl::StripSuffix(text, "\n"), '\n')) {
    absl::StrAppend(&out, mark, line.empty() && mark.empty() ? "~" : line, "\n");
  }
  return out;
}

class Session {
 public:
  // The session's text with the output of now.
  std::string Play(const std::string& text) {
    for (const absl::string_view line : absl::StrSplit(absl::StripSuffix(text, "\n"), '\n')) {
      if (absl::StartsWith(line, "$ ")) {
        Command(std::string(line));
      } else if (absl::StartsWith(line, "@ ")) {
        Directive(line);
      } else if (absl::StartsWith(line, "|") && writing_) {
        absl::StrAppend(&content_, line.substr(1), "\n");
        WorkingFolder::Write(file_, content_);
        absl::StrAppend(&played_, line, "\n");
      } else if (absl::StartsWith(line, "#") || line.empty()) {
        absl::StrAppend(&played_, line, "\n");
      }
    }
    return played_;
  }

 private:
  void Command(const std::string& line) {
    absl::StrAppend(&played_, line, "\n");
    const Ran ran = RunProgram(world_.address(), line.substr(2));
    absl::StrAppend(
        &played_,
        absl::StrReplaceAll(absl::StrCat(Marked("", ran.out), Marked("! ", ran.err),
                                         ran.code == 0 ? "" : absl::StrCat("? ", ran.code, "\n")),
                            {{world_.address(), "SERVER"}}));
    writing_ = false;
  }

  void Directive(absl::string_view line) {
    absl::StrAppend(&played_, line, "\n");
    content_.clear();
    writing_ = true;
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    ASSERT_EQ(words.size(), 3u) << line;
    if (words[1] == "file") {
      file_ = words[2];
    } else {
      absl::Duration by;
      ASSERT_TRUE(words[1] == "advance" && absl::ParseDuration(words[2], &by)) << line;
      world_.Advance(by);
    }
  }

  WorkingFolder folder_;
  ServiceWorld world_;
  std::string played_, file_, content_;
  bool writing_ = false;
};

std::vector<std::string> SessionFiles() {
  std::vector<std::string> names;
  for (const auto& entry :
       std::filesystem::directory_iterator(CRESCENDO_SOURCE_DIR "/tests/cli/sessions")) {
    names.push_back(entry.path().stem());
  }
  return names;
}

class SessionTest : public testing::TestWithParam<std::string> {};

TEST_P(SessionTest, PrintsWhatItsFileHolds) {
  const std::string path =
      absl::StrCat(CRESCENDO_SOURCE_DIR, "/tests/cli/sessions/", GetParam(), ".txt");
  const std::string wanted = ReadFile(path);
  ASSERT_FALSE(wanted.empty());
  const std::string played = Session().Play(wanted);
  if (std::getenv("CRESCENDO_UPDATE_SESSIONS") != nullptr) {
    std::ofstream(path, std::ios::binary) << played;
    return;
  }
  EXPECT_EQ(played, wanted);
}

// All but those that go on (watch_test.cc) and the script for the shell (completion_test.cc).
TEST(Sessions, EveryVerbIsPlayed) {
  std::string all;
  for (const std::string& name : SessionFiles()) {
    all += ReadFile(absl::StrCat(CRESCENDO_SOURCE_DIR, "/tests/cli/sessions/", name, ".txt"));
  }
  GlobalTexts texts;
  CommandTree tree;
  AddAllCommands(tree, &texts);
  for (const CommandInfo& command : tree.commands()) {
    if (command.noun.empty() || command.verb == "watch" || command.verb == "stream" ||
        command.verb == "trace") {
      continue;
    }
    EXPECT_TRUE(
        absl::StrContains(all, absl::StrCat("\n$ crescendo ", command.noun, " ", command.verb)))
        << command.noun << " " << command.verb;
  }
}

INSTANTIATE_TEST_SUITE_P(Sessions, SessionTest, testing::ValuesIn(SessionFiles()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace crescendo::cli
