#include "cmd/crescendod/secrets.h"

#include <filesystem>
#include <utility>

#include <spdlog/spdlog.h>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cmd/crescendod/config_reader.h"
#include "crescendo/config/v1/dkim.pb.h"
#include "scheduler/base/secret_file.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/domain/plan.h"

namespace crescendo::daemon {
namespace {

constexpr size_t kShortestSecret = 16;

absl::Status CheckName(const ConfigReader& reader, const std::string& field,
                       const std::string& name) {
  if (const std::string fault = HostNameFault(name); !fault.empty()) {
    return reader.Bad(field, fault);
  }
  if (absl::AsciiStrToLower(name) == name) return absl::OkStatus();
  return reader.Bad(field, absl::StrCat("is \"", name, "\"; write it in lower case"));
}

}  // namespace

absl::StatusOr<std::shared_ptr<const smtp::dkim::KeyTable>> LoadDkimKeys(const std::string& file) {
  config::v1::DkimKeys config;
  ParsedText parsed;
  RETURN_IF_ERROR(ParseTextFile(file, &config, &parsed));
  const std::vector<Override> no_flags;
  const ConfigReader top(&config, &parsed, &no_flags);
  const std::filesystem::path folder = std::filesystem::path(file).parent_path();
  std::vector<smtp::dkim::KeySpec> specs;
  for (int i = 0; i < config.keys_size(); ++i) {
    const config::v1::DkimKeys::Key& key = config.keys(i);
    const ConfigReader reader = top.Below("keys", i);
    RETURN_IF_ERROR(CheckName(reader, "domain", key.domain()));
    if (!absl::StrContains(key.domain(), '.')) {
      return reader.Bad("domain", absl::StrCat("is \"", key.domain(), "\", a top-level domain"));
    }
    RETURN_IF_ERROR(CheckName(reader, "selector", key.selector()));
    if (key.key_file().empty()) return reader.Bad("key_file", "is empty; name a PEM file");
    specs.push_back({key.domain(), key.selector(), (folder / key.key_file()).string()});
  }
  auto table = smtp::dkim::KeyTable::Load(specs);
  if (!table.ok()) {
    return absl::Status(table.status().code(), absl::StrCat(file, ": ", table.status().message()));
  }
  for (const smtp::dkim::KeySpec& spec : specs) {
    for (const auto& key : (*table)->Find(spec.domain)) {
      if (key->selector() != spec.selector) continue;
      spdlog::info("DKIM: {} signs as {}; the DNS must have {}._domainkey.{} TXT \"{}\"",
                   spec.domain, smtp::dkim::AlgorithmName(key->algorithm()), spec.selector,
                   spec.domain, key->PublicRecord());
    }
  }
  return table;
}

absl::StatusOr<std::string> LoadToken(const std::string& file) {
  ASSIGN_OR_RETURN(const std::string text, base::ReadSecretFile(file));
  const absl::string_view key = absl::StripAsciiWhitespace(text);
  if (key.size() < kShortestSecret) {
    return absl::FailedPreconditionError(absl::StrCat(file, ": has ", key.size(),
                                                      " bytes; a secret has at least ",
                                                      kShortestSecret, ": openssl rand -hex 32"));
  }
  return std::string(key);
}

absl::StatusOr<std::unique_ptr<smtp::Verp>> LoadVerp(const std::vector<std::string>& files) {
  std::vector<std::string> keys;
  for (const std::string& file : files) {
    ASSIGN_OR_RETURN(std::string key, LoadToken(file));
    keys.push_back(std::move(key));
  }
  return std::make_unique<smtp::Verp>(std::move(keys));
}

}  // namespace crescendo::daemon
