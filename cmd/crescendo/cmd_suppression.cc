// crescendo suppression: addresses we do not send to.
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "cmd/crescendo/commands.h"
#include "cmd/crescendo/enum_text.h"
#include "cmd/crescendo/list.h"
#include "cmd/crescendo/names.h"
#include "cmd/crescendo/printable.h"
#include "cmd/crescendo/time_text.h"
#include "crescendo/v1/suppression.grpc.pb.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::cli {
namespace {

using Stub = v1::SuppressionService::Stub;

struct SuppressionOptions {
  std::string address, reason = "manual", note, why;
  bool dry_run = false;
};

absl::Status Show(Context& context, const v1::Suppression& suppression) {
  Emit(context, suppression, [&context](const v1::Suppression& shown) {
    Card card;
    card.Add("ADDRESS", shown.address());
    card.Add("REASON", v1::Suppression::Reason_Name(shown.reason()));
    card.Add("NOTE", shown.note());
    if (shown.has_create_time()) card.Add("SINCE", TimeText(FromProto(shown.create_time())));
    card.Print(context.streams);
  });
  return absl::OkStatus();
}

absl::Status Add(const SuppressionOptions& options, Context& context) {
  v1::CreateSuppressionRequest request;
  request.mutable_suppression()->set_address(options.address);
  request.mutable_suppression()->set_reason(static_cast<v1::Suppression::Reason>(
      EnumNumber(v1::Suppression::Reason_descriptor(), options.reason)));
  request.mutable_suppression()->set_note(options.note);
  request.set_validate_only(options.dry_run);
  ASSIGN_OR_RETURN(const v1::Suppression suppression,
                   context.client.Call(&Stub::CreateSuppression, request));
  if (options.dry_run) context.streams.err << "dry run: nothing was stored\n";
  return Show(context, suppression);
}

absl::Status Get(const SuppressionOptions& options, Context& context) {
  v1::GetSuppressionRequest request;
  ASSIGN_OR_RETURN(*request.mutable_name(), SuppressionName(options.address));
  ASSIGN_OR_RETURN(const v1::Suppression suppression,
                   context.client.Call(&Stub::GetSuppression, request));
  return Show(context, suppression);
}

absl::Status List(Context& context) {
  return PrintList(
      context, &Stub::ListSuppressions, v1::ListSuppressionsRequest(),
      [](const auto& response) -> const auto& { return response.suppressions(); },
      Table({{"ADDRESS", Column::kElastic},
             {"REASON", Column::kLeft},
             {"SINCE", Column::kLeft},
             {"NOTE", Column::kProse}}),
      [](const v1::Suppression& suppression) -> std::vector<Cell> {
        return {suppression.address(), v1::Suppression::Reason_Name(suppression.reason()),
                TimeText(FromProto(suppression.create_time())), suppression.note()};
      });
}

absl::Status Remove(const SuppressionOptions& options, Context& context) {
  v1::DeleteSuppressionRequest request;
  ASSIGN_OR_RETURN(*request.mutable_name(), SuppressionName(options.address));
  request.set_reason(options.why);
  ASSIGN_OR_RETURN(const v1::DeleteSuppressionResponse response,
                   context.client.Call(&Stub::DeleteSuppression, request));
  Emit(context, response, [&](const v1::DeleteSuppressionResponse&) {
    context.streams.out << OneLine(options.address)
                        << " may be sent to again by later imports; what it ended stays ended\n";
  });
  return absl::OkStatus();
}

}  // namespace

void AddSuppressionCommands(CommandTree& tree) {
  auto options = std::make_shared<SuppressionOptions>();
  SuppressionOptions* o = options.get();
  tree.Noun("suppression", "Suppressions: addresses we do not send to");
  tree.Verb("suppression", "add", "Send nothing more to an address")
      .Argument("ADDRESS", &o->address, "ann@example.com")
      .Choice("--kind", "KIND", EnumChoices(v1::Suppression::Reason_descriptor()), &o->reason,
              "Why; default manual")
      .Option("--note", "TEXT", &o->note, "What people should know")
      .Flag("--dry-run", &o->dry_run, "Check only; store nothing")
      .Note("No new transaction to the address starts after this answers.")
      .Example("crescendo suppression add ann@example.com --kind complaint --note 'ticket 812'")
      .Run([options](Context& context) { return Add(*options, context); });
  tree.Verb("suppression", "get", "Show whether and why an address is suppressed")
      .Argument("ADDRESS", &o->address, "ann@example.com")
      .Example("crescendo suppression get ann@example.com")
      .Run([options](Context& context) { return Get(*options, context); });
  tree.Verb("suppression", "list", "List every suppressed address")
      .Example("crescendo suppression list -o json")
      .Run([](Context& context) { return List(context); });
  tree.Verb("suppression", "remove", "Let an address be sent to again")
      .Argument("ADDRESS", &o->address, "ann@example.com")
      .Option("--reason", "TEXT", &o->why, "Why, kept in the events")
      .Example("crescendo suppression remove ann@example.com --reason 'signed up again'")
      .Run([options](Context& context) { return Remove(*options, context); });
}

}  // namespace crescendo::cli
