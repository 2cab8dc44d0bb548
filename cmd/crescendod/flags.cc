#include "cmd/crescendod/flags.h"

#include <memory>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "crescendo/config/v1/daemon.pb.h"

namespace crescendo::daemon {
namespace {

using google::protobuf::FieldDescriptor;

constexpr int kUsageError = 2;

struct Flag {
  std::string name;  // "--limits-max-connections"
  std::string path;  // "limits.max_connections"
  std::vector<std::string> values;
};

bool IsTime(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
         field.message_type() == google::protobuf::Timestamp::descriptor();
}

bool IsNested(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !IsTime(field) &&
         field.message_type() != google::protobuf::Duration::descriptor();
}

std::string FlagName(const std::string& path, const FieldDescriptor& field) {
  absl::string_view name = path;
  if (field.is_repeated()) name = absl::StripSuffix(name, "s");
  if (IsTime(field)) name = absl::StripSuffix(name, "_time");
  return absl::StrCat("--", absl::StrReplaceAll(name, {{".", "-"}, {"_", "-"}}));
}

void AddFlags(const google::protobuf::Descriptor& type, const std::string& prefix, CLI::App* app,
              std::vector<std::unique_ptr<Flag>>* flags) {
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const std::string path = prefix + field.name();
    if (IsNested(field)) {
      AddFlags(*field.message_type(), path + ".", app, flags);
      continue;
    }
    Flag& flag = *flags->emplace_back(std::make_unique<Flag>());
    flag.path = path;
    flag.name = FlagName(path, field);
    CLI::Option* option = app->add_option(flag.name, flag.values)->group("Over the file");
    // A bare --reflection is --reflection=true.
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_BOOL) option->expected(0, 1);
    option->allow_extra_args(false);
    if (!field.is_repeated()) option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  }
}

}  // namespace

std::optional<CommandLine> ParseCommandLine(int argc, const char* const* argv, int* exit_code) {
  CLI::App app(
      "crescendod: warms up sending IPs and paces marketing mail.\n"
      "The configuration is a text file (crescendo.config.v1.DaemonConfig); each of its fields is "
      "a "
      "flag too.\n"
      "Exit codes: 0 stopped as asked; 1 could not start or serve; 2 wrong flag or configuration; "
      "3 the store failed.");
  CommandLine line;
  app.add_option("--config", line.config_file, "The configuration file. Default: none");
  app.set_version_flag("--version", "crescendod " CRESCENDO_VERSION);
  std::vector<std::unique_ptr<Flag>> flags;
  AddFlags(*config::v1::DaemonConfig::descriptor(), "", &app, &flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    *exit_code = app.exit(error) == 0 ? 0 : kUsageError;
    return std::nullopt;
  }
  for (const auto& flag : flags) {
    for (const std::string& value : flag->values) {
      line.overrides.push_back({flag->name, flag->path, value.empty() ? "true" : value});
    }
  }
  return line;
}

}  // namespace crescendo::daemon
