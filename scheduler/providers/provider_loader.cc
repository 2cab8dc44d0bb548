#include "scheduler/providers/provider_loader.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/providers/embedded_files.h"
#include "scheduler/providers/provider_parser.h"

namespace crescendo::providers {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;
constexpr size_t kMaxFiles = 1000;

absl::Status Fault(const std::string& origin, absl::string_view field, absl::string_view fault) {
  return absl::InvalidArgumentError(absl::StrCat(origin, ": ", field, ": ", fault));
}

absl::StatusOr<std::vector<ParsedProvider>> ParseAll(absl::Span<const ProviderFile> files) {
  std::vector<ParsedProvider> all;
  absl::flat_hash_map<ProviderId, std::string> origins;
  for (const ProviderFile& file : files) {
    ASSIGN_OR_RETURN(ParsedProvider parsed, ParseProvider(file.name, file.text));
    const auto [known, fresh] = origins.emplace(parsed.provider.id, parsed.origin_of_id);
    if (!fresh) {
      return Fault(
          parsed.origin_of_id, "id",
          absl::StrCat("\"", parsed.provider.id.text(), "\" already stands at ", known->second));
    }
    all.push_back(std::move(parsed));
  }
  return all;
}

void Override(std::vector<ParsedProvider>& all, std::vector<ParsedProvider> overrides) {
  for (ParsedProvider& replacement : overrides) {
    const auto known = std::find_if(all.begin(), all.end(), [&](const ParsedProvider& p) {
      return p.provider.id == replacement.provider.id;
    });
    if (known == all.end())
      all.push_back(std::move(replacement));
    else
      *known = std::move(replacement);
  }
}

// One MX host must not belong to two providers by the very same suffix.
absl::Status CheckSuffixes(const std::vector<ParsedProvider>& all) {
  absl::flat_hash_map<std::string, std::string> origins;
  for (const ParsedProvider& parsed : all) {
    for (const std::string& suffix : parsed.provider.mx_suffixes) {
      const auto [known, fresh] = origins.emplace(suffix, parsed.origin_of_suffixes);
      if (fresh) continue;
      return Fault(parsed.origin_of_suffixes, "mx_suffix",
                   absl::StrCat("\"", suffix, "\" already stands at ", known->second));
    }
  }
  return absl::OkStatus();
}

void FillFrom(const ParsedProvider& fallback, ParsedProvider& parsed) {
  const Provider& from = fallback.provider;
  Provider& to = parsed.provider;
  if (!parsed.has_max_connections) to.max_connections_per_ip = from.max_connections_per_ip;
  if (!parsed.has_messages_per_connection)
    to.messages_per_connection = from.messages_per_connection;
  if (!parsed.has_rate_limit_stop) to.rate_limit_stop = from.rate_limit_stop;
  if (!parsed.has_block_stop) to.block_stop = from.block_stop;
}

// Takes `default` out of `all`.
absl::StatusOr<ParsedProvider> TakeFallback(std::vector<ParsedProvider>& all) {
  const auto found = std::find_if(all.begin(), all.end(), [](const ParsedProvider& p) {
    return p.provider.id.text() == "default";
  });
  if (found == all.end()) {
    return absl::InvalidArgumentError("providers: there is no provider with id \"default\"");
  }
  ParsedProvider fallback = std::move(*found);
  all.erase(found);
  if (fallback.has_max_connections && fallback.has_messages_per_connection &&
      fallback.has_rate_limit_stop && fallback.has_block_stop) {
    return fallback;
  }
  return Fault(fallback.origin_of_id, "id",
               "`default` must give max_connections_per_ip, messages_per_connection, "
               "rate_limit_stop_minutes and block_stop_minutes");
}

absl::StatusOr<std::string> ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return absl::UnavailableError(absl::StrCat(path.string(), ": cannot be read"));
  std::string text(kMaxFileBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return absl::UnavailableError(absl::StrCat(path.string(), ": cannot be read"));
  text.resize(static_cast<size_t>(in.gcount()));
  if (text.size() <= kMaxFileBytes) return text;
  return absl::InvalidArgumentError(absl::StrCat(path.string(), ":1: file: is longer than 1 MiB"));
}

// Every *.textproto of `directory`, by name. Other files (a README, an editor's backup) are not
// ours.
absl::StatusOr<std::vector<ProviderFile>> ReadDirectory(const std::filesystem::path& directory) {
  std::error_code error;
  std::vector<std::filesystem::path> paths;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() == ".textproto") paths.push_back(entry->path());
  }
  if (error == std::errc::no_such_file_or_directory) {
    return absl::NotFoundError(absl::StrCat(directory.string(), ": no such directory"));
  }
  if (error) return absl::UnavailableError(absl::StrCat(directory.string(), ": ", error.message()));
  if (paths.size() > kMaxFiles) {
    return absl::InvalidArgumentError(
        absl::StrCat(directory.string(), ": more than 1000 provider files"));
  }
  std::sort(paths.begin(), paths.end());
  std::vector<ProviderFile> files;
  for (const std::filesystem::path& path : paths) {
    ASSIGN_OR_RETURN(std::string text, ReadFile(path));
    files.push_back({path.string(), std::move(text)});
  }
  return files;
}

}  // namespace

std::vector<ProviderFile> EmbeddedFiles() {
  std::vector<ProviderFile> files;
  for (size_t i = 0; i < kEmbeddedFileCount; ++i) {
    files.push_back({kEmbeddedFiles[i].name, kEmbeddedFiles[i].text});
  }
  return files;
}

absl::StatusOr<ProviderData> ParseProviders(absl::Span<const ProviderFile> base,
                                            absl::Span<const ProviderFile> overrides) {
  ASSIGN_OR_RETURN(std::vector<ParsedProvider> all, ParseAll(base));
  ASSIGN_OR_RETURN(std::vector<ParsedProvider> replacements, ParseAll(overrides));
  Override(all, std::move(replacements));
  RETURN_IF_ERROR(CheckSuffixes(all));
  ASSIGN_OR_RETURN(ParsedProvider fallback, TakeFallback(all));
  std::vector<Provider> providers;
  std::vector<core::ProviderRules> rules;
  for (ParsedProvider& parsed : all) {
    FillFrom(fallback, parsed);
    providers.push_back(std::move(parsed.provider));
    rules.push_back(std::move(parsed.rules));
  }
  rules.push_back(std::move(fallback.rules));
  ASSIGN_OR_RETURN(core::ReplyClassifier classifier,
                   core::ReplyClassifier::Create(std::move(rules)));
  return ProviderData{ProviderCatalog(std::move(providers), std::move(fallback.provider)),
                      std::move(classifier)};
}

absl::StatusOr<ProviderData> LoadProviders(absl::string_view directory) {
  std::vector<ProviderFile> overrides;
  if (!directory.empty()) {
    ASSIGN_OR_RETURN(overrides, ReadDirectory(std::filesystem::path(std::string(directory))));
  }
  return ParseProviders(EmbeddedFiles(), overrides);
}

}  // namespace crescendo::providers
