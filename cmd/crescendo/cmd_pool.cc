// crescendo pool: sets of egress IPs that share the queue of their campaigns.
#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cmd/crescendo/commands.h"
#include "cmd/crescendo/list.h"
#include "cmd/crescendo/names.h"
#include "cmd/crescendo/time_text.h"
#include "crescendo/v1/pool.grpc.pb.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::cli {
namespace {

using Stub = v1::PoolService::Stub;

struct PoolOptions {
  std::string name, overflow, etag, reason, request_id;
  std::vector<std::string> ips, added, removed;
  bool dry_run = false;
};

std::string Ips(const v1::Pool& pool) {
  return absl::StrJoin(pool.egress_ips(), ", ", [](std::string* out, const std::string& name) {
    absl::StrAppend(out, IdOf(name));
  });
}

std::string OverTheCap(const v1::Pool& pool) {
  if (pool.overflow_pool().empty()) return "HOLD";
  return absl::StrCat("SPILL to ", IdOf(pool.overflow_pool()));
}

absl::Status Show(Context& context, const v1::Pool& pool) {
  Emit(context, pool, [&context](const v1::Pool& shown) {
    Card card;
    card.Add("POOL", IdOf(shown.name()));
    card.Add("IPS", Ips(shown));
    card.Add("OVER THE CAP", OverTheCap(shown));
    if (shown.has_create_time()) card.Add("CREATED", TimeText(FromProto(shown.create_time())));
    card.Add("ETAG", shown.etag());
    card.Print(context.streams);
  });
  return absl::OkStatus();
}

// "none" takes it away.
absl::Status SetOverflow(const PoolOptions& options, v1::Pool* pool) {
  pool->clear_overflow_pool();
  if (options.overflow.empty() || options.overflow == "none") return absl::OkStatus();
  ASSIGN_OR_RETURN(*pool->mutable_overflow_pool(), PoolName(options.overflow));
  return absl::OkStatus();
}

absl::Status Create(const PoolOptions& options, Context& context) {
  v1::CreatePoolRequest request;
  ASSIGN_OR_RETURN(const std::string name, PoolName(options.name));
  request.set_pool_id(IdOf(name));
  for (const std::string& ip : options.ips) {
    ASSIGN_OR_RETURN(*request.mutable_pool()->add_egress_ips(), EgressIpName(ip));
  }
  RETURN_IF_ERROR(SetOverflow(options, request.mutable_pool()));
  request.set_request_id(options.request_id);
  request.set_validate_only(options.dry_run);
  ASSIGN_OR_RETURN(const v1::Pool pool, context.client.Call(&Stub::CreatePool, request));
  if (options.dry_run) context.streams.err << "dry run: nothing was stored\n";
  return Show(context, pool);
}

absl::StatusOr<v1::Pool> Read(const std::string& text, Context& context) {
  v1::GetPoolRequest request;
  ASSIGN_OR_RETURN(*request.mutable_name(), PoolName(text));
  return context.client.Call(&Stub::GetPool, request);
}

absl::Status Get(const PoolOptions& options, Context& context) {
  ASSIGN_OR_RETURN(const v1::Pool pool, Read(options.name, context));
  return Show(context, pool);
}

absl::Status List(Context& context) {
  return PrintList(
      context, &Stub::ListPools, v1::ListPoolsRequest(),
      [](const auto& response) -> const auto& { return response.pools(); },
      Table({{"POOL", Column::kLeft}, {"OVER THE CAP", Column::kLeft}, {"IPS", Column::kProse}}),
      [](const v1::Pool& pool) -> std::vector<Cell> {
        return {IdOf(pool.name()), OverTheCap(pool), Ips(pool)};
      });
}

absl::Status AddIp(const std::string& text, v1::Pool* pool) {
  ASSIGN_OR_RETURN(const std::string name, EgressIpName(text));
  const auto& ips = pool->egress_ips();
  if (std::find(ips.begin(), ips.end(), name) == ips.end()) pool->add_egress_ips(name);
  return absl::OkStatus();
}

absl::Status RemoveIp(const std::string& text, v1::Pool* pool) {
  ASSIGN_OR_RETURN(const std::string name, EgressIpName(text));
  auto* ips = pool->mutable_egress_ips();
  const auto found = std::find(ips->begin(), ips->end(), name);
  if (found == ips->end()) {
    return UsageError(
        absl::StrCat("--remove-ip: ", IdOf(name), " is not in pool ", IdOf(pool->name())));
  }
  ips->erase(found);
  return absl::OkStatus();
}

absl::Status Update(const PoolOptions& options, Context& context) {
  const bool edits = !options.added.empty() || !options.removed.empty();
  const bool members = edits || !options.ips.empty();
  if ((edits && !options.ips.empty()) || (!members && options.overflow.empty())) {
    return UsageError("pool update: want either --ip, or --add-ip and --remove-ip, or --overflow");
  }
  v1::UpdatePoolRequest request;
  v1::Pool& pool = *request.mutable_pool();
  if (options.ips.empty()) {
    // Its etag refuses the change if somebody else's came between.
    ASSIGN_OR_RETURN(pool, Read(options.name, context));
  } else {
    ASSIGN_OR_RETURN(*pool.mutable_name(), PoolName(options.name));
  }
  for (const std::string& ip : options.ips) RETURN_IF_ERROR(AddIp(ip, &pool));
  for (const std::string& ip : options.added) RETURN_IF_ERROR(AddIp(ip, &pool));
  for (const std::string& ip : options.removed) RETURN_IF_ERROR(RemoveIp(ip, &pool));
  if (!options.etag.empty()) pool.set_etag(options.etag);
  if (members) request.mutable_update_mask()->add_paths("egress_ips");
  if (!options.overflow.empty()) {
    RETURN_IF_ERROR(SetOverflow(options, &pool));
    request.mutable_update_mask()->add_paths("overflow_pool");
  }
  request.set_reason(options.reason);
  request.set_validate_only(options.dry_run);
  ASSIGN_OR_RETURN(const v1::Pool changed, context.client.Call(&Stub::UpdatePool, request));
  if (options.dry_run) context.streams.err << "dry run: nothing was stored\n";
  return Show(context, changed);
}

}  // namespace

