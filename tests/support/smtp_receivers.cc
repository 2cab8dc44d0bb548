#include "tests/support/smtp_receivers.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

extern char** environ;

namespace crescendo::testing {
namespace {

constexpr int kPatienceMs = 20000;

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// The inodes of the sockets `pid` holds.
std::set<std::string> SocketsOf(pid_t pid) {
  std::set<std::string> inodes;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(absl::StrCat("/proc/", pid, "/fd"), error)) {
    const std::string target = std::filesystem::read_symlink(entry.path(), error).string();
    if (absl::StartsWith(target, "socket:[")) inodes.insert(target.substr(8, target.size() - 9));
  }
  return inodes;
}

// The port `pid` listens on; 0 if it does not yet. Lines of /proc/net/tcp, see proc(5):
// "0: 0100007F:A47B 00000000:0000 0A …", where 0A is LISTEN and the tenth word the inode.
uint16_t ListeningPort(pid_t pid) {
  const std::set<std::string> inodes = SocketsOf(pid);
  std::ifstream table("/proc/net/tcp");
  for (std::string line; std::getline(table, line);) {
    std::istringstream words(line);
    std::vector<std::string> word(10);
    for (std::string& w : word) words >> w;
    if (word[3] != "0A" || inodes.count(word[9]) == 0) continue;
    return std::strtoul(word[1].substr(word[1].find(':') + 1).c_str(), nullptr, 16);
  }
  return 0;
}

std::string SinkRoot() {
  const char* const given = std::getenv("CRESCENDO_SMTP_SINK");
  return given != nullptr ? given : CRESCENDO_SOURCE_DIR "/build/smtp-sink";
}

}  // namespace

bool ChildProcess::Start(const std::vector<std::string>& arguments,
                         const std::vector<std::string>& environment) {
  int in[2], out[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) return false;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);

  std::vector<std::string> argv = arguments;
  std::vector<std::string> envp = environment;
  for (char** variable = environ; *variable != nullptr; ++variable) envp.push_back(*variable);
  const int error = posix_spawn(&pid_, argv[0].c_str(), &actions, nullptr, Pointers(argv).data(),
                                Pointers(envp).data());
  posix_spawn_file_actions_destroy(&actions);
  close(in[0]);
  close(out[1]);
  input_ = in[1];
  output_ = out[0];
  if (error != 0) pid_ = -1;
  return error == 0;
}

ChildProcess::~ChildProcess() {
  if (input_ >= 0) close(input_);
  if (output_ >= 0) close(output_);
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

std::string ChildProcess::ReadLine() {
  while (true) {
    const size_t end = read_.find('\n');
    if (end != std::string::npos) {
      const std::string line = read_.substr(0, end);
      read_.erase(0, end + 1);
      return line;
    }
    pollfd waiting = {output_, POLLIN, 0};
    char bytes[4096];
    if (poll(&waiting, 1, kPatienceMs) <= 0) return "";
    const ssize_t got = read(output_, bytes, sizeof(bytes));
    if (got <= 0) return "";
    read_.append(bytes, got);
  }
}

void ChildProcess::Finish() {
  if (input_ >= 0) close(input_);
  input_ = -1;
  while (!ReadLine().empty()) {
  }
}

SmtpSink::SmtpSink(const std::vector<std::string>& arguments) {
  const std::string root = SinkRoot();
  const std::string program = root + "/usr/sbin/smtp-sink";
  std::vector<std::string> command = {program};
  // It insists on another user when it is started as root.
  if (geteuid() == 0) command.insert(command.end(), {"-u", "nobody"});
  command.insert(command.end(), arguments.begin(), arguments.end());
  command.insert(command.end(), {"127.0.0.1:0", "64"});
  const std::string libraries =
      absl::StrCat("LD_LIBRARY_PATH=", root, "/usr/lib/postfix:", root, "/lib");
  if (access(program.c_str(), X_OK) != 0 || !process_.Start(command, {libraries})) {
    ADD_FAILURE() << "cannot start " << program << "; get it with tests/support/fetch_smtp_sink.sh";
    return;
  }
  const auto limit = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatienceMs);
  while ((port_ = ListeningPort(process_.pid())) == 0) {
    if (std::chrono::steady_clock::now() > limit ||
        waitpid(process_.pid(), nullptr, WNOHANG) != 0) {
      ADD_FAILURE() << program << " did not come up";
      return;
    }
    poll(nullptr, 0, 5);  // Nothing tells us when it listens, so look again.
  }
}

}  // namespace crescendo::testing
