// Every help page, and every example on one: it is run against a daemon where what it needs is
// there.
#include <atomic>
#include <filesystem>
#include <memory>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cmd/crescendo/cli.h"
#include "cmd/crescendo/help.h"
#include "cmd/crescendo/printable.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/cli/program.h"
#include "tests/cli/service_world.h"

namespace crescendo::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using Lines = std::vector<std::string>;

std::string Page(const std::string& command) {
  const Ran ran = RunProgram("127.0.0.1:1", absl::StrCat("crescendo ", command, " --help"));
  EXPECT_EQ(ran.code, 0) << command;
  EXPECT_THAT(ran.err, IsEmpty()) << command;
  return ran.out;
}

// The lines below "Examples" up to the next blank one.
Lines Examples(const std::string& page) {
  Lines examples;
  bool within = false;
  for (const absl::string_view line : absl::StrSplit(page, '\n')) {
    if (within && line.empty()) break;
    if (within) examples.emplace_back(line.substr(2));
    within = within || line == "Examples";
  }
  return examples;
}

// What is there before the examples of a verb are run, one after the other as the help lists them.
// The verbs of most nouns make their own; the others find a campaign being sent.
const Lines& Needs(const std::string& noun, const std::string& verb) {
  static const Lines* const kNothing = new Lines();
  static const Lines* const kIps =
      new Lines{"ip create mta1-a --address 192.0.2.10 --ehlo-name a.example.com",
                "ip create mta1-b --address 192.0.2.11 --ehlo-name b.example.com",
                "ip create mta1-c --address 192.0.2.12 --ehlo-name c.example.com",
                "ip create mta1-d --address 192.0.2.13 --ehlo-name d.example.com",
                "ip create mta2-a --address 192.0.2.20 --ehlo-name e.example.com"};
  static const Lines* const kPool = new Lines{(*kIps)[0], "pool create main --ip mta1-a"};
  static const Lines* const kSending = new Lines{
      (*kIps)[0],
      "pool create main --ip mta1-a",
      "plan create warm-a --ip mta1-a --target 50000",
      "plan start warm-a",
      "campaign create spring --pool main --from news@shop.example --subject Hello --text body.txt",
      "campaign import spring recipients.csv",
      "campaign start spring"};
  const bool looks = verb == "forecast" || verb == "explain" || verb == "send" || verb == "watch";
  if ((looks && noun != "plan") || (noun == "plan" && verb == "forecast") || verb == "top" ||
      noun == "lane" || noun == "delivery" || noun == "event" || noun == "engagement") {
    return *kSending;
  }
  if (noun == "pool" || noun == "plan" || noun.empty()) return *kIps;
  return noun == "campaign" ? *kPool : *kNothing;
}

enum class Lasts { kShort, kUntilStopped, kAsLongAsTheMail };

class Setting {
 public:
  explicit Setting(const Lines& commands) {
    WorkingFolder::Write("body.txt", "Hello {{first_name}}\n");
    std::string content = "email,score,first_name\nann@example.com,1,Ann\nfull@gmail.com,1,Fay\n";
    for (int i = 3; i < 30; ++i) absl::StrAppend(&content, "r", i, "@gmail.com,0.9,R\n");
    WorkingFolder::Write("recipients.csv", content);
    WorkingFolder::Write("spring.eml", "From: Shop <news@shop.example>\nSubject: Hi\n\nHello\n");
    WorkingFolder::Write("clicks.csv",
                         "email,kind,time\nann@example.com,click,2025-12-31T12:00:00Z\n");
    WorkingFolder::Write("new-scores.csv", "email,score\nann@example.com,0.5\n");
    for (const std::string& command : commands) {
      EXPECT_EQ(RunProgram(world_.address(), "crescendo " + command).code, 0) << command;
    }
    world_.Advance(absl::Hours(3));
  }

  // The file of a daemon that is stopped, as a backup of it would be.
  void MakeBackup(const std::string& path) {
    std::filesystem::create_directory("crescendo-data");
    EXPECT_TRUE(store::SqliteStore::Open(path).ok());
  }

  // One that goes on until Ctrl-C is stopped at its first output, or once it waits for one; one
  // that waits for the end of a campaign is given the time.
  Ran Run(const std::string& line, Lasts lasts) {
    Interrupt interrupt;
    ProgramOptions options{.interrupt = &interrupt};
    options.environment = {{"CRESCENDO_PROFILES", "profiles.textproto"}};
    if (lasts == Lasts::kShort) return RunProgram(world_.address(), line, options);
    if (lasts == Lasts::kAsLongAsTheMail) {
      std::atomic<bool> over{false}, watched{false};
      options.on_err = [&](const std::string& so_far) {
        if (absl::StrContains(so_far, " done, ")) watched = true;
      };
      std::thread time([&] {
        // Not before it is watched, for that too is a matter of its own time.
        while (!watched && !over) std::this_thread::yield();
        while (!over) world_.Advance(absl::Minutes(1));
      });
      const Ran ran = RunProgram(world_.address(), line, options);
      over = true;
      time.join();
      return ran;
    }
    options.on_out = [&](const std::string&) { interrupt.Trigger(); };
    std::thread later([this, &interrupt] {
      while (world_.open_streams() == 0 && !interrupt.triggered()) std::this_thread::yield();
      // Something happens that the streams tell of; again, as an open one may not listen yet. By
      // minutes: half a year would take minutes of ours, and then what is old is pruned.
      while (!interrupt.triggered()) world_.Advance(absl::Minutes(1));
    });
    const Ran ran = RunProgram(world_.address(), line, options);
    interrupt.Trigger();
    later.join();
    return ran;
  }

