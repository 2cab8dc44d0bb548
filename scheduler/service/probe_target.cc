#include "scheduler/service/probe_target.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/domain/campaign.h"
#include "scheduler/domain/domain_name.h"
#include "scheduler/domain/plan.h"
#include "scheduler/service/convert.h"
#include "scheduler/service/names.h"

namespace crescendo::service {
namespace {

constexpr absl::Duration kShortest = absl::Seconds(1), kLongest = absl::Minutes(10);

// "[192.0.2.1]" -> "192.0.2.1"
absl::string_view WithoutBrackets(absl::string_view text) {
  if (absl::StartsWith(text, "[") && absl::EndsWith(text, "]")) {
    return text.substr(1, text.size() - 2);
  }
  return text;
}

absl::StatusOr<std::string> AddressFrom(absl::string_view field, absl::string_view text) {
  auto address = NormaliseAddress(text);
  if (!address.ok()) return Fault(absl::StrCat(field, ":"), address.status().message());
  return address;
}

absl::Status ReadName(const v1::ProbeRequest& request, ProbeTarget* target) {
  absl::string_view text = request.target();
  if (text.empty()) {
    return Fault("target",
                 "is empty; give a domain (gmail.com), a recipient, a host or an address");
  }
  if (absl::StrContains(text, '@')) {
    ASSIGN_OR_RETURN(const std::string recipient, AddressFrom("target", text));
    target->name = std::string(DomainOf(recipient));
    target->rcpt_to = recipient;
    return absl::OkStatus();
  }
  text = WithoutBrackets(text);
  target->literal = IpAddressFault(text).empty();
  if (target->literal) {
    target->name = CanonicalIpAddress(text);
    return absl::OkStatus();
  }
  const std::string fault = AppendNormalDomain(absl::StripSuffix(text, "."), &target->name);
  if (!fault.empty()) return Fault("target", fault);
  target->rcpt_to = absl::StrCat("postmaster@", target->name);
  return absl::OkStatus();
}

bool IsV6(absl::string_view address) { return absl::StrContains(address, ':'); }

// Why mail from `ip` does not go there; "" if it does.
std::string HostFault(const ports::MxHost& host, const EgressIp& ip, const ports::Prober& prober) {
  if (std::string fault = prober.Forbidden(host); !fault.empty()) return fault;
  if (IsV6(host.address) == IsV6(ip.address)) return "";
  return absl::StrCat(IsV6(host.address) ? "an IPv6 address, and " : "an IPv4 address, and ",
                      ip.id.text(), " sends from ", ip.address);
}

bool Wanted(const ProbeTarget& target, const ports::MxHost& host) {
  const absl::string_view wanted = WithoutBrackets(target.mx_host);
  return wanted.empty() || absl::EqualsIgnoreCase(absl::StripSuffix(wanted, "."), host.name) ||
         wanted == host.address;
}

v1::Resolution::Dnssec DnssecOf(ports::MxSet::Dnssec dnssec) {
  switch (dnssec) {
    case ports::MxSet::Dnssec::kInsecure:
      return v1::Resolution::INSECURE;
    case ports::MxSet::Dnssec::kSecure:
      return v1::Resolution::SECURE;
    case ports::MxSet::Dnssec::kUnknown:
      break;
  }
  return v1::Resolution::DNSSEC_UNSPECIFIED;
}

Provider ProviderOf(const ProbeTarget& target, const ports::MxSet& mx,
                    const ProviderCatalog& catalog) {
  if (target.literal) return catalog.fallback();
  std::vector<std::string> names;
  for (const ports::MxHost& host : mx.hosts) names.push_back(host.name);
  return catalog.SiteOf(names);
}

}  // namespace

absl::StatusOr<ProbeTarget> ProbeTargetFrom(const v1::ProbeRequest& request) {
  ProbeTarget target;
  RETURN_IF_ERROR(ReadName(request, &target));
  if (!request.egress_ip().empty()) {
    ASSIGN_OR_RETURN(target.egress_ip, ParseEgressIp("egress_ip", request.egress_ip()));
  }
  target.mx_host = request.mx_host();
  if (request.has_mail_from()) {
    target.mail_from = "";
    if (!request.mail_from().empty()) {
      ASSIGN_OR_RETURN(target.mail_from, AddressFrom("mail_from", request.mail_from()));
    }
  }
  if (!request.rcpt_to().empty()) {
    ASSIGN_OR_RETURN(target.rcpt_to, AddressFrom("rcpt_to", request.rcpt_to()));
  }
  if (request.tls_policy() != v1::Provider::TLS_POLICY_UNSPECIFIED) {
    for (const TlsPolicy policy : {TlsPolicy::kOpportunistic, TlsPolicy::kRequired,
                                   TlsPolicy::kVerified, TlsPolicy::kNever}) {
      if (ToProto(policy) == request.tls_policy()) target.tls = policy;
    }
    if (!target.tls.has_value()) {
      return Fault("tls_policy", absl::StrCat("is ", request.tls_policy(), ", which is none"));
    }
  }
  if (request.port() < 0 || request.port() > 65535) {
    return Fault("port", absl::StrCat("is ", request.port(), "; it must be 1 to 65535"));
  }
  target.port = static_cast<uint16_t>(request.port());
  target.send_message = request.send_message();
  if (target.send_message && target.rcpt_to.empty()) {
    return Fault("rcpt_to", "is empty; a message needs a recipient");
  }
  if (request.has_time_limit()) {
    ASSIGN_OR_RETURN(target.limit, DurationFrom("time_limit", request.time_limit()));
    if (target.limit < kShortest || target.limit > kLongest) {
      return Fault("time_limit", absl::StrCat("is ", absl::FormatDuration(target.limit),
                                              "; it must be 1s to 10m"));
    }
  }
  return target;
}

ports::MxSet LiteralHosts(const ProbeTarget& target) {
  ports::MxSet mx;
  mx.hosts.push_back({.name = target.name, .address = target.name});
  return mx;
}

std::string ProbeRoute::lane() const { return absl::StrCat(ip.id.text(), "/", provider.id.text()); }

ProbeRoute ChooseRoute(const ProbeTarget& target, const ports::MxSet& mx,
                       const std::vector<EgressIp>& ips, const ProviderCatalog& catalog,
                       const ports::Prober& prober) {
  std::vector<ports::MxHost> hosts = mx.hosts;
  for (ports::MxHost& host : hosts) {
    if (target.port == 0 || target.port == host.port) continue;
    host.port = target.port;
    host.trusted = false;  // The operator named another port.
  }
  const auto chosen = [&](const EgressIp& ip) {
    return std::find_if(hosts.begin(), hosts.end(), [&](const ports::MxHost& host) {
      return Wanted(target, host) && HostFault(host, ip, prober).empty();
    });
  };
  ProbeRoute route;
  const auto ip = std::find_if(ips.begin(), ips.end(),
                               [&](const EgressIp& one) { return chosen(one) != hosts.end(); });
  route.ip = ip == ips.end() ? ips.front() : *ip;
  route.provider = ProviderOf(target, mx, catalog);
  const auto to = chosen(route.ip);

  v1::Resolution& resolution = route.resolution;
  for (auto host = hosts.begin(); host != hosts.end(); ++host) {
    v1::Resolution::Host& shown = *resolution.add_hosts();
    shown.set_name(host->name);
    shown.set_address(host->address);
    shown.set_port(host->port);
    if (host->preference >= 0) shown.set_preference(host->preference);
    shown.set_fault(HostFault(*host, route.ip, prober));
    shown.set_chosen(host == to);
  }
  resolution.set_dnssec(DnssecOf(mx.dnssec));
  resolution.set_provider(NameOf(ProviderId(route.provider.id)));
  resolution.set_lane(NameOf(Lane{route.ip.id, route.provider.id}));
  resolution.set_tls_policy(ToProto(route.provider.tls));

  if (to == hosts.end()) {
    const bool named = std::any_of(hosts.begin(), hosts.end(),
                                   [&](const auto& host) { return Wanted(target, host); });
    route.fault_of_name = !named;
    route.fault = named ? absl::StrCat("no host of ", target.name, " can be reached from ",
                                       route.ip.id.text())
                        : absl::StrCat("mx_host ", Quoted(target.mx_host), " is none of ",
                                       target.name, "'s hosts");
    return route;
  }
  ports::Probe& probe = route.probe;
  probe.source_address = route.ip.address;
  probe.ehlo_name = route.ip.ehlo_name;
  probe.host = *to;
  probe.tls = target.tls.value_or(route.provider.tls);
  probe.mail_from = target.mail_from.value_or(absl::StrCat("postmaster@", route.ip.ehlo_name));
  if (!target.rcpt_to.empty()) probe.rcpt_to = target.rcpt_to;
  probe.limit = target.limit;
  return route;
}

}  // namespace crescendo::service
