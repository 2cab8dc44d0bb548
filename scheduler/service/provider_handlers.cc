#include "scheduler/service/provider_handlers.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/strip.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/domain/domain_name.h"
#include "scheduler/service/convert.h"
#include "scheduler/service/names.h"
#include "scheduler/service/paging.h"
#include "scheduler/service/unary.h"

namespace crescendo::service {
namespace {

constexpr int kMostHosts = 100;

// Normal, without the trailing dot that an MX record may have.
absl::StatusOr<std::string> HostFrom(absl::string_view field, absl::string_view text) {
  std::string host;
  const std::string fault = AppendNormalDomain(absl::StripSuffix(text, "."), &host);
  if (!fault.empty()) return Fault(field, fault);
  return host;
}

// Each once, in the order they would be tried.
std::vector<std::string> NamesOf(const ports::MxSet& mx) {
  std::vector<std::string> names;
  for (const ports::MxHost& host : mx.hosts) {
    if (std::find(names.begin(), names.end(), host.name) == names.end()) {
      names.push_back(host.name);
    }
  }
  return names;
}

void Fill(const ProviderCatalog& catalog, std::vector<std::string> hosts,
          v1::FindProviderResponse* response) {
  *response->mutable_provider() = ToProto(catalog.FindByMx(hosts));
  for (std::string& host : hosts) response->add_mx_hosts(std::move(host));
}

}  // namespace

grpc::ServerUnaryReactor* ProviderHandlers::GetProvider(grpc::CallbackServerContext* context,
                                                        const v1::GetProviderRequest* request,
                                                        v1::Provider* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(const ProviderId id, ParseProvider("name", request->name()));
    const Provider* provider = engine_->providers().Find(id);
    if (provider == nullptr) {
      return absl::NotFoundError(absl::StrCat("provider ", Quoted(id.text()), " does not exist"));
    }
    *response = ToProto(*provider);
    answer.Finish(absl::OkStatus());
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* ProviderHandlers::ListProviders(grpc::CallbackServerContext* context,
                                                          const v1::ListProvidersRequest* request,
                                                          v1::ListProvidersResponse* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    ASSIGN_OR_RETURN(const Page page, ReadPage(*request));
    const auto all = engine_->providers().providers();
    std::vector<const Provider*> providers;
    for (const Provider& provider : all) providers.push_back(&provider);
    const auto id = [](const Provider* provider) { return provider->id.text(); };
    std::sort(providers.begin(), providers.end(),
              [&](const Provider* a, const Provider* b) { return id(a) < id(b); });
    response->set_next_page_token(TakePage(providers, page, id, [&](const Provider* provider) {
      *response->add_providers() = ToProto(*provider);
    }));
    answer.Finish(absl::OkStatus());
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* ProviderHandlers::FindProvider(grpc::CallbackServerContext* context,
                                                         const v1::FindProviderRequest* request,
                                                         v1::FindProviderResponse* response) {
  return Unary(context, [&](Answer& answer) -> absl::Status {
    if (request->domain().empty() == (request->mx_hosts_size() == 0)) {
      return Fault("domain", request->domain().empty()
                                 ? "and mx_hosts are both empty; give one of them"
                                 : "and mx_hosts are both given; give one of them");
    }
    if (request->mx_hosts_size() > kMostHosts) {
      return Fault("mx_hosts", absl::StrCat("has ", request->mx_hosts_size(), " entries; at most ",
                                            kMostHosts));
    }
    if (!request->domain().empty()) {
      ASSIGN_OR_RETURN(const std::string domain, HostFrom("domain", request->domain()));
      resolver_->Resolve(
          domain, [done = answer.With<ports::MxSet>([this, response](const ports::MxSet& mx) {
            Fill(engine_->providers(), NamesOf(mx), response);
          })](absl::StatusOr<ports::MxSet> mx) mutable {
            // To the caller UNAVAILABLE says that the daemon is; here it is the DNS.
            if (absl::IsUnavailable(mx.status())) {
              mx = absl::FailedPreconditionError(
                  absl::StrCat(mx.status().message(), "; try again later"));
            }
            done(std::move(mx));
          });
      return absl::OkStatus();
    }
    std::vector<std::string> hosts;
    for (int i = 0; i < request->mx_hosts_size(); ++i) {
      ASSIGN_OR_RETURN(std::string host,
                       HostFrom(absl::StrCat("mx_hosts[", i, "]"), request->mx_hosts(i)));
      hosts.push_back(std::move(host));
    }
    Fill(engine_->providers(), std::move(hosts), response);
    answer.Finish(absl::OkStatus());
    return absl::OkStatus();
  });
}

}  // namespace crescendo::service