void AddPoolCommands(CommandTree& tree) {
  auto options = std::make_shared<PoolOptions>();
  PoolOptions* o = options.get();
  tree.Noun("pool", "Pools: egress IPs that share the queue of their campaigns");
  tree.Verb("pool", "create", "Make a pool of egress IPs")
      .Argument("NAME", &o->name, "Its id: 1 to 63 of a-z, 0-9 and -")
      .Option("--ip", "IP", &o->ips, "An egress IP of the pool")
      .Required()
      .Option("--overflow", "POOL", &o->overflow,
              "Spill what is over the caps to this pool; default: hold it")
      .Option("--request-id", "ID", &o->request_id, "Makes a repeated call safe")
      .Flag("--dry-run", &o->dry_run, "Check only; store nothing")
      .Example("crescendo pool create main --ip mta1-a --ip mta1-b")
      .Example("crescendo pool create cold --ip mta2-a --overflow main")
      .Run([options](Context& context) { return Create(*options, context); });
  tree.Verb("pool", "get", "Show one pool")
      .Argument("NAME", &o->name, "main or pools/main")
      .Example("crescendo pool get main")
      .Run([options](Context& context) { return Get(*options, context); });
  tree.Verb("pool", "list", "List the pools")
      .Example("crescendo pool list")
      .Run([](Context& context) { return List(context); });
  tree.Verb("pool", "update", "Change which egress IPs a pool has, and where it overflows")
      .Argument("NAME", &o->name, "main or pools/main")
      .Option("--ip", "IP", &o->ips, "The pool has these and no others")
      .Option("--add-ip", "IP", &o->added, "Also this one")
      .Option("--remove-ip", "IP", &o->removed, "Not this one any more")
      .Option("--overflow", "POOL", &o->overflow,
              "Spill what is over the caps to this pool; none: hold it")
      .Option("--etag", "ETAG", &o->etag, "Refuse if it has changed since this was read")
      .Option("--reason", "TEXT", &o->reason, "Why, kept in the events")
      .Flag("--dry-run", &o->dry_run, "Check only; store nothing")
      .Note("An IP that leaves finishes what is in flight and starts nothing more.")
      .Example("crescendo pool update main --add-ip mta1-c")
      .Example("crescendo pool update cold --overflow none")
      .Example("crescendo pool update main --remove-ip mta1-a --reason 'blocked at gmail'")
      .Run([options](Context& context) { return Update(*options, context); });
}

}  // namespace crescendo::cli
