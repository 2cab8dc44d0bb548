// The program itself: signals, and standard output that goes away or is full.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/cli/program.h"
#include "tests/cli/service_world.h"

namespace crescendo::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class Process {
 public:
  // Standard output goes to `out`, or to a pipe when it is -1; standard error to a file.
  Process(const std::string& server, const std::string& line, int out = -1) {
    std::vector<std::string> words = Words(line);
    int pipes[2] = {-1, -1};
    if (out < 0) EXPECT_EQ(pipe2(pipes, O_CLOEXEC), 0);
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(out < 0 ? pipes[1] : out, STDOUT_FILENO);
      dup2(open("errors", O_CREAT | O_TRUNC | O_WRONLY, 0600), STDERR_FILENO);
      setenv("CRESCENDO_SERVER", server.c_str(), 1);
      execv(CRESCENDO_CLI, arguments.data());
      _exit(127);
    }
    if (out < 0) close(pipes[1]);
    out_ = pipes[0];
  }
  ~Process() {
    CloseOutput();
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
  }
  std::string Line() {
    std::string line;
    char byte;
    while (read(out_, &byte, 1) == 1 && byte != '\n') line += byte;
    return line;
  }
  void CloseOutput() {
    if (out_ >= 0) close(out_);
    out_ = -1;
  }
  void Signal(int number) { kill(pid_, number); }
  // -1: ended by a signal.
  int Wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  static std::string Errors() {
    std::string text(4096, '\0');
    const int file = open("errors", O_RDONLY);
    const ssize_t got = read(file, text.data(), text.size());
    close(file);
    text.resize(got > 0 ? static_cast<size_t>(got) : 0);
    return text;
  }

 private:
  pid_t pid_;
  int out_;
};

class ProcessTest : public testing::Test {
 protected:
  ProcessTest() {
    EXPECT_EQ(RunProgram(world_.address(), "crescendo suppression add ann@example.com").code, 0);
  }

  WorkingFolder folder_;
  ServiceWorld world_;
};

TEST_F(ProcessTest, CtrlCAndTerminateEndWhatRuns) {
  for (const int number : {SIGINT, SIGTERM}) {
    Process process(world_.address(), "crescendo event stream --after 0");
    EXPECT_THAT(process.Line(), HasSubstr("SUPPRESSION_ADDED  ann@example.com"));
    process.Signal(number);
    EXPECT_EQ(process.Wait(), 130);
    EXPECT_EQ(Process::Errors(), "crescendo: interrupted\n");
  }
}

TEST_F(ProcessTest, AReaderThatHasSeenEnoughIsNoFailure) {
  Process process(world_.address(), "crescendo event stream --after 0 -o json");
  EXPECT_THAT(process.Line(), StartsWith("{\"name\":\"events/1\""));
  process.CloseOutput();
  // The next event finds nobody.
  EXPECT_EQ(RunProgram(world_.address(), "crescendo suppression add ben@example.com").code, 0);
  EXPECT_EQ(process.Wait(), 0);
  EXPECT_EQ(Process::Errors(), "");
}

TEST_F(ProcessTest, AFullDiskIsAFailure) {
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  Process process(world_.address(), "crescendo suppression list", full);
  EXPECT_EQ(process.Wait(), 1);
  EXPECT_EQ(Process::Errors(),
            "crescendo: cannot write standard output: No space left on device\n");
  close(full);
}

TEST_F(ProcessTest, ArgumentsThatAreNotUtf8AreShownEscaped) {
  Process process(world_.address(), "crescendo plan get 'w\xff\x1b[31m'");
  EXPECT_EQ(process.Wait(), 2);
  EXPECT_THAT(Process::Errors(), HasSubstr("\"w\\xff\\x1b[31m\" does not name a plan"));
}

}  // namespace
}  // namespace crescendo::cli
