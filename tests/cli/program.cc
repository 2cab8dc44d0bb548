#include "tests/cli/program.h"

#include <stdlib.h>
#include <unistd.h>
#include <wordexp.h>

#include <filesystem>
#include <fstream>
#include <ostream>
#include <streambuf>

#include "cmd/crescendo/cli.h"
#include "gtest/gtest.h"
#include "scheduler/base/check.h"
#include "scheduler/base/mutex.h"

namespace crescendo::cli {
namespace {

class Capture final : public std::streambuf {
 public:
  explicit Capture(std::function<void(const std::string&)> hook) : hook_(std::move(hook)) {}
  const std::string& text() const { return text_; }

 protected:
  int overflow(int character) override {
    if (character == traits_type::eof()) return 0;
    text_ += static_cast<char>(character);
    return character;
  }
  std::streamsize xsputn(const char* bytes, std::streamsize count) override {
    text_.append(bytes, static_cast<size_t>(count));
    if (hook_) hook_(text_);
    return count;
  }

 private:
  const std::function<void(const std::string&)> hook_;
  std::string text_;
};

class TickingClock final : public base::Clock {
 public:
  base::Moment Now() const override {
    base::MutexLock lock(&mu_);
    now_ += absl::Seconds(1);
    return {absl::UnixEpoch() + now_, now_};
  }
  absl::Duration RealDelay(absl::Duration delay) const override { return delay; }

 private:
  mutable base::Mutex mu_;
  mutable absl::Duration now_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

std::vector<std::string> Words(const std::string& line) {
  wordexp_t expansion;
  const int error = wordexp(line.c_str(), &expansion, WRDE_NOCMD | WRDE_UNDEF);
  EXPECT_EQ(error, 0) << "a shell would not read this as one command: " << line;
  if (error != 0) return {};
  std::vector<std::string> words(expansion.we_wordv, expansion.we_wordv + expansion.we_wordc);
  wordfree(&expansion);
  return words;
}

Ran RunProgram(const std::string& server, const std::string& line, const ProgramOptions& options) {
  std::vector<std::string> arguments = Words(line);
  if (arguments.empty() || arguments[0] != "crescendo") {
    ADD_FAILURE() << "not a command line of crescendo: " << line;
    return {.code = -1};
  }
  arguments.erase(arguments.begin());
  Capture out_text(options.on_out), err_text(options.on_err);
  std::ostream out(&out_text), err(&err_text);
  std::ifstream in("/dev/null");
  Streams streams{out, err, in};
  streams.out_is_terminal = streams.err_is_terminal = options.terminal;
  streams.colour = options.colour;
  if (options.width > 0) streams.width = [width = options.width] { return width; };
  if (options.height > 0) streams.height = [height = options.height] { return height; };
  streams.key = [keys = options.keys, next = size_t{0}](absl::Duration) mutable {
    return next < keys.size() ? std::optional(keys[next++]) : std::nullopt;
  };
  const auto environment = [&](const char* name) -> std::string {
    for (const auto& [key, value] : options.environment) {
      if (key == name) return value;
    }
    if (name == std::string("CRESCENDO_SERVER")) return server;
    return name == std::string("USER") ? "ann" : "";
  };
  Interrupt own;
  const TickingClock clock;
  const ExitCode code = Run(arguments, environment, streams, clock,
                            options.interrupt != nullptr ? *options.interrupt : own);
  return {static_cast<int>(code), out_text.text(), err_text.text()};
}

WorkingFolder::WorkingFolder() : before_(std::filesystem::current_path()) {
  std::string pattern = (std::filesystem::temp_directory_path() / "crescendo-cli-XXXXXX").string();
  CRESCENDO_CHECK(mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
  std::filesystem::current_path(path_);
}

WorkingFolder::~WorkingFolder() {
  std::filesystem::current_path(before_);
  std::filesystem::remove_all(path_);
}

void WorkingFolder::Write(const std::string& name, absl::string_view content) {
  std::ofstream(name, std::ios::binary) << content;
}

}  // namespace crescendo::cli
