// crescendo lane trace, crescendo delivery trace: SMTP dialogues as they happen.
#include <memory>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "cmd/crescendo/commands.h"
#include "cmd/crescendo/names.h"
#include "cmd/crescendo/printable.h"
#include "cmd/crescendo/time_text.h"
#include "crescendo/v1/diagnostics.grpc.pb.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::cli {
namespace {

using Stub = v1::DiagnosticsService::Stub;

// Connections that have had their heading.
constexpr size_t kMostShown = 10'000;

struct TraceOptions {
  std::string lane, provider, recipient;
};

// "egressIps/mta1-a/lanes/gmail" -> "mta1-a/gmail"
std::string LaneText(const std::string& name) {
  const std::vector<std::string> parts = absl::StrSplit(name, '/');
  return parts.size() == 4 ? absl::StrCat(parts[1], "/", parts[3]) : name;
}

Style StyleOf(const v1::TraceLine& line) {
  if (line.earlier()) return Style::kFaint;
  if (line.text().size() < 3 || line.text()[0] != '<') return Style::kPlain;
  const char first = line.text()[2];
  return first == '2' || first == '3' ? Style::kGood : first == '4' ? Style::kBusy : Style::kBad;
}

// "08:10:07.123 #17 d12 > RCPT TO:<ann@gmail.com>"; the lane and host once for each connection.
void Print(Streams& streams, const v1::TraceLine& line, std::set<int64_t>* shown) {
  if (line.missed_count() > 0) {
    streams.out << "... " << CountText(line.missed_count())
                << " lines were missed here: this reads more slowly than they come\n";
    return;
  }
  if (shown->size() >= kMostShown) shown->clear();
  if (shown->insert(line.connection()).second) {
    streams.out << Paint(streams, Style::kHeader,
                         absl::StrCat("#", line.connection(), " ", OneLine(LaneText(line.lane())),
                                      " to ", OneLine(line.host())))
                << "\n";
  }
  const std::string time =
      line.has_time() ? absl::FormatTime("%H:%M:%E3SZ", FromProto(line.time()), absl::UTCTimeZone())
                      : "before       ";
  streams.out << time << " #" << line.connection()
              << (line.delivery().empty() ? "" : absl::StrCat(" -/", IdOf(line.delivery()))) << " "
              << Paint(streams, StyleOf(line), OneLine(line.text())) << "\n";
}

absl::Status Trace(const v1::TraceRequest& request, Context& context) {
  std::set<int64_t> shown;
  return context.client.Stream(
      &Stub::Trace, request,
      [&](const v1::TraceLine& line) {
        const bool reads = Emit(context, line, [&](const v1::TraceLine& printed) {
          Print(context.streams, printed, &shown);
        });
        context.streams.out.flush();
        return reads && context.streams.out.good();
      },
      [&context] {
        // Else nobody knows whether silence means that nothing happens.
        context.streams.err << "watching; Ctrl-C ends it\n";
        context.streams.err.flush();
      });
}

}  // namespace

void AddTraceCommands(CommandTree& tree) {
  auto options = std::make_shared<TraceOptions>();
  TraceOptions* o = options.get();
  tree.Verb("lane", "trace", "Print the SMTP dialogue of a lane as it happens")
      .Argument("LANE", &o->lane, "mta1-a/gmail, or the egress IP")
      .OptionalArgument("PROVIDER", &o->provider, "gmail, when LANE is the egress IP")
      .Note(
          "Goes on until Ctrl-C. \"#17\" is a connection, \"-/12\" the delivery under way; message "
          "text is left out. A connection that was open before shows its opening first.")
      .Example("crescendo lane trace mta1-a/gmail")
      .Run([options](Context& context) -> absl::Status {
        v1::TraceRequest request;
        ASSIGN_OR_RETURN(*request.mutable_lane(), LaneName(options->lane, options->provider));
        return Trace(request, context);
      });
  tree.Verb("delivery", "trace", "Print the SMTP dialogue with a recipient as it happens")
      .Argument("ADDRESS", &o->recipient, "The recipient's address")
      .Note(
          "Goes on until Ctrl-C: every transaction with this recipient, behind the opening of its "
          "session. What is over: delivery transcript.")
      .Example("crescendo delivery trace full@gmail.com")
      .Run([options](Context& context) {
        v1::TraceRequest request;
        request.set_recipient(options->recipient);
        return Trace(request, context);
      });
}

}  // namespace crescendo::cli
