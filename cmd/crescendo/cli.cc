#include "cmd/crescendo/cli.h"

#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "cmd/crescendo/commands.h"
#include "cmd/crescendo/forecast_commands.h"
#include "cmd/crescendo/help.h"
#include "cmd/crescendo/printable.h"
#include "cmd/crescendo/profiles.h"
#include "cmd/crescendo/time_text.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::cli {
namespace {

constexpr char kVersion[] = CRESCENDO_VERSION;
constexpr char kDefaultServer[] = "127.0.0.1:7070";
constexpr absl::string_view kDefaultPort = ":7070";
constexpr size_t kMaxActor = 100;

// Metadata takes printable ASCII only.
absl::StatusOr<std::string> Actor(absl::string_view given, absl::string_view user) {
  std::string actor(given);
  if (actor.empty()) actor = absl::StrCat("cli:", user.empty() ? "unknown" : user);
  bool plain = actor.size() <= kMaxActor;
  for (const char c : actor) {
    plain = plain && absl::ascii_isprint(static_cast<unsigned char>(c));
  }
  if (plain) return actor;
  if (given.empty()) return std::string("cli:unknown");
  return UsageError(absl::StrCat("--actor: \"", actor, "\" cannot be sent: want at most ",
                                 kMaxActor, " printable ASCII characters"));
}

// The one that is named; else the server of the environment; else the default.
absl::StatusOr<config::v1::CliProfile> ProfileOf(const GlobalTexts& texts,
                                                 const Environment& environment,
                                                 const GlobalOptions& options) {
  config::v1::CliProfile profile;
  std::string name = texts.profile;
  if (name.empty() && !texts.server.empty()) return profile;
  if (name.empty()) profile.set_server(environment("CRESCENDO_SERVER"));
  if (!profile.server().empty()) return profile;
  ASSIGN_OR_RETURN(config::v1::CliConfig config, ReadProfiles(options.profiles));
  if (name.empty()) name = config.default_profile();
  if (name.empty()) return profile;
  const config::v1::CliProfile* found = FindProfile(config, name);
  if (found == nullptr) return NoSuchProfile(config, name);
  return *found;
}

absl::StatusOr<GlobalOptions> Resolve(const GlobalTexts& texts, const Environment& environment) {
  GlobalOptions options;
  options.profiles = ProfilesFile(environment);
  ASSIGN_OR_RETURN(const config::v1::CliProfile profile, ProfileOf(texts, environment, options));
  ASSIGN_OR_RETURN(options.server,
                   ServerAddress(texts.server.empty() ? profile.server() : texts.server));
  ASSIGN_OR_RETURN(options.actor,
                   Actor(texts.actor.empty() ? profile.actor() : texts.actor, environment("USER")));
  options.json = texts.output == "json";
  if (texts.timeout.has_value()) options.timeout = *texts.timeout;
  if (texts.retry_limit.has_value()) options.retry_limit = *texts.retry_limit;
  return options;
}

ExitCode Fail(const absl::Status& status, const GlobalOptions& options, Streams& streams) {
  streams.err << "crescendo: "
              << Explain(status, options.server, absl::FormatDuration(options.timeout)) << "\n";
  streams.err.flush();
  return ExitCodeOf(status);
}

void AddCompletion(CommandTree& tree) {
  auto shell = std::make_shared<std::string>();
  tree.Verb("", "completion", "Print a completion script for the shell: bash or zsh")
      .Argument("SHELL", shell.get(), "bash or zsh")
      .Note(
          "bash: source <(crescendo completion bash), best in ~/.bashrc\n"
          "zsh: source <(crescendo completion zsh), in ~/.zshrc behind compinit")
      .Example("crescendo completion bash")
      .Example("crescendo completion zsh")
      .Run([&tree, shell](Context& context) {
        if (*shell != "bash" && *shell != "zsh") {
          return UsageError(absl::StrCat("there is no completion for \"", OneLine(*shell),
                                         "\": want bash or zsh"));
        }
        context.streams.out << (*shell == "bash" ? BashCompletion(tree) : ZshCompletion(tree));
        return absl::OkStatus();
      });
}

}  // namespace

