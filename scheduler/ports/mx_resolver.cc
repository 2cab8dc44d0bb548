#include "scheduler/ports/mx_resolver.h"

#include <algorithm>

#include "absl/strings/str_join.h"

namespace crescendo::ports {

std::string MxSet::SiteKey() const {
  std::vector<std::string> names;
  for (const MxHost& host : hosts) names.push_back(host.name);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return absl::StrJoin(names, " ");
}

}  // namespace crescendo::ports
