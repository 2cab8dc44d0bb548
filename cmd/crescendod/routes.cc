#include "cmd/crescendod/routes.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cmd/crescendod/config_reader.h"
#include "crescendo/config/v1/routes.pb.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/domain/domain_name.h"
#include "scheduler/domain/plan.h"
#include "smtp_client/delivery/static_routes.h"

namespace crescendo::daemon {
namespace {

constexpr char kAnyOther[] = "*";

// The normal name, or "*".
absl::Status ReadName(const std::string& field, const std::string& given,
                      const ConfigReader& reader, std::string* name) {
  name->clear();
  const std::string fault = given == kAnyOther ? "" : AppendNormalDomain(given, name);
  if (given == kAnyOther) *name = kAnyOther;
  return fault.empty() ? absl::OkStatus() : reader.Bad(field, fault);
}

absl::Status ReadHost(const config::v1::RouteTable::Host& proto, const ConfigReader& reader,
                      ports::MxHost* host) {
  RETURN_IF_ERROR(ReadName("name", proto.name(), reader, &host->name));
  if (const std::string fault = IpAddressFault(proto.address()); !fault.empty()) {
    return reader.Bad("address", fault);
  }
  if (proto.port() > 65535) {
    return reader.Bad("port", absl::StrCat("is ", proto.port(), "; it must be 1 to 65535"));
  }
  host->address = proto.address();
  host->port = proto.port() == 0 ? 25 : static_cast<uint16_t>(proto.port());
  return absl::OkStatus();
}

absl::Status ReadDomain(const config::v1::RouteTable::Domain& proto, const ConfigReader& reader,
                        smtp::RouteTable::Domain* domain) {
  RETURN_IF_ERROR(ReadName("domain", proto.domain(), reader, &domain->domain));
  for (const std::string& mx : proto.mx()) {
    if (mx == kAnyOther) return reader.Bad("mx", "is \"*\"; name the host");
    RETURN_IF_ERROR(ReadName("mx", mx, reader, &domain->mx.emplace_back()));
  }
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
  RouteResolver(smtp::StaticRoutes routes, std::set<std::string> domains,
                std::unique_ptr<ports::MxResolver> dns)
      : routes_(std::move(routes)), domains_(std::move(domains)), dns_(std::move(dns)) {}

  void Resolve(absl::string_view domain,
               absl::AnyInvocable<void(absl::StatusOr<ports::MxSet>)> done) override {
    const std::string name(domain);
    if (IsKnown(domains_, name)) return routes_.Resolve(domain, std::move(done));
    if (dns_ != nullptr) return dns_->Resolve(domain, std::move(done));
    done(absl::FailedPreconditionError(
        absl::StrCat("no route for ", name,
                     ": the DNS is not asked (resolver.enabled is false) and no route file lists "
                     "it; add it to one, or enable the resolver")));
  }

 private:
  smtp::StaticRoutes routes_;
  const std::set<std::string> domains_;
  const std::unique_ptr<ports::MxResolver> dns_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ports::MxResolver>> LoadRoutes(
    const std::vector<std::string>& files, std::unique_ptr<ports::MxResolver> dns) {
  Known known;
  smtp::RouteTable table;
  for (const std::string& file : files) RETURN_IF_ERROR(AddFile(file, &known, &table));
  auto routes = smtp::StaticRoutes::Create(table);
  if (!routes.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(absl::StrJoin(files, ", "), ": ", routes.status().message()));
  }
  return std::make_unique<RouteResolver>(*std::move(routes), std::move(known.domains),
                                         std::move(dns));
}

}  // namespace crescendo::daemon
