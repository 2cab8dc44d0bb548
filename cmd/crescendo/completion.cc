// The completion half of help.h.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "cmd/crescendo/help.h"

namespace crescendo::cli {
namespace {

std::vector<std::string> Flags(const CommandInfo& command) {
  std::vector<std::string> flags;
  for (const OptionInfo& option : command.options) {
    for (const auto& flag : absl::StrSplit(option.flags, ',')) flags.emplace_back(flag);
  }
  return flags;
}

std::vector<std::string> FirstWords(const CommandTree& tree) {
  std::vector<std::string> words;
  for (const NounInfo& noun : tree.nouns()) words.push_back(noun.name);
  for (const CommandInfo& command : tree.commands()) {
    if (command.noun.empty()) words.push_back(command.verb);
  }
  return words;
}

std::string BashChoices(const CommandInfo& command) {
  std::string out;
  for (const OptionInfo& option : command.options) {
    if (option.choices.empty()) continue;
    const std::string flags = absl::StrReplaceAll(option.flags, {{",", "|"}});
    absl::StrAppend(&out, "    ", flags, ") COMPREPLY=($(compgen -W \"",
                    absl::StrJoin(option.choices, " "), "\" -- \"$word\")); return ;;\n");
  }
  return out;
}

// Inside a zsh description: no brackets, quotes or colons.
std::string ZshText(const std::string& text) {
  return absl::StrReplaceAll(text, {{"'", ""},
                                    {"[", "("},
                                    {"]", ")"},
                                    {":", " -"},
                                    {"\"", ""},
                                    {"`", ""},
                                    {"$", ""},
                                    {"\\", ""}});
}

std::string ZshSpec(const OptionInfo& option) {
  std::string out;
  for (const auto& flag : absl::StrSplit(option.flags, ',')) {
    absl::StrAppend(&out, " '", option.repeated ? "*" : "", std::string(flag), "[",
                    ZshText(option.help), "]");
    if (!option.value.empty()) {
      absl::StrAppend(&out, ":", ZshText(option.value), ":");
      absl::StrAppend(&out, option.choices.empty()
                                ? (option.value == "FILE" ? "_files" : "")
                                : absl::StrCat("(", absl::StrJoin(option.choices, " "), ")"));
    }
    absl::StrAppend(&out, "'");
  }
  return out;
}

}  // namespace

std::string BashCompletion(const CommandTree& tree) {
  const std::string global = absl::StrCat(absl::StrJoin(Flags(tree.global()), " "), " --help");
  std::vector<std::string> with_value;
  for (const OptionInfo& option : tree.global().options) {
    if (!option.value.empty())
      with_value.push_back(absl::StrReplaceAll(option.flags, {{",", "|"}}));
  }
  // Options of every command may stand in front of the noun. A word with : or = in it is three.
  std::string out = absl::StrCat(
      "# bash completion of crescendo: source <(crescendo completion bash)\n"
      "_crescendo() {\n"
      "  local word=\"${COMP_WORDS[COMP_CWORD]}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
      "  local noun=\"\" verb=\"\" i\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    case \"${COMP_WORDS[i]}\" in\n      ",
      absl::StrJoin(with_value, "|"),
      ")\n"
      "        ((++i))\n"
      "        while [[ \"${COMP_WORDS[i+1]-}\" == [:=] ]]; do ((i += 2)); done ;;\n"
      "      -*) ;;\n"
      "      *) if [ -z \"$noun\" ]; then noun=\"${COMP_WORDS[i]}\"\n"
      "         elif [ -z \"$verb\" ]; then verb=\"${COMP_WORDS[i]}\"; fi ;;\n"
      "    esac\n"
      "  done\n"
      "  COMPREPLY=()\n"
      "  case \"$before\" in\n",
      BashChoices(tree.global()), "  esac\n", "  if [ -z \"$noun\" ]; then\n",
      "    if [[ \"$word\" == -* ]]; then COMPREPLY=($(compgen -W \"", global,
      " --version\" -- \"$word\"))\n    else COMPREPLY=($(compgen -W \"",
      absl::StrJoin(FirstWords(tree), " "), "\" -- \"$word\")); fi\n    return\n  fi\n",
      "  if [ -z \"$verb\" ] && [[ \"$word\" != -* ]]; then\n    case \"$noun\" in\n");
  for (const NounInfo& noun : tree.nouns()) {
    std::vector<std::string> verbs;
    for (const CommandInfo& command : tree.commands()) {
      if (command.noun == noun.name) verbs.push_back(command.verb);
    }
    absl::StrAppend(&out, "    ", noun.name, ") COMPREPLY=($(compgen -W \"",
                    absl::StrJoin(verbs, " "), "\" -- \"$word\")); return ;;\n");
  }
  absl::StrAppend(&out,
                  "    completion) COMPREPLY=($(compgen -W \"bash zsh\" -- \"$word\")); return ;;\n"
                  "    esac\n  fi\n  case \"$noun $verb\" in\n");
  for (const CommandInfo& command : tree.commands()) {
    if (command.noun.empty()) continue;
    absl::StrAppend(&out, "  \"", command.noun, " ", command.verb, "\")\n    case \"$before\" in\n",
                    BashChoices(command), "    esac\n    [[ \"$word\" == -* ]] && ",
                    "COMPREPLY=($(compgen -W \"", absl::StrJoin(Flags(command), " "), " ", global,
                    "\" -- \"$word\")) ;;\n");
  }
  absl::StrAppend(&out, "  *) [[ \"$word\" == -* ]] && COMPREPLY=($(compgen -W \"", global,
                  "\" -- \"$word\")) ;;\n",
                  "  esac\n}\ncomplete -o default -F _crescendo crescendo\n");
  return out;
}

std::string ZshCompletion(const CommandTree& tree) {
  std::string global;
  for (const OptionInfo& option : tree.global().options) absl::StrAppend(&global, ZshSpec(option));
  std::string out = absl::StrCat(
      "#compdef crescendo\n# zsh completion of crescendo: source <(crescendo completion zsh)\n"
      "_crescendo() {\n  local -a words_\n  if (( CURRENT == 2 )); then\n    words_=(");
  for (const NounInfo& noun : tree.nouns()) {
    absl::StrAppend(&out, " '", noun.name, ":", ZshText(noun.summary), "'");
  }
  absl::StrAppend(&out, " 'completion:A script for the shell')\n",
                  "    _describe noun words_; return\n  fi\n",
                  "  if (( CURRENT == 3 )); then\n    case $words[2] in\n");
  for (const NounInfo& noun : tree.nouns()) {
    absl::StrAppend(&out, "    ", noun.name, ") words_=(");
    for (const CommandInfo& command : tree.commands()) {
      if (command.noun != noun.name) continue;
      absl::StrAppend(&out, " '", command.verb, ":", ZshText(command.summary), "'");
    }
    absl::StrAppend(&out, ") ;;\n");
  }
  absl::StrAppend(&out,
                  "    completion) words_=(bash zsh) ;;\n    esac\n    _describe verb words_; "
                  "return\n  fi\n  case \"$words[2] $words[3]\" in\n");
  for (const CommandInfo& command : tree.commands()) {
    if (command.noun.empty()) continue;
    std::string specs;
    for (const OptionInfo& option : command.options) absl::StrAppend(&specs, ZshSpec(option));
    absl::StrAppend(&out, "  \"", command.noun, " ", command.verb, "\") shift 2 words; ",
                    "(( CURRENT -= 2 )); _arguments", specs, global, " '*:argument:_files' ;;\n");
  }
  absl::StrAppend(&out, "  esac\n}\ncompdef _crescendo crescendo\n");
  return out;
}

}  // namespace crescendo::cli
