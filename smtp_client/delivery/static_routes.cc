#include "smtp_client/delivery/static_routes.h"

#include <utility>

#include <asio/ip/address.hpp>

#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::smtp {
namespace {

constexpr char kAnyOther[] = "*";

using HostMap = absl::flat_hash_map<std::string, ports::MxHost>;

absl::StatusOr<HostMap> IndexHosts(const std::vector<ports::MxHost>& hosts) {
  HostMap index;
  for (const ports::MxHost& host : hosts) {
    asio::error_code error;
    asio::ip::make_address(host.address, error);
    if (error) {
      return absl::InvalidArgumentError(absl::StrCat("host \"", host.name, "\": \"", host.address,
                                                     "\" is not an IPv4 or IPv6 address"));
    }
    if (host.port == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("host \"", host.name, "\": port 0; use 1 to 65535"));
    }
    if (!index.emplace(host.name, host).second) {
      return absl::InvalidArgumentError(absl::StrCat("host \"", host.name, "\" is listed twice"));
    }
  }
  return index;
}

absl::StatusOr<ports::MxSet> HostsOf(const RouteTable::Domain& domain, const HostMap& hosts) {
  ports::MxSet set;
  for (const std::string& name : domain.mx) {
    auto found = hosts.find(name);
    if (found == hosts.end()) found = hosts.find(kAnyOther);
    if (found == hosts.end()) {
      return absl::InvalidArgumentError(absl::StrCat("domain \"", domain.domain, "\": its MX \"",
                                                     name, "\" is not among the hosts"));
    }
    set.hosts.push_back(found->second);
    set.hosts.back().name = name;
    set.hosts.back().trusted = true;  // The operator wrote it.
  }
  return set;
}

}  // namespace

absl::StatusOr<StaticRoutes> StaticRoutes::Create(const RouteTable& table) {
  ASSIGN_OR_RETURN(const HostMap hosts, IndexHosts(table.hosts));
  StaticRoutes routes;
  for (const RouteTable::Domain& domain : table.domains) {
    ASSIGN_OR_RETURN(ports::MxSet set, HostsOf(domain, hosts));
    if (!routes.domains_.emplace(domain.domain, std::move(set)).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("domain \"", domain.domain, "\" is listed twice"));
    }
  }
  return routes;
}

void StaticRoutes::Resolve(absl::string_view domain,
                           absl::AnyInvocable<void(absl::StatusOr<ports::MxSet>)> done) {
  auto found = domains_.find(std::string(domain));
  if (found == domains_.end()) found = domains_.find(kAnyOther);
  if (found == domains_.end()) {
    return done(absl::FailedPreconditionError(
        absl::StrCat("no route for ", domain, "; add it to a route file")));
  }
  if (found->second.hosts.empty()) {
    return done(absl::NotFoundError(absl::StrCat(domain, " takes no mail (null MX)")));
  }
  done(found->second);
}

}  // namespace crescendo::smtp
