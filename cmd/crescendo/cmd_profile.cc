// crescendo profile: names for daemons.
#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "cmd/crescendo/commands.h"
#include "cmd/crescendo/failure.h"
#include "cmd/crescendo/names.h"
#include "cmd/crescendo/printable.h"
#include "cmd/crescendo/profiles.h"
#include "cmd/crescendo/table.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::cli {
namespace {

struct ProfileOptions {
  std::string name, address, as;
  bool make_default = false;
};

absl::Status CheckName(const std::string& name) {
  const bool good = !name.empty() && name.size() <= 63 && name.front() != '-' &&
                    std::all_of(name.begin(), name.end(), [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
                    });
  if (good) return absl::OkStatus();
  return UsageError(absl::StrCat("profile: \"", OneLine(name),
                                 "\" is no name: want 1 to 63 of a-z, 0-9 and -, such as prod"));
}

absl::Status List(Context& context) {
  ASSIGN_OR_RETURN(const config::v1::CliConfig config, ReadProfiles(context.options.profiles));
  Table table({{"PROFILE", Column::kLeft},
               {"SERVER", Column::kLeft},
               {"ACTOR", Column::kLeft},
               {"DEFAULT", Column::kLeft}});
  for (const config::v1::CliProfile& profile : config.profiles()) {
    Emit(context, profile, [&](const config::v1::CliProfile& shown) {
      table.Add({shown.name(), shown.server(), shown.actor().empty() ? "-" : shown.actor(),
                 shown.name() == config.default_profile() ? "yes" : ""});
    });
  }
  if (!table.empty()) table.Print(context.streams);
  if (config.profiles().empty()) {
    Hint(context, "none; crescendo profile set NAME --server ADDRESS makes one");
  }
  return absl::OkStatus();
}

absl::Status Set(const ProfileOptions& options, Context& context) {
  RETURN_IF_ERROR(CheckName(options.name));
  ASSIGN_OR_RETURN(config::v1::CliConfig config, ReadProfiles(context.options.profiles));
  config::v1::CliProfile* profile = FindProfile(config, options.name);
  if (profile == nullptr) {
    if (options.address.empty()) {
      return UsageError("profile set: a new profile needs an address; give --address HOST:PORT");
    }
    profile = config.add_profiles();
    profile->set_name(options.name);
  }
  if (!options.address.empty()) {
    ASSIGN_OR_RETURN(*profile->mutable_server(), ServerAddress(options.address));
  }
  if (!options.as.empty()) profile->set_actor(options.as);
  if (options.make_default) config.set_default_profile(options.name);
  const std::string server = profile->server();
  std::sort(config.mutable_profiles()->begin(), config.mutable_profiles()->end(),
            [](const auto& a, const auto& b) { return a.name() < b.name(); });
  RETURN_IF_ERROR(WriteProfiles(context.options.profiles, config));
  Hint(context, absl::StrCat(options.name, " is ", server,
                             config.default_profile() == options.name ? ", and the default" : ""));
  return absl::OkStatus();
}

absl::Status Remove(const ProfileOptions& options, Context& context) {
  ASSIGN_OR_RETURN(config::v1::CliConfig config, ReadProfiles(context.options.profiles));
  if (FindProfile(config, options.name) == nullptr) return NoSuchProfile(config, options.name);
  auto* profiles = config.mutable_profiles();
  profiles->erase(std::remove_if(profiles->begin(), profiles->end(),
                                 [&](const auto& one) { return one.name() == options.name; }),
                  profiles->end());
  if (config.default_profile() == options.name) config.clear_default_profile();
  return WriteProfiles(context.options.profiles, config);
}

}  // namespace

void AddProfileCommands(CommandTree& tree) {
  auto options = std::make_shared<ProfileOptions>();
  ProfileOptions* o = options.get();
  tree.Noun("profile", "Profiles: names for daemons, on this machine");
  tree.Verb("profile", "set", "Make a profile, or change one")
      .Argument("NAME", &o->name, "1 to 63 of a-z, 0-9 and -")
      .Option("--address", "ADDRESS", &o->address, "The daemon, as --server takes it")
      .Option("--as", "NAME", &o->as, "Who asks, as --actor takes it")
      .Flag("--default", &o->make_default, "Meant where no server and no profile is given")
      .Note(
          "They are in ~/.config/crescendo/profiles.textproto, or where CRESCENDO_PROFILES says. A "
          "server that is given, by --server or CRESCENDO_SERVER, goes before the default profile; "
          "--profile goes before CRESCENDO_SERVER.")
      .Example("crescendo profile set prod --address unix:/run/crescendo/grpc.sock --default")
      .Example("crescendo profile set staging --address 127.0.0.1:7071 --as deploy")
      .Run([options](Context& context) { return Set(*options, context); });
  tree.Verb("profile", "list", "List the profiles")
      .Example("crescendo profile list")
      .Run([](Context& context) { return List(context); });
  tree.Verb("profile", "remove", "Forget a profile")
      .Argument("NAME", &o->name, "As profile list shows it")
      .Example("crescendo profile remove staging")
      .Run([options](Context& context) { return Remove(*options, context); });
}

}  // namespace crescendo::cli
