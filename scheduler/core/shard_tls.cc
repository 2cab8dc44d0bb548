// Which connection and host has the TLS that a mail needs, and what became of it.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "scheduler/core/shard_impl.h"

namespace crescendo::core {

ports::TlsNeed Shard::Impl::NeedOf(const RecipientQueue::Ranked& mail, ProviderIndex provider,
                                   const ports::MxHost& host) const {
  return tls_.NeedOf({providers_[provider].provider, CampaignOf(mail.campaign).campaign.tls,
                      domains_[static_cast<size_t>(mail.candidate.domain.value())].name, host});
}

bool Shard::Impl::Suits(const ConnectionState& connection, SiteIndex site,
                        const RecipientQueue::Ranked& mail) const {
  if (connection.site != site || connection.state == ConnectionState::State::kClosing) return false;
  const ports::TlsNeed need = NeedOf(mail, connection.lane->provider, connection.mx);
  if (!DemandsTls(need.level)) return true;
  if (need.level > connection.tls) return false;
  return need.level != TlsPolicy::kVerified || need.names == connection.tls_names;
}

const TlsFault* Shard::Impl::RefusalOf(const HostState& host, const ports::TlsNeed& need) const {
  if (DemandsTls(need.level) && now_.wall < host.not_encrypted.until) return &host.not_encrypted;
  const bool verified = need.level == TlsPolicy::kVerified;
  return verified && now_.wall < host.not_verified.until ? &host.not_verified : nullptr;
}

std::string Shard::Impl::RefusalOf(const IpState& ip, SiteIndex site,
                                   const RecipientQueue::Ranked& mail) const {
  if (UsableHost(ip, site, &mail, nullptr).has_value()) return "";
  const std::optional<size_t> up = UsableHost(ip, site, nullptr, nullptr);
  if (!up.has_value()) return "";
  const SiteState& state = sites_[site];
  const ports::TlsNeed need = NeedOf(mail, state.provider, state.mx.hosts[*up]);
  const TlsFault* const fault = RefusalOf(hosts_[state.hosts[*up]], need);
  return absl::StrCat(need.by, " needs ",
                      need.level == TlsPolicy::kVerified ? "verified TLS" : "TLS", ": ",
                      fault->text);
}

void Shard::Impl::AskForTls(const RecipientQueue::Ranked& mail, ConnectionState* connection,
                            ports::OpenConnection* open) const {
  ports::TlsNeed need = NeedOf(mail, connection->lane->provider, open->host);
  const TlsFault& downgraded = hosts_[connection->host].downgraded;
  if (need.level == TlsPolicy::kNever) {
    connection->clear_reason = "the provider's TLS policy is NEVER";
  } else if (need.level == TlsPolicy::kOpportunistic && now_.wall < downgraded.until) {
    // Another failure would cost another connection, which receivers count.
    need.level = TlsPolicy::kNever;
    connection->clear_reason = downgraded.text;
  }
  connection->tls = std::max(need.level, TlsPolicy::kOpportunistic);
  connection->tls_names = need.names;
  open->tls = need.level;
  open->tls_names = std::move(need.names);
}

void Shard::Impl::LearnTls(ConnectionState& connection, const ports::TransportEvent& opened) {
  HostState& host = hosts_[connection.host];
  LaneTls& seen = connection.lane->tls;
  ++seen.opened;
  if (opened.tls) {
    connection.tls = std::max(connection.tls, TlsPolicy::kRequired);
    host.not_encrypted = host.downgraded = TlsFault();
    if (connection.tls == TlsPolicy::kVerified) host.not_verified = TlsFault();
    return;
  }
  if (DemandsTls(connection.tls)) return;  // Of a transport that has no TLS to speak of.
  ++seen.in_the_clear;
  seen.reason = connection.clear_reason.empty()
                    ? absl::StrCat(connection.mx.name, ": ", opened.detail)
                    : connection.clear_reason;
  if (opened.downgraded) host.downgraded = {now_.wall + options_.tls_downgraded, seen.reason};
}

void Shard::Impl::TlsFailed(const ConnectionState& connection,
                            const ports::TransportEvent& closed) {
  HostState& host = hosts_[connection.host];
  TlsFault& fault = connection.tls == TlsPolicy::kVerified ? host.not_verified : host.not_encrypted;
  fault.until = now_.wall + options_.tls_refused;
  fault.text = absl::StrCat(connection.mx.name, ": ",
                            closed.reply.code != 0 ? closed.reply.ToString() : closed.detail);
  WakeProvider(connection.lane->provider);
}

}  // namespace crescendo::core
