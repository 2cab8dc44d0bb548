// The program itself: ready line, signals, exit codes.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "cmd/crescendo-sandbox/files.h"
#include "cmd/crescendo-sandbox/ledger.h"
#include "cmd/crescendo-sandbox/recipients.h"
#include "crescendo/config/v1/routes.pb.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "tests/sandbox/support.h"

namespace crescendo::sandbox {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// The program with stdout and stderr in one pipe.
class Program {
 public:
  explicit Program(const std::vector<std::string>& arguments) {
    int output[2];
    EXPECT_EQ(pipe(output), 0);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(output[1], STDOUT_FILENO);
      dup2(output[1], STDERR_FILENO);
      close(output[0]);
      close(output[1]);
      std::vector<char*> argv = {const_cast<char*>("crescendo-sandbox")};
      for (const std::string& argument : arguments) {
        argv.push_back(const_cast<char*>(argument.c_str()));
      }
      argv.push_back(nullptr);
      execv(CRESCENDO_SANDBOX, argv.data());
      _exit(127);
    }
    close(output[1]);
    output_ = output[0];
  }
  ~Program() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    close(output_);
  }
  std::string Line() {
    std::string line;
    char byte;
    while (read(output_, &byte, 1) == 1 && byte != '\n') line += byte;
    return line;
  }
  void Signal(int number) { kill(pid_, number); }
  // -1: ended by a signal.
  int Wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_;
  int output_;
};

TEST(Command, ServesUntilASignalAndKeepsItsLedgerThroughAKill) {
  TempFolder folder;
  ASSERT_TRUE(ReplaceFile(folder.File("scenario"), OneProvider("")).ok());
  const std::vector<std::string> arguments = {"serve",
                                              "--config",
                                              folder.File("scenario"),
                                              "--ledger",
                                              folder.File("l"),
                                              "--routes",
                                              folder.File("routes"),
                                              "--certificate",
                                              folder.File("pem"),
                                              "--clock-epoch",
                                              "2020-01-01T00:00:00Z",
                                              "--clock-start",
                                              "2026-01-01T00:00:00Z",
                                              "--clock-scale",
                                              "10"};
  for (const int signal : {SIGKILL, SIGTERM, SIGINT}) {
    SCOPED_TRACE(signal);
    Program program(arguments);
    ASSERT_THAT(program.Line(), StartsWith("ready: 1 providers, virtual time 20"));
    EXPECT_THAT(ReadFile(folder.File("pem")).value(), StartsWith("-----BEGIN CERTIFICATE-----"));
    config::v1::RouteTable routes;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
        ReadFile(folder.File("routes")).value(), &routes));
    Client client(kIpA, routes.hosts(0).address(), routes.hosts(0).port());
    client.Read();
    client.Ask("EHLO mta1-a.example");
    EXPECT_THAT(client.Deliver("u@p.example"), StartsWith("250 "));
    client.Ask("NOOP");
    program.Signal(signal);
    EXPECT_EQ(program.Wait(), signal == SIGKILL ? -1 : 0);
  }
  const std::vector<LedgerRecord> records = ReadLedger(folder.File("l")).value();
  ASSERT_EQ(records.size(), 3u);
  for (const LedgerRecord& record : records) EXPECT_EQ(record.outcome, RecordOutcome::kAccepted);
}

TEST(Command, MakesRecipients) {
  TempFolder folder;
  Program program({"recipients", "--count", "100", "--seed", "5", "--out", folder.File("r.csv"),
                   "--as-of", "2026-01-01T00:00:00Z"});
  EXPECT_EQ(program.Wait(), 0);
  EXPECT_EQ(ReadFile(folder.File("r.csv")).value(),
            RecipientsCsv(MakeRecipients(100, 5, StartTime())));
}

TEST(Command, ExitCodesTellWhatWasWrong) {
  TempFolder folder;
  ASSERT_TRUE(ReplaceFile(folder.File("empty"), "").ok());
  ASSERT_TRUE(ReplaceFile(folder.File("r.csv"), "email\na@p.example\n").ok());
  ASSERT_TRUE(ReplaceFile(folder.File("bad"), "providers {\n nmae: 'p' }").ok());
  struct Case {
    std::vector<std::string> arguments;
    int exit_code;
    const char* says;
  };
  for (const Case& c : {
           Case{{}, 2, "subcommand"},
           Case{{"recipients", "--count", "-1", "--out", folder.File("x")}, 2, "--count"},
           Case{{"recipients", "--count", "1", "--out", folder.File("no/such")}, 2, "cannot write"},
           Case{{"serve", "--config", folder.File("bad"), "--ledger", folder.File("l"), "--routes",
                 folder.File("x")},
                2,
                "bad: line 2:"},
           Case{{"verify", "--ledger", folder.File("empty")}, 2, "verify needs --days"},
           Case{{"verify", "--ledger", folder.File("none"), "--table-only"}, 2, "cannot open"},
           Case{{"verify", "--ledger", folder.File("empty"), "--days", folder.File("empty"),
                 "--recipients", folder.File("r.csv"), "--deliveries", folder.File("empty")},
                1,
                "DAY"},
       }) {
    SCOPED_TRACE(c.says);
    Program program(c.arguments);
    EXPECT_THAT(program.Line(), HasSubstr(c.says));
    EXPECT_EQ(program.Wait(), c.exit_code);
  }
}

TEST(Command, TheBuiltInScenarioCanBeCopied) {
  Program program({"scenario"});
  EXPECT_THAT(program.Line(), HasSubstr("built-in scenario"));
}

}  // namespace
}  // namespace crescendo::sandbox
