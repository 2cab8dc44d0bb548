#include "scheduler/domain/provider.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "scheduler/base/check.h"

namespace crescendo {
namespace {

// Length of the suffix of `provider` that `host` ends in; 0 if none.
size_t MatchedLength(const Provider& provider, absl::string_view host) {
  size_t longest = 0;
  for (const std::string& suffix : provider.mx_suffixes) {
    const bool whole = !absl::StartsWith(suffix, ".");
    if (whole ? host == suffix : absl::EndsWith(host, suffix)) {
      longest = std::max(longest, suffix.size());
    }
  }
  return longest;
}

}  // namespace

ProviderCatalog::ProviderCatalog(std::vector<Provider> providers, Provider fallback)
    : providers_(std::move(providers)) {
  CRESCENDO_CHECK(fallback.mx_suffixes.empty());
  providers_.push_back(std::move(fallback));
  for (size_t i = 0; i < providers_.size(); ++i) {
    CRESCENDO_CHECK(by_id_.emplace(providers_[i].id, i).second);
  }
}

const Provider& ProviderCatalog::FindByMx(absl::Span<const std::string> mx_hosts) const {
  const Provider* best = nullptr;
  size_t best_length = 0;
  for (const Provider& provider : providers_) {
    size_t length = 0;
    for (const std::string& mx_host : mx_hosts) {
      const std::string host = absl::AsciiStrToLower(absl::StripSuffix(mx_host, "."));
      const size_t matched = MatchedLength(provider, host);
      if (matched == 0) {
        length = 0;
        break;
      }
      length = std::max(length, matched);
    }
    if (length > best_length) {
      best = &provider;
      best_length = length;
    }
  }
  return best != nullptr ? *best : fallback();
}

Provider ProviderCatalog::SiteOf(absl::Span<const std::string> mx_hosts) const {
  Provider site = FindByMx(mx_hosts);
  if (site.id != fallback().id) return site;
  const std::string first = *std::min_element(mx_hosts.begin(), mx_hosts.end());
  const std::vector<std::string> labels = absl::StrSplit(first, absl::MaxSplits('.', 1));
  const bool deep = labels.size() == 2 && absl::StrContains(labels[1], '.');
  site.display_name = deep ? labels[1] : first;
  site.id = ProviderId(absl::StrCat(site.id.text(), ".", site.display_name));
  return site;
}

const Provider* ProviderCatalog::Find(const ProviderId& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &providers_[found->second];
}

}  // namespace crescendo
