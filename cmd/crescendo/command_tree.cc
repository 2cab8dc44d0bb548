#include "cmd/crescendo/command_tree.h"

#include <algorithm>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cmd/crescendo/failure.h"
#include "cmd/crescendo/printable.h"
#include "cmd/crescendo/time_text.h"
#include "scheduler/base/check.h"

namespace crescendo::cli {
namespace {

// Edits that turn one word into the other, for "did you mean".
size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

// "" when none is near.
std::string Nearest(absl::string_view word, const std::vector<std::string>& known) {
  for (const std::string& candidate : known) {
    if (EditDistance(word, candidate) <= 2)
      return absl::StrCat("; did you mean \"", candidate, "\"");
  }
  return "";
}

std::string Suggestion(absl::string_view word, const std::vector<std::string>& known) {
  const std::string nearest = Nearest(word, known);
  if (!nearest.empty()) return nearest;
  return absl::StrCat(": want one of ", absl::StrJoin(known, ", "));
}

absl::StatusOr<std::string> OneOf(const std::vector<std::string>& choices,
                                  const std::string& text) {
  const std::string lower = absl::AsciiStrToLower(text);
  if (std::find(choices.begin(), choices.end(), lower) != choices.end()) return lower;
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is not known", Suggestion(lower, choices)));
}

std::vector<std::string> Names(const std::vector<const CLI::App*>& apps) {
  std::vector<std::string> names;
  for (const CLI::App* app : apps) names.push_back(app->get_name());
  return names;
}

}  // namespace

Command& Command::Add(OptionInfo option, CLI::Option* parsed) {
  info_->options.push_back(std::move(option));
  last_ = parsed;
  return *this;
}

// An option whose text is read by us, so that a fault is named in our words.
CLI::Option* Command::Read(const char* flags,
                           std::function<absl::Status(const std::string&)> read) {
  const std::string name(flags);
  return app_->add_option_function<std::string>(name, [name, read](const std::string& text) {
    const absl::Status status = read(text);
    if (!status.ok()) {
      throw CLI::ValidationError(name.substr(name.find("--")), std::string(status.message()));
    }
  });
}

Command& Command::Argument(const char* name, std::string* value, const char* help) {
  app_->add_option(name, *value)->required();
  info_->arguments.push_back({name, help});
  return *this;
}

Command& Command::OptionalArgument(const char* name, std::string* value, const char* help) {
  app_->add_option(name, *value);
  info_->arguments.push_back({name, help, /*required=*/false});
  return *this;
}

Command& Command::OptionalArguments(const char* name, std::vector<std::string>* values,
                                    const char* help) {
  app_->add_option(name, *values);
  info_->arguments.push_back({name, help, /*required=*/false, /*repeated=*/true});
  return *this;
}

Command& Command::Option(const char* flags, const char* value_name, std::string* value,
                         const char* help) {
  return Add({flags, value_name, help, {}}, app_->add_option(flags, *value));
}

Command& Command::Option(const char* flags, const char* value_name,
                         std::optional<std::string>* value, const char* help) {
  return Add({flags, value_name, help, {}}, Read(flags, [value](const std::string& text) {
               *value = text;
               return absl::OkStatus();
             }));
}

Command& Command::Option(const char* flags, const char* value_name,
                         std::vector<std::string>* values, const char* help) {
  OptionInfo info{flags, value_name, help, {}};
  info.repeated = true;
  return Add(std::move(info), app_->add_option(flags, *values)->allow_extra_args(false));
}

Command& Command::Option(const char* flags, const char* value_name, int64_t* value, int64_t least,
                         const char* help) {
  return Add({flags, value_name, help, {}}, Read(flags, [value, least](const std::string& text) {
               const absl::StatusOr<int64_t> count = ParseCount(text);
               if (!count.ok()) return count.status();
               if (*count < least) {
                 return absl::InvalidArgumentError(
                     absl::StrCat(text, " is too small: want at least ", least));
               }
               *value = *count;
               return absl::OkStatus();
             }));
}

Command& Command::Option(const char* flags, const char* value_name,
                         std::optional<absl::Duration>* value, const char* help) {
  return Add({flags, value_name, help, {}}, Read(flags, [value](const std::string& text) {
               const absl::StatusOr<absl::Duration> duration = ParseDuration(text);
               if (duration.ok()) *value = *duration;
               return duration.status();
             }));
}

Command& Command::Choice(const char* flags, const char* value_name,
                         std::vector<std::string> choices, std::string* value, const char* help) {
  OptionInfo info{flags, value_name, help, choices};
  return Add(std::move(info), Read(flags, [choices, value](const std::string& text) {
               const absl::StatusOr<std::string> chosen = OneOf(choices, text);
               if (chosen.ok()) *value = *chosen;
               return chosen.status();
             }));
}

Command& Command::Choices(const char* flags, const char* value_name,
                          std::vector<std::string> choices, std::vector<std::string>* values,
                          const char* help) {
  OptionInfo info{flags, value_name, help, choices};
  info.repeated = true;
  const std::string name(flags);
  const auto read = [name, choices, values](const std::vector<std::string>& texts) {
    for (const std::string& text : texts) {
      const absl::StatusOr<std::string> chosen = OneOf(choices, text);
      if (!chosen.ok()) throw CLI::ValidationError(name, std::string(chosen.status().message()));
      values->push_back(*chosen);
    }
    return true;
  };
  return Add(std::move(info),
             app_->add_option(flags, [read](const CLI::results_t& texts) { return read(texts); })
                 ->type_size(1)
                 ->expected(1)
                 ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
                 ->allow_extra_args(false));
}

Command& Command::Flag(const char* flags, bool* value, const char* help) {
  return Add({flags, "", help, {}}, app_->add_flag(flags, *value));
}

Command& Command::Required(bool required) {
  CRESCENDO_CHECK(last_ != nullptr);
  last_->required(required);
  info_->options.back().required = required;
  return *this;
}

Command& Command::Note(const char* text) {
  info_->notes.push_back(text);
  return *this;
}

Command& Command::Example(const char* line) {
  info_->examples.push_back(line);
  return *this;
}

void Command::Run(std::function<absl::Status(Context&)> run) { info_->run = std::move(run); }

CommandTree::CommandTree() : root_(std::make_unique<CLI::App>("", "crescendo")) {
  root_->set_help_flag("-h,--help");
  root_->set_version_flag("--version", "");
  // At most one: an id may be spelled like a noun or a verb.
  root_->require_subcommand(0, 1);
}

CommandTree::~CommandTree() = default;

void CommandTree::Noun(const char* name, const char* summary) {
  CLI::App* app = root_->add_subcommand(name);
  app->require_subcommand(0, 1);
  app->fallthrough();
  nouns_.push_back({name, summary});
}

CLI::App* CommandTree::Parent(const std::string& noun) const {
  return noun.empty() ? root_.get() : root_->get_subcommand(noun);
}

Command CommandTree::Verb(const char* noun, const char* verb, const char* summary) {
  CLI::App* app = Parent(noun)->add_subcommand(verb);
  app->fallthrough();
  CommandInfo& info = commands_.emplace_back();
  info.noun = noun;
  info.verb = verb;
  info.summary = summary;
  return Command(&info, app);
}

Command CommandTree::Global() { return Command(&global_, root_.get()); }

// "crescendo plan create", as far as it was understood.
std::string CommandTree::Path() const {
  std::string path = "crescendo";
  for (const CLI::App* app = root_.get(); app != nullptr;) {
    const auto below = app->get_subcommands();
    app = below.empty() ? nullptr : below[0];
    if (app != nullptr) absl::StrAppend(&path, " ", app->get_name());
  }
  return path;
}

absl::Status CommandTree::Misused(absl::string_view fault) const {
  const std::string path = Path();
  const size_t blank = path.find(' ');
  return UsageError(absl::StrCat(blank == std::string::npos ? "" : path.substr(blank + 1),
                                 blank == std::string::npos ? "" : ": ", OneLine(fault), "; see ",
                                 path, " --help"));
}

// No such noun, no such verb of the noun, or more than the command takes.
absl::Status CommandTree::Unknown(const CommandInfo* command) const {
  const std::vector<std::string> rest = root_->remaining(/*recurse=*/true);
  const std::string word = rest.empty() ? "" : rest[0];
  if (absl::StartsWith(word, "-")) {
    std::vector<std::string> known;
    for (const CommandInfo* info : {command, &global_}) {
      if (info == nullptr) continue;
      for (const OptionInfo& option : info->options) {
        known.push_back(option.flags.substr(option.flags.find("--")));
      }
    }
    return Misused(absl::StrCat("there is no option \"", word, "\"", Nearest(word, known)));
  }
  if (command != nullptr) return Misused(absl::StrCat("\"", word, "\" is one argument too many"));
  const auto nouns = root_->get_subcommands();
  const CLI::App* app = nouns.empty() ? root_.get() : nouns[0];
  const std::vector<std::string> known =
      Names(app->get_subcommands([](const CLI::App*) { return true; }));
  const char* what = nouns.empty() ? "noun" : "verb";
  return Misused(rest.empty() ? absl::StrCat("no ", what, " given", Suggestion("", known))
                              : absl::StrCat("there is no ", what, " \"", word, "\"",
                                             Suggestion(word, known)));
}

absl::StatusOr<Parsed> CommandTree::Parse(const std::vector<std::string>& arguments) {
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  Parsed parsed;
  const auto find = [this, &parsed] {
    const auto first = root_->get_subcommands();
    if (first.empty()) return;
    const auto second = first[0]->get_subcommands();
    const std::string verb = second.empty() ? "" : second[0]->get_name();
    parsed.noun = first[0]->get_name();
    for (const CommandInfo& command : commands_) {
      const bool with_noun = command.noun == parsed.noun && command.verb == verb;
      const bool without = command.noun.empty() && command.verb == parsed.noun;
      if (with_noun || without) parsed.command = &command;
    }
  };
  try {
    root_->parse(reversed);
  } catch (const CLI::CallForHelp&) {
    find();
    parsed.kind = Parsed::Kind::kHelp;
    return parsed;
  } catch (const CLI::CallForVersion&) {
    parsed.kind = Parsed::Kind::kVersion;
    return parsed;
  } catch (const CLI::ParseError& error) {
    find();
    // Its name is that of the command, so its type tells.
    if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) return Unknown(parsed.command);
    return Misused(error.what());
  }
  find();
  if (parsed.command != nullptr) return parsed;
  if (arguments.empty()) {
    parsed.kind = Parsed::Kind::kHelp;
    return parsed;
  }
  return Unknown(nullptr);
}

}  // namespace crescendo::cli
