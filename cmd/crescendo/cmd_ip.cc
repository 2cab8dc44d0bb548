// crescendo ip: the addresses mail leaves from.
#include <memory>
#include <optional>

#include "cmd/crescendo/commands.h"
#include "cmd/crescendo/list.h"
#include "cmd/crescendo/names.h"
#include "cmd/crescendo/time_text.h"
#include "crescendo/v1/egress_ip.grpc.pb.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::cli {
namespace {

using Stub = v1::EgressIpService::Stub;

struct IpOptions {
  std::string name, address, etag, reason, request_id;
  std::optional<std::string> ehlo_name;
  bool dry_run = false;
};

absl::Status Show(Context& context, const v1::EgressIp& ip) {
  Emit(context, ip, [&context](const v1::EgressIp& shown) {
    Card card;
    card.Add("IP", IdOf(shown.name()));
    card.Add("ADDRESS", shown.address());
    card.Add("EHLO NAME", shown.ehlo_name());
    if (shown.has_create_time()) card.Add("CREATED", TimeText(FromProto(shown.create_time())));
    card.Add("ETAG", shown.etag());
    card.Print(context.streams);
  });
  return absl::OkStatus();
}

absl::Status Create(const IpOptions& options, Context& context) {
  v1::CreateEgressIpRequest request;
  ASSIGN_OR_RETURN(const std::string name, EgressIpName(options.name));
  request.set_egress_ip_id(IdOf(name));
  request.mutable_egress_ip()->set_address(options.address);
  request.mutable_egress_ip()->set_ehlo_name(options.ehlo_name.value_or(""));
  request.set_request_id(options.request_id);
  request.set_validate_only(options.dry_run);
  ASSIGN_OR_RETURN(const v1::EgressIp ip, context.client.Call(&Stub::CreateEgressIp, request));
  if (options.dry_run) context.streams.err << "dry run: nothing was stored\n";
  return Show(context, ip);
}

absl::Status Get(const IpOptions& options, Context& context) {
  v1::GetEgressIpRequest request;
  ASSIGN_OR_RETURN(*request.mutable_name(), EgressIpName(options.name));
  ASSIGN_OR_RETURN(const v1::EgressIp ip, context.client.Call(&Stub::GetEgressIp, request));
  return Show(context, ip);
}

absl::Status List(Context& context) {
  return PrintList(
      context, &Stub::ListEgressIps, v1::ListEgressIpsRequest(),
      [](const auto& response) -> const auto& { return response.egress_ips(); },
      Table({{"IP", Column::kLeft}, {"ADDRESS", Column::kLeft}, {"EHLO NAME", Column::kElastic}}),
      [](const v1::EgressIp& ip) -> std::vector<Cell> {
        return {IdOf(ip.name()), ip.address(), ip.ehlo_name()};
      });
}

absl::Status Update(const IpOptions& options, Context& context) {
  v1::UpdateEgressIpRequest request;
  ASSIGN_OR_RETURN(*request.mutable_egress_ip()->mutable_name(), EgressIpName(options.name));
  request.mutable_egress_ip()->set_ehlo_name(options.ehlo_name.value_or(""));
  request.mutable_egress_ip()->set_etag(options.etag);
  request.mutable_update_mask()->add_paths("ehlo_name");
  request.set_reason(options.reason);
  request.set_validate_only(options.dry_run);
  ASSIGN_OR_RETURN(const v1::EgressIp ip, context.client.Call(&Stub::UpdateEgressIp, request));
  if (options.dry_run) context.streams.err << "dry run: nothing was stored\n";
  return Show(context, ip);
}

}  // namespace

void AddIpCommands(CommandTree& tree) {
  auto options = std::make_shared<IpOptions>();
  IpOptions* o = options.get();
  tree.Noun("ip", "Egress IPs: the addresses mail leaves from");
  tree.Verb("ip", "create", "Register an address mail leaves from")
      .Argument("NAME", &o->name, "Its id: 1 to 63 of a-z, 0-9 and -")
      .Option("--address", "IP", &o->address, "An IPv4 or IPv6 address of the daemon's host")
      .Required()
      .Option("--ehlo-name", "HOST", &o->ehlo_name,
              "The host name it announces; forward and reverse DNS should agree on it")
      .Required()
      .Option("--request-id", "ID", &o->request_id, "Makes a repeated call safe")
      .Flag("--dry-run", &o->dry_run, "Check only; store nothing")
      .Example("crescendo ip create mta1-a --address 192.0.2.10 --ehlo-name mta1-a.example.com")
      .Run([options](Context& context) { return Create(*options, context); });
  tree.Verb("ip", "get", "Show one egress IP")
      .Argument("NAME", &o->name, "mta1-a or egressIps/mta1-a")
      .Example("crescendo ip get mta1-a")
      .Example("crescendo ip get mta1-a -o json")
      .Run([options](Context& context) { return Get(*options, context); });
  tree.Verb("ip", "list", "List the egress IPs")
      .Example("crescendo ip list")
      .Run([](Context& context) { return List(context); });
  tree.Verb("ip", "update", "Change the EHLO name of an egress IP")
      .Argument("NAME", &o->name, "mta1-a or egressIps/mta1-a")
      .Option("--ehlo-name", "HOST", &o->ehlo_name, "The host name it announces")
      .Required()
      .Option("--etag", "ETAG", &o->etag, "Refuse if it has changed since this was read")
      .Option("--reason", "TEXT", &o->reason, "Why, kept in the events")
      .Flag("--dry-run", &o->dry_run, "Check only; store nothing")
      .Example("crescendo ip update mta1-a --ehlo-name mail-a.example.com --reason 'new PTR'")
      .Run([options](Context& context) { return Update(*options, context); });
}

}  // namespace crescendo::cli
