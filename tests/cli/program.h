// program.h: runs the CLI as the function it is, and keeps what it printed.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "cmd/crescendo/interrupt.h"
#include "cmd/crescendo/keyboard.h"
#include "scheduler/base/clock.h"

namespace crescendo::cli {

struct Ran {
  int code = 0;
  std::string out, err;
};

struct ProgramOptions {
  bool terminal = false;  // Of out and err alike.
  bool colour = false;
  int width = 0, height = 0;
  std::vector<Key> keys;  // Pressed one after the other; then nobody presses any.
  // Called after each piece of output with all there is so far.
  std::function<void(const std::string&so_far)> on_out, on_err;
  Interrupt* interrupt = nullptr;
  std::vector<std::pair<std::string, std::string>> environment;
};

// The words of a line as a shell would read them: "a 'b c'" is a, and b c.
std::vector<std::string> Words(const std::string& line);

// `line` begins with "crescendo". The CLI's own clock goes on a second with each look at it.
Ran RunProgram(const std::string& server, const std::string& line,
               const ProgramOptions& options = {});

// A private folder that is the working directory while this lives.
class WorkingFolder {
 public:
  WorkingFolder();
  ~WorkingFolder();
  WorkingFolder(const WorkingFolder&) = delete;
  WorkingFolder& operator=(const WorkingFolder&) = delete;
  static void Write(const std::string& name, absl::string_view content);

 private:
  std::string before_, path_;
};

}  // namespace crescendo::cli