 private:
  WorkingFolder folder_;
  ServiceWorld world_;
};

TEST(Help, EveryPageShowsItsCommandWhole) {
  GlobalTexts texts;
  CommandTree tree;
  AddAllCommands(tree, &texts);
  ASSERT_GT(tree.commands().size(), 30u);
  const std::string program = Page("");
  for (const NounInfo& noun : tree.nouns()) {
    EXPECT_THAT(program, HasSubstr(absl::StrCat("\n  ", noun.name, " ")));
    EXPECT_THAT(Page(noun.name), AllOf(HasSubstr(noun.summary), HasSubstr("VERB --help")));
  }
  for (const CommandInfo& command : tree.commands()) {
    const std::string name =
        absl::StrCat(command.noun, command.noun.empty() ? "" : " ", command.verb);
    SCOPED_TRACE(name);
    const std::string page = Page(name);
    EXPECT_THAT(page, HasSubstr(absl::StrCat("Usage\n  crescendo ", name)));
    EXPECT_THAT(page, HasSubstr("Exit codes\n  0 "));
    for (const OptionInfo& option : command.options) {
      EXPECT_THAT(page, HasSubstr(option.flags.substr(option.flags.find("--"))));
      EXPECT_THAT(option.help, Not(IsEmpty()));
    }
    for (const ArgumentInfo& argument : command.arguments) {
      EXPECT_THAT(page, HasSubstr(argument.name));
      EXPECT_THAT(argument.help, Not(IsEmpty()));
    }
    EXPECT_THAT(Examples(page), Not(IsEmpty())) << "a page without an example";
  }
}

TEST(Help, NoLineIsTooWideForATerminal) {
  GlobalTexts texts;
  CommandTree tree;
  AddAllCommands(tree, &texts);
  for (const CommandInfo& command : tree.commands()) {
    for (const absl::string_view line : absl::StrSplit(CommandHelp(tree, command), '\n')) {
      // An example is one line, to be copied.
      if (absl::StartsWith(line, "  crescendo ")) continue;
      EXPECT_LE(DisplayWidth(line), 80u) << line;
    }
  }
}

TEST(Help, EveryExampleDoesWhatItSays) {
  GlobalTexts texts;
  CommandTree tree;
  AddAllCommands(tree, &texts);
  std::unique_ptr<Setting> setting;
  std::string noun = "none yet";
  const Lines* last_needs = nullptr;
  for (const CommandInfo& command : tree.commands()) {
    const std::string name =
        absl::StrCat(command.noun, command.noun.empty() ? "" : " ", command.verb);
    const Lines& needs = Needs(command.noun, command.verb);
    if (command.noun != noun || &needs != last_needs) {
      noun = command.noun;
      last_needs = &needs;
      setting = nullptr;  // One working folder at a time.
      setting = std::make_unique<Setting>(needs);
      if (noun == "store") setting->MakeBackup("crescendo-2026-03-02.db");
    }
    const bool endless =
        name == "plan watch" || command.verb == "stream" || command.verb == "trace";
    const Lasts lasts = endless ? Lasts::kUntilStopped
                        : name == "campaign send" || name == "campaign watch"
                            ? Lasts::kAsLongAsTheMail
                            : Lasts::kShort;
    for (const std::string& example : Examples(Page(name))) {
      SCOPED_TRACE(example);
      EXPECT_THAT(example, testing::StartsWith(absl::StrCat("crescendo ", name)));
      const Ran ran = setting->Run(example, lasts);
      if (name == "store backup") {
        // It came as far as the daemon of this test, which keeps nothing in a file.
        EXPECT_THAT(ran.err, HasSubstr("not possible in this state"));
        continue;
      }
      EXPECT_EQ(ran.code, endless ? 130 : 0) << ran.err;
      // No alert is good news, and what makes a file says so beside the data.
      const bool quiet = noun == "store" || name == "profile set" || name == "profile remove";
      if (name != "event list" && !quiet) EXPECT_THAT(ran.out, Not(IsEmpty()));
    }
  }
}

// Those of the first page are a first warm-up, one after the other.
TEST(Help, TheFirstPageTellsAStory) {
  Setting setting({});
  const Lines examples = Examples(Page(""));
  ASSERT_GE(examples.size(), 4u);
  for (const std::string& example : examples) {
    SCOPED_TRACE(example);
    const bool endless = absl::StrContains(example, " watch ");
    const Ran ran = setting.Run(example, endless ? Lasts::kUntilStopped : Lasts::kShort);
    EXPECT_EQ(ran.code, endless ? 130 : 0) << ran.err;
  }
}

}  // namespace
}  // namespace crescendo::cli
