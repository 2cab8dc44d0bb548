// Profiles: names for daemons.
#include <sys/stat.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "cmd/crescendo/profiles.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/cli/program.h"
#include "tests/cli/service_world.h"

namespace crescendo::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class ProfileTest : public testing::Test {
 protected:
  // No server is given by the environment.
  Ran Run(const std::string& line) {
    ProgramOptions options;
    options.environment = {{"CRESCENDO_PROFILES", "folder/profiles.textproto"},
                           {"CRESCENDO_SERVER", server_}};
    return RunProgram("", absl::StrCat("crescendo ", line), options);
  }

  WorkingFolder folder_;
  ServiceWorld world_;
  std::string server_;
};

TEST_F(ProfileTest, ANameStandsForADaemon) {
  EXPECT_EQ(Run(absl::StrCat("profile set here --address ", world_.address())).code, 0);
  EXPECT_EQ(Run("profile set gone --address 127.0.0.1:1 --as ops --default").code, 0);
  EXPECT_THAT(Run("profile list").out,
              AllOf(HasSubstr("gone     127.0.0.1:1"),
                    HasSubstr(absl::StrCat("here     ", world_.address()))));
  struct stat status {};
  ASSERT_EQ(stat("folder/profiles.textproto", &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);

  EXPECT_EQ(Run("ip list --profile here").code, 0);
  EXPECT_EQ(Run("ip list").code, 3);  // The default one is not there.
  EXPECT_EQ(Run(absl::StrCat("ip list --server ", world_.address())).code, 0);
  server_ = world_.address();
  EXPECT_EQ(Run("ip list").code, 0);                 // The environment goes before the default,
  EXPECT_EQ(Run("ip list --profile gone").code, 3);  // and what is named before both.
  server_.clear();

  EXPECT_EQ(Run("profile set here --default").code, 0);
  EXPECT_EQ(Run("ip list").code, 0);
  EXPECT_EQ(Run("profile remove here").code, 0);
  EXPECT_THAT(Run("ip list --profile here").err, HasSubstr("there are: gone"));
}

TEST_F(ProfileTest, WhoAsksIsOfTheProfileUnlessGiven) {
  EXPECT_EQ(
      Run(absl::StrCat("profile set here --as deploy --default --address ", world_.address())).code,
      0);
  EXPECT_EQ(Run("ip create mta1-a --address 192.0.2.1 --ehlo-name a.example.com").code, 0);
  EXPECT_EQ(Run("ip create mta1-b --address 192.0.2.2 --ehlo-name b.example.com --actor ann").code,
            0);
  EXPECT_THAT(Run("event list -o json").out,
              AllOf(HasSubstr("\"actor\":\"deploy\""), HasSubstr("\"actor\":\"ann\"")));
}

TEST_F(ProfileTest, RefusesWhatItCannotUse) {
  struct Case {
    const char* line;
    const char* fault;
  };
  for (const Case& c : {Case{"profile set Prod --address host", "\"Prod\" is no name"},
                        Case{"profile set prod", "needs an address; give --address HOST:PORT"},
                        Case{"profile set prod --address host:0", "\"0\" is not a port"},
                        Case{"profile remove prod", "there are none yet"},
                        Case{"ip list --profile prod", "there is no profile \"prod\""}}) {
    SCOPED_TRACE(c.line);
    const Ran ran = Run(c.line);
    EXPECT_EQ(ran.code, 2);
    EXPECT_THAT(ran.err, HasSubstr(c.fault));
  }
  std::filesystem::create_directory("folder");
  WorkingFolder::Write("folder/profiles.textproto", "profiles {\n  name 7\n}\n");
  EXPECT_THAT(Run("profile list").err, HasSubstr("folder/profiles.textproto:2: "));
  // A broken file is in nobody's way who does not need it.
  EXPECT_EQ(Run(absl::StrCat("ip list --server ", world_.address())).code, 0);
}

TEST(Profiles, WhereTheyAre) {
  std::vector<std::pair<std::string, std::string>> variables;
  const auto file = [&] {
    return ProfilesFile([&](const char* name) -> std::string {
      for (const auto& [key, value] : variables) {
        if (key == name) return value;
      }
      return "";
    });
  };
  EXPECT_EQ(file(), "");
  variables.emplace_back("HOME", "/home/ann");
  EXPECT_EQ(file(), "/home/ann/.config/crescendo/profiles.textproto");
  variables.emplace_back("XDG_CONFIG_HOME", "/etc/ann");
  EXPECT_EQ(file(), "/etc/ann/crescendo/profiles.textproto");
  variables.emplace_back("CRESCENDO_PROFILES", "here");
  EXPECT_EQ(file(), "here");
}

}  // namespace
}  // namespace crescendo::cli
