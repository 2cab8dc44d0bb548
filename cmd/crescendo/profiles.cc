#include "cmd/crescendo/profiles.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cmd/crescendo/failure.h"
#include "cmd/crescendo/printable.h"

namespace crescendo::cli {
namespace {

// The first error of a text.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int /*column*/, const std::string& message) override {
    if (text.empty()) text = absl::StrCat(line + 1, ": ", message);
  }
  std::string text;
};

absl::Status CannotWrite(const std::string& file) {
  return UsageError(absl::StrCat("profiles: \"", file,
                                 "\" cannot be written: ", std::strerror(errno),
                                 "; or name another file in "
                                 "CRESCENDO_PROFILES"));
}

}  // namespace

std::string ProfilesFile(const Environment& environment) {
  if (const std::string file = environment("CRESCENDO_PROFILES"); !file.empty()) return file;
  std::string folder = environment("XDG_CONFIG_HOME");
  if (folder.empty()) {
    const std::string home = environment("HOME");
    if (home.empty()) return "";
    folder = absl::StrCat(home, "/.config");
  }
  return absl::StrCat(folder, "/crescendo/profiles.textproto");
}

absl::StatusOr<config::v1::CliConfig> ReadProfiles(const std::string& file) {
  config::v1::CliConfig config;
  std::error_code error;
  if (file.empty() || !std::filesystem::exists(file, error)) return config;
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    return UsageError(absl::StrCat("profiles: \"", file, "\" cannot be read; see its permissions"));
  }
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  FirstError first;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&first);
  if (!parser.ParseFromString(text, &config)) {
    return UsageError(absl::StrCat(file, ":", first.text, "; mend it, or delete the file"));
  }
  return config;
}

absl::Status WriteProfiles(const std::string& file, const config::v1::CliConfig& config) {
  if (file.empty()) {
    return UsageError("profiles: there is no home folder to keep them in; set CRESCENDO_PROFILES");
  }
  std::string text = "# Daemons that `crescendo --profile NAME` knows; see `crescendo profile`.\n";
  std::string body;
  google::protobuf::TextFormat::PrintToString(config, &body);
  absl::StrAppend(&text, body);
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(file).parent_path(), error);
  const std::string next = absl::StrCat(file, ".", getpid());
  const int fd = open(next.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) return CannotWrite(file);
  const bool written =
      write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && fsync(fd) == 0;
  const int cause = errno;
  close(fd);
  if (written && rename(next.c_str(), file.c_str()) == 0) return absl::OkStatus();
  if (!written) errno = cause;
  const absl::Status status = CannotWrite(file);
  unlink(next.c_str());
  return status;
}

config::v1::CliProfile* FindProfile(config::v1::CliConfig& config, absl::string_view name) {
  for (config::v1::CliProfile& profile : *config.mutable_profiles()) {
    if (profile.name() == name) return &profile;
  }
  return nullptr;
}

absl::Status NoSuchProfile(const config::v1::CliConfig& config, absl::string_view name) {
  std::vector<std::string> names;
  for (const config::v1::CliProfile& profile : config.profiles()) names.push_back(profile.name());
  return UsageError(
      absl::StrCat("there is no profile \"", OneLine(name), "\"; ",
                   names.empty() ? "there are none yet: crescendo profile set NAME --server ADDRESS"
                                 : absl::StrCat("there are: ", absl::StrJoin(names, ", "))));
}

}  // namespace crescendo::cli