// Without a port gRPC would take 443.
absl::StatusOr<std::string> ServerAddress(absl::string_view text) {
  if (text.empty()) return std::string(kDefaultServer);
  for (const char c : text) {
    if (!absl::ascii_isgraph(static_cast<unsigned char>(c))) {
      return UsageError(absl::StrCat("--server: \"", OneLine(text),
                                     "\" is not an address: want 127.0.0.1:7070, host:7070 or "
                                     "unix:/run/crescendo/grpc.sock"));
    }
  }
  if (absl::StartsWith(text, "unix:") || absl::StartsWith(text, "dns:")) return std::string(text);
  const size_t colon = text.rfind(':');
  const size_t bracket = text.rfind(']');
  const bool has_port =
      colon != absl::string_view::npos && (bracket == absl::string_view::npos || colon > bracket);
  if (!has_port) return absl::StrCat(text, kDefaultPort);
  int port = 0;
  if (!absl::SimpleAtoi(text.substr(colon + 1), &port) || port < 1 || port > 65535) {
    return UsageError(absl::StrCat("--server: \"", text.substr(colon + 1),
                                   "\" is not a port: want 1 to 65535, such as host:7070"));
  }
  return std::string(text);
}

void AddAllCommands(CommandTree& tree, GlobalTexts* globals) {
  tree.Global()
      .Option("--server", "ADDRESS", &globals->server,
              "The daemon: host:port or unix:PATH; default 127.0.0.1:7070")
      .Option("--profile", "NAME", &globals->profile,
              "The daemon by a name that crescendo profile set has given it")
      .Option("--timeout", "DURATION", &globals->timeout,
              "How long one call may take, e.g. 30s; default 10s; streams have no end")
      .Option("--retry-limit", "DURATION", &globals->retry_limit,
              "How long streams and imports try to come back after a cut; default 2m")
      .Option("--actor", "NAME", &globals->actor,
              "Who asks, kept in the daemon's events; default cli:$USER")
      .Choice("-o,--output", "FORMAT", {"table", "json"}, &globals->output,
              "For people, or the API's messages one a line")
      .Choice("--color", "WHEN", {"auto", "always", "never"}, &globals->colour,
              "Colours; auto: on a terminal");
  AddIpCommands(tree);
  AddPoolCommands(tree);
  AddPlanCommands(tree);
  AddProviderCommands(tree);
  AddCampaignCommands(tree);
  AddLaneCommands(tree);
  AddDeliveryCommands(tree);
  AddSuppressionCommands(tree);
  AddEventCommands(tree);
  AddStoreCommands(tree);
  AddForecastCommands(tree);
  AddTopCommand(tree);
  AddProfileCommands(tree);
  AddProbeCommand(tree);
  AddTraceCommands(tree);
  AddCompletion(tree);
}

ExitCode Run(const std::vector<std::string>& arguments, const Environment& environment,
             Streams& streams, const base::Clock& clock, Interrupt& interrupt) {
  GlobalTexts texts;
  CommandTree tree;
  AddAllCommands(tree, &texts);
  const absl::StatusOr<Parsed> parsed = tree.Parse(arguments);
  if (!parsed.ok()) return Fail(parsed.status(), {}, streams);
  if (parsed->kind == Parsed::Kind::kVersion) {
    streams.out << "crescendo " << kVersion << "\n";
    return ExitCode::kOk;
  }
  if (parsed->kind == Parsed::Kind::kHelp) {
    streams.out << (parsed->command != nullptr ? CommandHelp(tree, *parsed->command)
                    : parsed->noun.empty()     ? ProgramHelp(tree)
                                               : NounHelp(tree, parsed->noun));
    return ExitCode::kOk;
  }
  const absl::StatusOr<GlobalOptions> options = Resolve(texts, environment);
  if (!options.ok()) return Fail(options.status(), {}, streams);
  if (texts.colour != "auto") streams.colour = texts.colour == "always";
  Client client({options->server, options->timeout, options->actor}, &interrupt);
  Context context{*options, client, streams, clock};
  const absl::Status status = parsed->command->run(context);
  streams.out.flush();
  if (status.ok()) return ExitCode::kOk;
  // Whatever failed behind Ctrl-C failed because of it.
  return Fail(interrupt.triggered() ? absl::CancelledError() : status, *options, streams);
}

}  // namespace crescendo::cli
