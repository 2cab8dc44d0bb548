#include "cmd/crescendod/routes.h"

#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cmd/crescendod/config_reader.h"
#include "cmd/crescendod/private_address.h"
#include "crescendo/config/v1/routes.pb.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/domain/plan.h"
#include "smtp_client/delivery/static_routes.h"

namespace crescendo::daemon {
namespace {

constexpr char kAnyOther[] = "*";

// "" if `name` is a host name in lower case, or "*".
std::string NameFault(const std::string& name) {
  if (name == kAnyOther) return "";
  if (const std::string fault = HostNameFault(name); !fault.empty()) return fault;
  if (absl::AsciiStrToLower(name) != name) {
    return absl::StrCat("is \"", name, "\"; write it in lower case");
  }
  return "";
}

absl::Status ReadHost(const config::v1::RouteTable::Host& proto, const ConfigReader& reader,
                      ports::MxHost* host) {
  if (const std::string fault = NameFault(proto.name()); !fault.empty()) {
    return reader.Bad("name", fault);
  }
  if (const std::string fault = IpAddressFault(proto.address()); !fault.empty()) {
    return reader.Bad("address", fault);
  }
  if (proto.port() > 65535) {
    return reader.Bad("port", absl::StrCat("is ", proto.port(), "; it must be 1 to 65535"));
  }
  host->name = proto.name();
  host->address = proto.address();
  host->port = proto.port() == 0 ? 25 : static_cast<uint16_t>(proto.port());
  return absl::OkStatus();
}

absl::Status ReadDomain(const config::v1::RouteTable::Domain& proto, const ConfigReader& reader,
                        smtp::RouteTable::Domain* domain) {
  if (const std::string fault = NameFault(proto.domain()); !fault.empty()) {
    return reader.Bad("domain", fault);
  }
  for (const std::string& mx : proto.mx()) {
    if (const std::string fault = NameFault(mx); !fault.empty() || mx == kAnyOther) {
      return reader.Bad("mx", mx == kAnyOther ? "is \"*\"; name the host" : fault);
    }
  }
  domain->domain = proto.domain();
  domain->mx.assign(proto.mx().begin(), proto.mx().end());
  return absl::OkStatus();
}

// What the files before this one have settled.
struct Known {
  std::set<std::string> hosts;
  std::set<std::string> domains;
};
bool IsKnown(const std::set<std::string>& names, const std::string& name) {
  return names.contains(name) || names.contains(kAnyOther);
}

absl::Status AddFile(const std::string& file, Known* known, smtp::RouteTable* table) {
  config::v1::RouteTable proto;
  ParsedText parsed;
  RETURN_IF_ERROR(ParseTextFile(file, &proto, &parsed));
  const std::vector<Override> none;
  const ConfigReader reader(&proto, &parsed, &none);
  Known mine;
  for (int i = 0; i < proto.hosts_size(); ++i) {
    ports::MxHost host;
    RETURN_IF_ERROR(ReadHost(proto.hosts(i), reader.Below("hosts", i), &host));
    if (!mine.hosts.insert(host.name).second) {
      return reader.Below("hosts", i)
          .Bad("name", absl::StrCat("\"", host.name, "\" is listed twice"));
    }
    if (!IsKnown(known->hosts, host.name)) table->hosts.push_back(std::move(host));
  }
  for (int i = 0; i < proto.domains_size(); ++i) {
    smtp::RouteTable::Domain domain;
    RETURN_IF_ERROR(ReadDomain(proto.domains(i), reader.Below("domains", i), &domain));
    if (!mine.domains.insert(domain.domain).second) {
      return reader.Below("domains", i)
          .Bad("domain", absl::StrCat("\"", domain.domain, "\" is listed twice"));
    }
    if (!IsKnown(known->domains, domain.domain)) table->domains.push_back(std::move(domain));
  }
  known->hosts.merge(mine.hosts);
  known->domains.merge(mine.domains);
  return absl::OkStatus();
}

class RouteResolver final : public ports::MxResolver {
 public:
  RouteResolver(smtp::StaticRoutes routes, std::set<std::string> domains, bool allow_private)
      : routes_(std::move(routes)), domains_(std::move(domains)), allow_private_(allow_private) {}

  void Resolve(absl::string_view domain,
               absl::AnyInvocable<void(absl::StatusOr<ports::MxSet>)> done) override {
    const std::string name(domain);
    if (!IsKnown(domains_, name)) {
      return done(absl::UnavailableError(
          absl::StrCat("no route for ", name, "; give a route file that lists it")));
    }
    routes_.Resolve(domain, [this, &name, &done](absl::StatusOr<ports::MxSet> set) {
      done(allow_private_ || !set.ok() ? std::move(set) : Public(name, *std::move(set)));
    });
  }

 private:
  static absl::StatusOr<ports::MxSet> Public(const std::string& domain, ports::MxSet set) {
    std::vector<std::string> refused;
    ports::MxSet allowed;
    for (ports::MxHost& host : set.hosts) {
      if (const std::string why = PrivateAddressFault(host.address); !why.empty()) {
        refused.push_back(absl::StrCat(host.name, " (", host.address, ") is ", why));
      } else {
        allowed.hosts.push_back(std::move(host));
      }
    }
    if (!allowed.hosts.empty()) return allowed;
    return absl::UnavailableError(
        absl::StrCat("no usable host for ", domain, ": ", absl::StrJoin(refused, ", "),
                     "; allow_private_destinations would let it through"));
  }

  smtp::StaticRoutes routes_;
  const std::set<std::string> domains_;
  const bool allow_private_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ports::MxResolver>> LoadRoutes(const std::vector<std::string>& files,
                                                              bool allow_private) {
  Known known;
  smtp::RouteTable table;
  for (const std::string& file : files) RETURN_IF_ERROR(AddFile(file, &known, &table));
  auto routes = smtp::StaticRoutes::Create(table);
  if (!routes.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(absl::StrJoin(files, ", "), ": ", routes.status().message()));
  }
  return std::make_unique<RouteResolver>(*std::move(routes), std::move(known.domains),
                                         allow_private);
}

}  // namespace crescendo::daemon
