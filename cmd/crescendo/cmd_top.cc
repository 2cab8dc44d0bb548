// crescendo top: all lanes, live.
#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "cmd/crescendo/commands.h"
#include "cmd/crescendo/failure.h"
#include "cmd/crescendo/names.h"
#include "cmd/crescendo/top_view.h"
#include "crescendo/v1/lane.grpc.pb.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::cli {
namespace {

struct TopOptions {
  std::string ip, provider, order;
  std::optional<absl::Duration> interval;
};

// Keys are looked for so often; so Ctrl-C is noticed.
constexpr absl::Duration kTick = absl::Milliseconds(100);
// The other screen of the terminal, without a cursor; and back.
constexpr char kEnter[] = "\x1b[?1049h\x1b[?25l";
constexpr char kLeave[] = "\x1b[?25h\x1b[?1049l";

class Top {
 public:
  Top(const TopOptions& options, Context& context) : options_(options), context_(context) {}

  absl::Status Run() {
    request_.set_parent("egressIps/-");
    request_.set_page_size(1000);
    if (!options_.ip.empty()) {
      ASSIGN_OR_RETURN(*request_.mutable_parent(), EgressIpName(options_.ip));
    }
    if (!options_.provider.empty()) {
      ASSIGN_OR_RETURN(*request_.mutable_provider(), ProviderName(options_.provider));
    }
    frame_.server = context_.options.server;
    for (const TopOrder order : kOrders) {
      if (TopOrderName(order) == options_.order) frame_.order = order;
    }
    RETURN_IF_ERROR(Look());
    if (context_.options.json || !context_.streams.out_is_terminal) return PrintOnce();
    context_.streams.out << kEnter;
    const absl::Status status = Live();
    context_.streams.out << kLeave;
    context_.streams.out.flush();
    return status;
  }

 private:
  static constexpr TopOrder kOrders[] = {TopOrder::kTrouble, TopOrder::kRate, TopOrder::kQueued,
                                         TopOrder::kName};

  absl::Status Look() {
    std::vector<v1::Lane> lanes;
    RETURN_IF_ERROR(context_.client.Pages(&v1::LaneService::Stub::ListLanes, request_,
                                          [&](const v1::ListLanesResponse& page) {
                                            for (const v1::Lane& lane : page.lanes()) {
                                              lanes.push_back(lane);
                                            }
                                            return true;
                                          }));
    rates_.Look(lanes, context_.clock.Now().steady);
    frame_.lanes = std::move(lanes);
    Sort();
    return absl::OkStatus();
  }

  void Sort() { SortLanes(frame_.order, rates_, &frame_.lanes); }

  absl::Status PrintOnce() {
    if (context_.options.json) {
      for (const v1::Lane& lane : frame_.lanes) {
        if (!Emit(context_, lane, [](const v1::Lane&) {})) break;
      }
    } else {
      for (const std::string& line : DrawTop(frame_, rates_, context_.streams, 0)) {
        context_.streams.out << line << "\n";
      }
    }
    return absl::OkStatus();
  }

  absl::Status Live() {
    const absl::Duration interval = options_.interval.value_or(absl::Seconds(1));
    while (context_.streams.out.good()) {
      Draw();
      absl::Duration waited;
      while (waited < interval) {
        if (context_.client.interrupt().triggered()) return absl::OkStatus();
        const std::optional<Key> key = context_.streams.key(std::min(kTick, interval - waited));
        if (key == Key::kQuit) return absl::OkStatus();
        if (key.has_value()) {
          Press(*key);
          Draw();
        } else {
          waited += kTick;
        }
      }
      if (frame_.frozen) continue;
      const absl::Status status = Look();
      if (absl::IsCancelled(status)) return absl::OkStatus();
      // What was last seen stays, with the reason why it gets no newer.
      frame_.fault = status.ok() ? "" : absl::StrCat("NOT LIVE: ", status.message());
    }
    return absl::OkStatus();
  }

  void Press(Key key) {
    const size_t page = static_cast<size_t>(std::max(1, context_.streams.height() - 6));
    const size_t last = frame_.lanes.empty() ? 0 : frame_.lanes.size() - 1;
    size_t& first = frame_.first;
    switch (key) {
      case Key::kOrder:
        frame_.order = kOrders[(static_cast<size_t>(frame_.order) + 1) % std::size(kOrders)];
        Sort();
        break;
      case Key::kFreeze:
        frame_.frozen = !frame_.frozen;
        break;
      case Key::kUp:
        first -= std::min<size_t>(first, 1);
        break;
      case Key::kDown:
        first = std::min(first + 1, last);
        break;
      case Key::kPageUp:
        first -= std::min(first, page);
        break;
      case Key::kPageDown:
        first = std::min(first + page, last);
        break;
      case Key::kHome:
        first = 0;
        break;
      case Key::kEnd:
        first = last;
        break;
      default:
        break;
    }
  }

  // Each line is cleared behind its end, and what is below the last: nothing flickers.
  void Draw() {
    std::string text = "\x1b[H";
    const std::vector<std::string> lines =
        DrawTop(frame_, rates_, context_.streams, context_.streams.height());
    for (size_t i = 0; i < lines.size(); ++i) {
      absl::StrAppend(&text, i == 0 ? "" : "\n", lines[i], "\x1b[K");
    }
    absl::StrAppend(&text, "\x1b[J");
    context_.streams.out << text;
    context_.streams.out.flush();
  }

  const TopOptions& options_;
  Context& context_;
  v1::ListLanesRequest request_;
  TopFrame frame_;
  LaneRates rates_;
};

}  // namespace

void AddTopCommand(CommandTree& tree) {
  auto options = std::make_shared<TopOptions>();
  TopOptions* o = options.get();
  tree.Verb("", "top", "Show all lanes live, the troubled ones first")
      .OptionalArgument("IP", &o->ip, "Only those of this egress IP")
      .Option("--provider", "PROVIDER", &o->provider, "Only those to this provider")
      .Option("--interval", "DURATION", &o->interval, "How often to look; default 1s")
      .Choice("--order", "ORDER", {"trouble", "rate", "queued", "name"}, &o->order,
              "What stands first; default: trouble")
      .Note(
          "Keys: q quits, s changes the order, space freezes, arrows and PgUp, PgDn scroll. PER "
          "MIN is what was accepted between two looks.")
      .Note("Where the output is no terminal, and with -o json, it looks once.")
      .Example("crescendo top")
      .Example("crescendo top mta1-a --order rate")
      .Run([options](Context& context) { return Top(*options, context).Run(); });
}

}  // namespace crescendo::cli
