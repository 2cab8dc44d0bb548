// crescendo webhook: addresses that are told of events.
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cmd/crescendo/commands.h"
#include "cmd/crescendo/enum_text.h"
#include "cmd/crescendo/event_filter.h"
#include "cmd/crescendo/list.h"
#include "cmd/crescendo/names.h"
#include "cmd/crescendo/time_text.h"
#include "crescendo/v1/webhook.grpc.pb.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::cli {
namespace {

using Stub = v1::WebhookService::Stub;

struct WebhookOptions {
  std::string name, url, reason;
  EventOptions events;
  bool dry_run = false;
};

Style StyleOf(v1::Webhook::State state) {
  return state == v1::Webhook::ACTIVE    ? Style::kGood
         : state == v1::Webhook::FAILING ? Style::kBad
                                         : Style::kBusy;
}

// "BOUNCED, EXPIRED of campaigns/spring"; "all".
std::string Selected(const v1::EventFilter& filter) {
  std::vector<std::string> types;
  for (const int type : filter.types()) {
    types.push_back(v1::Event::Type_Name(static_cast<v1::Event::Type>(type)));
  }
  std::string text = types.empty() ? "all" : absl::StrJoin(types, ", ");
  for (const std::string& name :
       {filter.campaign(), filter.egress_ip(), filter.provider(), filter.plan()}) {
    if (!name.empty()) absl::StrAppend(&text, " of ", name);
  }
  return text;
}

absl::Status Show(Context& context, const v1::Webhook& webhook) {
  Emit(context, webhook, [&context](const v1::Webhook& shown) {
    Card card;
    card.Add("WEBHOOK", IdOf(shown.name()));
    card.Add("URL", shown.url());
    card.Add("EVENTS", Selected(shown.filter()));
    card.Add("STATE", {v1::Webhook::State_Name(shown.state()), StyleOf(shown.state())});
    card.Add("WHY", shown.state_reason());
    card.Add("DELIVERED", absl::StrCat("up to event ", IdOf(shown.delivered_event())));
    if (shown.lost_events() > 0) {
      card.Add("LOST", absl::StrCat(CountText(shown.lost_events()),
                                    " events, which were older than the daemon keeps them"));
    }
    if (shown.has_last_success_time()) {
      card.Add("LAST SUCCESS", TimeText(FromProto(shown.last_success_time())));
    }
    if (shown.failures() > 0) card.Add("FAILURES", absl::StrCat(shown.failures(), " in a row"));
    card.Add("LAST FAULT", shown.last_fault());
    if (shown.has_next_try_time()) {
      card.Add("NEXT TRY", TimeText(FromProto(shown.next_try_time())));
    }
    card.Add("SECRET", shown.secret());
    card.Print(context.streams);
  });
  if (!webhook.secret().empty()) {
    Hint(context, "keep the secret: it is not shown again, and its receiver needs it");
  }
  return absl::OkStatus();
}

absl::Status Create(const WebhookOptions& options, Context& context) {
  v1::CreateWebhookRequest request;
  ASSIGN_OR_RETURN(const std::string name, WebhookName(options.name));
  request.set_webhook_id(IdOf(name));
  request.mutable_webhook()->set_url(options.url);
  ASSIGN_OR_RETURN(*request.mutable_webhook()->mutable_filter(), FilterOf(options.events));
  if (!options.events.after.empty()) {
    ASSIGN_OR_RETURN(*request.mutable_after_event(), EventName(options.events.after));
  }
  request.set_validate_only(options.dry_run);
  ASSIGN_OR_RETURN(const v1::Webhook webhook, context.client.Call(&Stub::CreateWebhook, request));
  if (options.dry_run) context.streams.err << "dry run: nothing was stored\n";
  return Show(context, webhook);
}

absl::Status List(Context& context) {
  ASSIGN_OR_RETURN(const v1::ListWebhooksResponse all,
                   context.client.Call(&Stub::ListWebhooks, v1::ListWebhooksRequest()));
  Table table({{"WEBHOOK", Column::kLeft},
               {"STATE", Column::kLeft},
               {"DELIVERED", Column::kRight},
               {"LOST", Column::kRight},
               {"URL", Column::kElastic},
               {"LAST FAULT", Column::kProse}});
  for (const v1::Webhook& webhook : all.webhooks()) {
    Emit(context, webhook, [&](const v1::Webhook& shown) {
      table.Add({IdOf(shown.name()),
                 {v1::Webhook::State_Name(shown.state()), StyleOf(shown.state())},
                 IdOf(shown.delivered_event()),
                 CountText(shown.lost_events()),
                 shown.url(),
                 shown.last_fault().empty() ? "-" : shown.last_fault()});
    });
  }
  if (!table.empty()) table.Print(context.streams);
  if (all.webhooks().empty()) Hint(context, "none");
  return absl::OkStatus();
}

template <typename Request>
void AddVerb(CommandTree& tree, const std::shared_ptr<WebhookOptions>& options, const char* verb,
             const char* summary, const char* example,
             grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, v1::Webhook*)) {
  tree.Verb("webhook", verb, summary)
      .Argument("NAME", &options->name, "crm or webhooks/crm")
      .Option("--reason", "TEXT", &options->reason, "Why, kept in the events")
      .Example(example)
      .Run([options, method](Context& context) -> absl::Status {
        Request request;
        ASSIGN_OR_RETURN(*request.mutable_name(), WebhookName(options->name));
        request.set_reason(options->reason);
        ASSIGN_OR_RETURN(const v1::Webhook webhook, context.client.Call(method, request));
        return Show(context, webhook);
      });
}

}  // namespace

