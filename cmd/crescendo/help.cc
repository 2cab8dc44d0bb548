#include "cmd/crescendo/help.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "cmd/crescendo/printable.h"

namespace crescendo::cli {
namespace {

using Rows = std::vector<std::pair<std::string, std::string>>;

constexpr size_t kMaxLabel = 30;
constexpr size_t kPageWidth = 80;

// Broken at blanks; each further line begins at column `indent`.
std::string Wrapped(absl::string_view text, size_t indent) {
  std::string out;
  size_t column = indent;
  for (const absl::string_view word : absl::StrSplit(text, ' ')) {
    const bool fits = column + 1 + DisplayWidth(word) <= kPageWidth;
    if (!out.empty())
      absl::StrAppend(&out, fits ? " " : "\n", fits ? "" : std::string(indent, ' '));
    column = (out.empty() || !fits ? indent : column + 1) + DisplayWidth(word);
    absl::StrAppend(&out, word);
  }
  return out;
}

// "  label   text" lines, the texts below each other; a long label takes a line of its own.
std::string Columns(const Rows& rows) {
  size_t width = 0;
  for (const auto& [label, text] : rows) {
    if (label.size() <= kMaxLabel) width = std::max(width, label.size());
  }
  std::string out;
  for (const auto& [label, text] : rows) {
    absl::StrAppend(&out, "  ", label);
    const bool fits = label.size() <= width;
    const size_t blanks = fits ? width - label.size() + 2 : width + 4;
    absl::StrAppend(&out, fits ? "" : "\n", std::string(blanks, ' '), Wrapped(text, width + 4),
                    "\n");
  }
  return out;
}

std::string Label(const OptionInfo& option) {
  std::string flags = option.flags;
  const size_t comma = flags.find(',');
  if (comma != std::string::npos) flags.insert(comma + 1, " ");
  return option.value.empty() ? flags : absl::StrCat(flags, " ", option.value);
}

std::string Text(const OptionInfo& option) {
  std::string text = option.help;
  if (!option.choices.empty()) {
    absl::StrAppend(&text, " (", absl::StrJoin(option.choices, ", "), ")");
  }
  if (option.required) absl::StrAppend(&text, " [required]");
  if (option.repeated) absl::StrAppend(&text, " [may be repeated]");
  return text;
}

std::string Options(const char* heading, const std::vector<OptionInfo>& options) {
  if (options.empty()) return "";
  Rows rows;
  for (const OptionInfo& option : options) rows.emplace_back(Label(option), Text(option));
  return absl::StrCat("\n", heading, "\n", Columns(rows));
}

std::string GlobalOptionsHelp(const CommandTree& tree) {
  std::vector<OptionInfo> options = tree.global().options;
  options.push_back({"-h,--help", "", "This page", {}});
  options.push_back({"--version", "", "The version of this program", {}});
  return Options("Options of every command", options);
}

std::string Examples(const std::vector<std::string>& examples) {
  if (examples.empty()) return "";
  return absl::StrCat("\nExamples\n  ", absl::StrJoin(examples, "\n  "), "\n");
}

std::string Usage(const CommandInfo& command) {
  std::string usage =
      absl::StrCat("crescendo ", command.noun, command.noun.empty() ? "" : " ", command.verb);
  for (const ArgumentInfo& argument : command.arguments) {
    const std::string name = absl::StrCat(argument.name, argument.repeated ? " …" : "");
    absl::StrAppend(&usage, argument.required ? " " : " [", name, argument.required ? "" : "]");
  }
  for (const OptionInfo& option : command.options) {
    if (option.required) absl::StrAppend(&usage, " ", option.flags, " ", option.value);
  }
  return absl::StrCat(usage, " [OPTIONS]");
}

constexpr char kExitCodes[] = R"(
Exit codes
  0    done
  1    the server refused (not found, bad field, wrong state, …),
       or a line of an import is broken
  2    the command line, or a file it names, cannot be used
  3    the daemon cannot be reached, or gave no answer in time
  130  interrupted (Ctrl-C)
)";

constexpr char kEnvironment[] = R"(
Environment
  CRESCENDO_SERVER  the daemon's address, when --server is not given
  NO_COLOR          set to anything: no colours
)";

}  // namespace

std::string ProgramHelp(const CommandTree& tree) {
  Rows nouns, others;
  for (const NounInfo& noun : tree.nouns()) nouns.emplace_back(noun.name, noun.summary);
  for (const CommandInfo& command : tree.commands()) {
    if (command.noun.empty()) others.emplace_back(command.verb, command.summary);
  }
  return absl::StrCat(
      "crescendo: steers crescendod, which warms up sending IPs and paces marketing mail\n\n"
      "Usage\n  crescendo NOUN VERB [ARGUMENTS] [OPTIONS]\n\nNouns\n",
      Columns(nouns), "\nOthers\n", Columns(others), GlobalOptionsHelp(tree), kEnvironment,
      kExitCodes,
      Examples({"crescendo ip create mta1-a --address 192.0.2.10 --ehlo-name mta1-a.example.com",
                "crescendo pool create main --ip mta1-a",
                "crescendo plan create warm-a --ip mta1-a --target 50000",
                "crescendo plan start warm-a",
                "crescendo campaign create spring --pool main --from 'Shop <news@shop.example>' "
                "--subject Hello --text body.txt",
                "crescendo campaign import spring recipients.csv",
                "crescendo campaign start spring", "crescendo plan watch warm-a"}),
      "\nMore: crescendo NOUN --help, crescendo NOUN VERB --help\n");
}

std::string NounHelp(const CommandTree& tree, const std::string& noun) {
  std::string summary;
  for (const NounInfo& info : tree.nouns()) {
    if (info.name == noun) summary = info.summary;
  }
  Rows verbs;
  for (const CommandInfo& command : tree.commands()) {
    if (command.noun == noun) verbs.emplace_back(command.verb, command.summary);
  }
  return absl::StrCat("crescendo ", noun, ": ", summary, "\n\nUsage\n  crescendo ", noun,
                      " VERB [ARGUMENTS] [OPTIONS]\n\nVerbs\n", Columns(verbs),
                      "\nMore: crescendo ", noun, " VERB --help\n");
}

std::string CommandHelp(const CommandTree& tree, const CommandInfo& command) {
  Rows arguments;
  for (const ArgumentInfo& argument : command.arguments) {
    arguments.emplace_back(argument.name, argument.help);
  }
  std::string out = absl::StrCat(command.summary, "\n\nUsage\n  ", Usage(command), "\n");
  if (!arguments.empty()) absl::StrAppend(&out, "\nArguments\n", Columns(arguments));
  absl::StrAppend(&out, Options("Options", command.options));
  for (const std::string& note : command.notes) absl::StrAppend(&out, "\n", Wrapped(note, 0), "\n");
  absl::StrAppend(&out, Examples(command.examples), GlobalOptionsHelp(tree), kExitCodes);
  return out;
}

}  // namespace crescendo::cli
