#include "cmd/crescendo-sandbox/routes.h"

#include "absl/container/flat_hash_set.h"
#include "google/protobuf/text_format.h"
#include "scheduler/base/check.h"

namespace crescendo::sandbox {

config::v1::RouteTable RoutesTo(const v1::Scenario& scenario) {
  config::v1::RouteTable routes;
  absl::flat_hash_set<std::string> hosts;
  for (const v1::Provider& provider : scenario.providers()) {
    CRESCENDO_CHECK(provider.port() != 0);
    for (const v1::Site& site : provider.sites()) {
      for (const std::string& mx : site.mx()) {
        if (!hosts.insert(mx).second) continue;
        config::v1::RouteTable::Host* host = routes.add_hosts();
        host->set_name(mx);
        host->set_address(provider.address());
        host->set_port(provider.port());
      }
      for (const std::string& domain : site.domains()) {
        config::v1::RouteTable::Domain* entry = routes.add_domains();
        entry->set_domain(domain);
        *entry->mutable_mx() = site.mx();
      }
    }
  }
  return routes;
}

std::string RoutesText(const config::v1::RouteTable& routes) {
  std::string text;
  google::protobuf::TextFormat::PrintToString(routes, &text);
  return "# Written by crescendo-sandbox serve: its providers' domains and hosts.\n" + text;
}

}  // namespace crescendo::sandbox
