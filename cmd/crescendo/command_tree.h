// command_tree.h: `crescendo <noun> <verb>`: what may be typed, and what it does.
//
// One description serves the parser (CLI11, in command_tree.cc only), the help pages, and the shell
// completion, so they cannot drift apart.
//
// Errors   Parse: UsageError, one line, with what to look at.
// Threads  one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "cmd/crescendo/context.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace crescendo::cli {

struct ArgumentInfo {
  std::string name;  // "NAME"
  std::string help;
  bool required = true;
  bool repeated = false;
};

struct OptionInfo {
  std::string flags;  // "-o,--output"
  std::string value;  // "FORMAT"; "" for a switch.
  std::string help;
  std::vector<std::string> choices;  // Empty: anything.
  bool required = false;
  bool repeated = false;
};

struct CommandInfo {
  std::string noun, verb, summary;
  std::vector<ArgumentInfo> arguments;
  std::vector<OptionInfo> options;
  std::vector<std::string> notes;     // Paragraphs of the help page.
  std::vector<std::string> examples;  // Whole command lines, "crescendo …".
  std::function<absl::Status(Context&)> run;
};

// Describes one command; every pointer must outlive the tree. A value that cannot be read is a
// usage error of Parse that names the option.
class Command {
 public:
  Command& Argument(const char* name, std::string* value, const char* help);
  Command& OptionalArgument(const char* name, std::string* value, const char* help);
  Command& OptionalArguments(const char* name, std::vector<std::string>* values, const char* help);
  Command& Option(const char* flags, const char* value_name, std::string* value, const char* help);
  Command& Option(const char* flags, const char* value_name, std::optional<std::string>* value,
                  const char* help);
  // May be given again and again; each takes one value.
  Command& Option(const char* flags, const char* value_name, std::vector<std::string>* values,
                  const char* help);
  // A whole number, "20000", "20,000" or "20k", of at least `least`.
  Command& Option(const char* flags, const char* value_name, int64_t* value, int64_t least,
                  const char* help);
  Command& Option(const char* flags, const char* value_name, std::optional<absl::Duration>* value,
                  const char* help);
  Command& Choice(const char* flags, const char* value_name, std::vector<std::string> choices,
                  std::string* value, const char* help);
  // May be given again and again.
  Command& Choices(const char* flags, const char* value_name, std::vector<std::string> choices,
                   std::vector<std::string>* values, const char* help);
  Command& Flag(const char* flags, bool* value, const char* help);
  // The option described last must be given.
  Command& Required(bool required = true);
  Command& Note(const char* text);
  Command& Example(const char* line);
  void Run(std::function<absl::Status(Context&)> run);

 private:
  friend class CommandTree;
  Command(CommandInfo* info, CLI::App* app) : info_(info), app_(app) {}
  Command& Add(OptionInfo option, CLI::Option* parsed);
  CLI::Option* Read(const char* flags, std::function<absl::Status(const std::string&)> read);

  CommandInfo* info_;
  CLI::App* app_;
  CLI::Option* last_ = nullptr;
};

struct NounInfo {
  std::string name, summary;
};

// What a command line asks for.
struct Parsed {
  enum class Kind { kRun, kHelp, kVersion };
  Kind kind = Kind::kRun;
  const CommandInfo* command = nullptr;  // Of kRun; of kHelp, where a verb was given.
  std::string noun;                      // Of kHelp, where one was given.
};

class CommandTree {
 public:
  CommandTree();
  ~CommandTree();

  void Noun(const char* name, const char* summary);
  // REQUIRES: the noun is there. With noun "" the command has no noun.
  Command Verb(const char* noun, const char* verb, const char* summary);
  // Options of every command.
  Command Global();

  absl::StatusOr<Parsed> Parse(const std::vector<std::string>& arguments);

  const std::vector<NounInfo>& nouns() const { return nouns_; }
  const std::deque<CommandInfo>& commands() const { return commands_; }
  const CommandInfo& global() const { return global_; }

 private:
  CLI::App* Parent(const std::string& noun) const;
  std::string Path() const;
  absl::Status Misused(absl::string_view fault) const;
  absl::Status Unknown(const CommandInfo* command) const;

  std::unique_ptr<CLI::App> root_;
  std::vector<NounInfo> nouns_;
  std::deque<CommandInfo> commands_;  // Stays where it is while it grows.
  CommandInfo global_;
};

}  // namespace crescendo::cli
