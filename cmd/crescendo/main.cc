// The program `crescendo`: real streams, signals and clock around cli::Run.
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cmd/crescendo/cli.h"
#include "grpc/support/log.h"
#include "scheduler/base/real_clock.h"

namespace {

using crescendo::cli::ExitCode;

std::string FromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

winsize TerminalSize() {
  winsize size{};
  ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
  if (size.ws_col == 0) size.ws_col = 80;
  if (size.ws_row == 0) size.ws_row = 24;
  return size;
}

bool WantsColour() {
  return isatty(STDOUT_FILENO) && FromEnvironment("NO_COLOR").empty() &&
         FromEnvironment("TERM") != "dumb";
}

bool IsUtf8Locale() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string value = FromEnvironment(name);
    if (value.empty()) continue;
    const std::string lower = absl::AsciiStrToLower(value);
    return absl::StrContains(lower, "utf-8") || absl::StrContains(lower, "utf8");
  }
  return false;
}

sigset_t EndingSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

// The first Ctrl-C ends what runs and lets it say where it stopped; the second one ends at once.
void WatchSignals(const sigset_t& signals, crescendo::cli::Interrupt* interrupt) {
  std::thread([signals, interrupt] {
    int number = 0;
    sigwait(&signals, &number);
    interrupt->Trigger();
    sigwait(&signals, &number);
    _exit(static_cast<int>(ExitCode::kInterrupted));
  }).detach();
}

// gRPC's own log lines mean nothing to an operator; every failure comes back as a status.
void QuietGrpc() {
  if (FromEnvironment("GRPC_VERBOSITY").empty()) gpr_set_log_function([](gpr_log_func_args*) {});
}

}  // namespace

int main(int argc, char** argv) {
  // Blocked before any thread starts, so that only the watching thread sees them.
  const sigset_t signals = EndingSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  QuietGrpc();
  // Outlives the detached thread, which ends with the process.
  static crescendo::cli::Interrupt interrupt;
  WatchSignals(signals, &interrupt);

  crescendo::cli::FdStream out(STDOUT_FILENO), err(STDERR_FILENO);
  crescendo::cli::Streams streams{out.stream(), err.stream(), std::cin};
  streams.err << std::unitbuf;
  streams.out_is_terminal = isatty(STDOUT_FILENO);
  streams.err_is_terminal = isatty(STDERR_FILENO);
  streams.colour = WantsColour();
  streams.unicode = IsUtf8Locale();
  std::unique_ptr<crescendo::cli::RawTerminal> keyboard;  // From the first key on.
  if (streams.out_is_terminal) {
    streams.width = [] { return TerminalSize().ws_col; };
    streams.height = [] { return TerminalSize().ws_row; };
    streams.key = [&keyboard](absl::Duration wait) {
      if (keyboard == nullptr) keyboard = std::make_unique<crescendo::cli::RawTerminal>();
      return keyboard->Read(wait);
    };
  }

  const auto clock = crescendo::base::NewRealClock();
  const ExitCode code = crescendo::cli::Run(std::vector<std::string>(argv + 1, argv + argc),
                                            FromEnvironment, streams, *clock, interrupt);
  streams.out.flush();
  // A reader that has seen enough (`| head`) is no failure; a full disk is.
  if (code == ExitCode::kOk && out.error() != 0 && out.error() != EPIPE) {
    streams.err << "crescendo: cannot write standard output: " << std::strerror(out.error())
                << "\n";
    return static_cast<int>(ExitCode::kRefused);
  }
  return static_cast<int>(code);
}