void AddWebhookCommands(CommandTree& tree) {
  auto options = std::make_shared<WebhookOptions>();
  WebhookOptions* o = options.get();
  tree.Noun("webhook", "Webhooks: addresses that are told of events, in order");
  AddEventFilter(tree.Verb("webhook", "create", "Have an address told of events by POST"),
                 &o->events)
      .Argument("NAME", &o->name, "Its id: 1 to 63 of a-z, 0-9 and -")
      .Option("--url", "URL", &o->url, "https://…, or http:// to this host's loopback")
      .Required()
      .Flag("--dry-run", &o->dry_run, "Check only; store nothing")
      .Note(
          "Requests are signed as Standard Webhooks are (standardwebhooks.com), with the secret "
          "that this prints. Events come in order, each at least once, at most 100 in one request; "
          "a receiver that is away is tried again, for as long as the daemon keeps events.")
      .Example(
          "crescendo webhook create crm --url https://shop.example/mail --type bounced --type "
          "accepted --campaign spring")
      .Run([options](Context& context) { return Create(*options, context); });
  tree.Verb("webhook", "get", "Show one webhook and how it goes")
      .Argument("NAME", &o->name, "crm or webhooks/crm")
      .Example("crescendo webhook get crm")
      .Run([options](Context& context) -> absl::Status {
        v1::GetWebhookRequest request;
        ASSIGN_OR_RETURN(*request.mutable_name(), WebhookName(options->name));
        ASSIGN_OR_RETURN(const v1::Webhook webhook,
                         context.client.Call(&Stub::GetWebhook, request));
        return Show(context, webhook);
      });
  tree.Verb("webhook", "list", "List the webhooks, and which fail")
      .Example("crescendo webhook list")
      .Run([](Context& context) { return List(context); });
  AddVerb<v1::PauseWebhookRequest>(tree, options, "pause", "Tell it nothing more; events wait",
                                   "crescendo webhook pause crm --reason 'moving house'",
                                   &Stub::PauseWebhook);
  AddVerb<v1::ResumeWebhookRequest>(tree, options, "resume",
                                    "Go on where it was; what waits for a retry is tried at once",
                                    "crescendo webhook resume crm", &Stub::ResumeWebhook);
  AddVerb<v1::RotateWebhookSecretRequest>(
      tree, options, "rotate-secret", "Sign with another secret from now on, and print it",
      "crescendo webhook rotate-secret crm", &Stub::RotateWebhookSecret);
  tree.Verb("webhook", "delete", "Forget it")
      .Argument("NAME", &o->name, "crm or webhooks/crm")
      .Option("--reason", "TEXT", &o->reason, "Why, kept in the events")
      .Example("crescendo webhook delete crm")
      .Run([options](Context& context) -> absl::Status {
        v1::DeleteWebhookRequest request;
        ASSIGN_OR_RETURN(*request.mutable_name(), WebhookName(options->name));
        request.set_reason(options->reason);
        ASSIGN_OR_RETURN(const v1::DeleteWebhookResponse deleted,
                         context.client.Call(&Stub::DeleteWebhook, request));
        Emit(context, deleted, [&](const v1::DeleteWebhookResponse&) {
          context.streams.out << "deleted " << IdOf(request.name()) << "\n";
        });
        return absl::OkStatus();
      });
}

}  // namespace crescendo::cli
