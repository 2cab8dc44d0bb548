// crescendo provider: who runs the receiving MX hosts, and what is known of their limits.
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cmd/crescendo/commands.h"
#include "cmd/crescendo/list.h"
#include "cmd/crescendo/names.h"
#include "cmd/crescendo/time_text.h"
#include "crescendo/v1/provider.grpc.pb.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::cli {
namespace {

using Stub = v1::ProviderService::Stub;

struct ProviderOptions {
  std::string name, domain;
  std::vector<std::string> mx_hosts;
};

std::string RateText(double per_hour) {
  return per_hour > 0 ? absl::StrFormat("%g/h", per_hour) : "no limit of its own";
}

std::string CapText(int64_t cap) { return cap > 0 ? CountText(cap) : "-"; }

std::string WaitText(const google::protobuf::Duration& wait) {
  return DurationText(absl::Seconds(wait.seconds()) + absl::Nanoseconds(wait.nanos()));
}

void Print(Context& context, const v1::Provider& provider, const std::string& found_by) {
  Card card;
  card.Add("PROVIDER", absl::StrCat(IdOf(provider.name()), " (", provider.display_name(), ")"));
  card.Add("FOUND BY", found_by);
  card.Add("MX HOSTS", absl::StrJoin(provider.mx_suffixes(), ", "));
  card.Add("CONNECTIONS",
           absl::StrCat(provider.max_connections_per_ip(), " at once per IP, ",
                        CountText(provider.messages_per_connection()), " messages each"));
  card.Add("RATE PER IP", RateText(provider.lane_rate_per_hour()));
  card.Add("RATE OF ALL IPS", RateText(provider.provider_rate_per_hour()));
  card.Add("WARMING CAP",
           provider.warming_daily_cap() > 0
               ? absl::StrCat(CountText(provider.warming_daily_cap()), " a day and warming IP")
               : "no cap of its own");
  card.Add("STOPS", absl::StrCat("rate limited ", WaitText(provider.rate_limit_stop()),
                                 ", blocked ", WaitText(provider.block_stop())));
  card.Add("TLS", v1::Provider::TlsPolicy_Name(provider.tls_policy()));
  card.Add("SOURCE", provider.source());
  card.Print(context.streams);
}

absl::Status Get(const ProviderOptions& options, Context& context) {
  v1::GetProviderRequest request;
  ASSIGN_OR_RETURN(*request.mutable_name(), ProviderName(options.name));
  ASSIGN_OR_RETURN(const v1::Provider provider, context.client.Call(&Stub::GetProvider, request));
  Emit(context, provider, [&](const v1::Provider& shown) { Print(context, shown, ""); });
  return absl::OkStatus();
}

absl::Status List(Context& context) {
  return PrintList(
      context, &Stub::ListProviders, v1::ListProvidersRequest(),
      [](const auto& response) -> const auto& { return response.providers(); },
      Table({{"PROVIDER", Column::kLeft},
             {"WARMING CAP", Column::kRight},
             {"CONNECTIONS", Column::kRight},
             {"PER CONNECTION", Column::kRight},
             {"RATE PER IP", Column::kLeft},
             {"TLS", Column::kLeft},
             {"MX HOSTS", Column::kElastic}}),
      [](const v1::Provider& provider) -> std::vector<Cell> {
        return {IdOf(provider.name()),
                CapText(provider.warming_daily_cap()),
                absl::StrCat(provider.max_connections_per_ip()),
                CountText(provider.messages_per_connection()),
                provider.lane_rate_per_hour() > 0 ? RateText(provider.lane_rate_per_hour()) : "-",
                v1::Provider::TlsPolicy_Name(provider.tls_policy()),
                absl::StrJoin(provider.mx_suffixes(), " ")};
      });
}

absl::Status Find(const ProviderOptions& options, Context& context) {
  if (options.domain.empty() == options.mx_hosts.empty()) {
    return UsageError("provider find: want either a DOMAIN or --mx HOST");
  }
  v1::FindProviderRequest request;
  // An address is what operators have at hand.
  request.set_domain(options.domain.substr(options.domain.rfind('@') + 1));
  for (const std::string& host : options.mx_hosts) request.add_mx_hosts(host);
  ASSIGN_OR_RETURN(const v1::FindProviderResponse response,
                   context.client.Call(&Stub::FindProvider, request));
  Emit(context, response, [&](const v1::FindProviderResponse& shown) {
    Print(context, shown.provider(), absl::StrJoin(shown.mx_hosts(), ", "));
  });
  return absl::OkStatus();
}

}  // namespace

void AddProviderCommands(CommandTree& tree) {
  auto options = std::make_shared<ProviderOptions>();
  ProviderOptions* o = options.get();
  tree.Noun("provider", "Providers: who runs the receiving hosts, and their limits");
  tree.Verb("provider", "get", "Show what is known of a provider")
      .Argument("NAME", &o->name, "gmail or providers/gmail")
      .Example("crescendo provider get gmail")
      .Run([options](Context& context) { return Get(*options, context); });
  tree.Verb("provider", "list", "List the providers the daemon knows")
      .Example("crescendo provider list")
      .Run([](Context& context) { return List(context); });
  tree.Verb("provider", "find", "Which provider mail to a domain belongs to")
      .OptionalArgument("DOMAIN", &o->domain, "A recipient's domain, or an address")
      .Option("--mx", "HOST", &o->mx_hosts, "Instead: the MX hosts of a domain")
      .Example("crescendo provider find example.com")
      .Example("crescendo provider find --mx mx1.example.com --mx mx2.example.com")
      .Run([options](Context& context) { return Find(*options, context); });
}

}  // namespace crescendo::cli
