#include "cmd/crescendo/top_view.h"

#include <algorithm>
#include <set>
#include <sstream>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "cmd/crescendo/lane_view.h"
#include "cmd/crescendo/names.h"
#include "cmd/crescendo/printable.h"
#include "cmd/crescendo/table.h"
#include "cmd/crescendo/time_text.h"

namespace crescendo::cli {
namespace {

constexpr char kKeys[] = "q quit   s order   space freeze   arrows, PgUp, PgDn scroll";
// Above the lanes: two lines of sums and a blank one, and the table's heading.
constexpr int kAbove = 4;

// "mta1-a/gmail" of egressIps/mta1-a/lanes/gmail.
std::string LaneText(const v1::Lane& lane) {
  const std::vector<std::string> parts = absl::StrSplit(lane.name(), '/');
  return parts.size() == 4 ? absl::StrCat(parts[1], "/", parts[3]) : lane.name();
}

int Trouble(const v1::Lane& lane) {
  if (lane.wait().reason() == v1::Wait::BLOCKED) return 5;
  if (lane.state() == v1::Lane::HELD) return 4;
  if (lane.state() == v1::Lane::PAUSED) return 3;
  if (lane.throttle().has_stopped_until_time()) return 2;
  return lane.throttle().rate_per_hour() > 0 || lane.throttle().connection_limit() > 0 ? 1 : 0;
}

std::string RateText(double per_minute) {
  if (per_minute <= 0) return "-";
  return per_minute < 10 ? absl::StrFormat("%.1f", per_minute)
                         : CountText(static_cast<int64_t>(per_minute + 0.5));
}

struct Sums {
  double per_minute = 0;
  int64_t accepted = 0, in_flight = 0, connections = 0;
  int stopped = 0, slowed = 0;
};

Sums SumOf(const std::vector<v1::Lane>& lanes, const LaneRates& rates) {
  Sums sums;
  for (const v1::Lane& lane : lanes) {
    sums.per_minute += rates.PerMinute(lane);
    sums.accepted += lane.today().accepted();
    sums.in_flight += lane.in_flight();
    sums.connections += lane.open_connections();
    sums.stopped += Trouble(lane) >= 3;
    sums.slowed += Trouble(lane) == 1 || Trouble(lane) == 2;
  }
  return sums;
}

std::string Fitted(const Streams& streams, const std::string& line) {
  const int width = streams.width();
  return width > 0 ? std::string(FrontOfWidth(line, static_cast<size_t>(width))) : line;
}

// The rows as lines of the table, one each: what explains is cut where the terminal ends.
std::vector<std::string> Rows(const TopFrame& frame, size_t first, size_t end,
                              const LaneRates& rates, const Streams& streams) {
  Table table({{"LANE", Column::kLeft},
               {"STATE", Column::kLeft},
               {"SENT/CAP", Column::kRight},
               {"PER MIN", Column::kRight},
               {"QUEUED", Column::kRight},
               {"FLYING", Column::kRight},
               {"CONNS", Column::kRight},
               {"DEFERRED", Column::kRight},
               {"WHY NOT MORE", Column::kElastic}});
  for (size_t i = first; i < end; ++i) {
    const v1::Lane& lane = frame.lanes[i];
    table.Add({LaneText(lane),
               {v1::Lane::State_Name(lane.state()), StyleOf(lane.state())},
               SentOfCap(lane),
               RateText(rates.PerMinute(lane)),
               CountText(lane.queued()),
               CountText(lane.in_flight()),
               absl::StrCat(lane.open_connections(), "/", lane.connection_limit()),
               DeferredShare(lane.today()),
               {WhyNotMore(lane.wait(), std::nullopt), Trouble(lane) >= 3  ? Style::kBad
                                                       : Trouble(lane) > 0 ? Style::kBusy
                                                                           : Style::kPlain}});
  }
  std::ostringstream text;
  Streams drawn{text, streams.err, streams.in};
  drawn.out_is_terminal = streams.out_is_terminal;
  drawn.colour = streams.colour;
  drawn.unicode = streams.unicode;
  drawn.width = streams.width;
  table.Print(drawn);
  return absl::StrSplit(text.str(), '\n', absl::SkipEmpty());
}

}  // namespace

std::string TopOrderName(TopOrder order) {
  switch (order) {
    case TopOrder::kTrouble:
      return "trouble";
    case TopOrder::kRate:
      return "rate";
    case TopOrder::kQueued:
      return "queued";
    default:
      return "name";
  }
}

void LaneRates::Look(const std::vector<v1::Lane>& lanes, absl::Duration now) {
  const double minutes = absl::ToDoubleMinutes(now - looked_at_);
  looked_at_ = now;
  std::map<std::string, Seen> seen;
  for (const v1::Lane& lane : lanes) {
    Seen& next = seen[lane.name()];
    next.day = lane.plan_day();
    next.accepted = lane.today().accepted();
    const auto last = seen_.find(lane.name());
    if (last == seen_.end() || last->second.day != next.day || !(minutes > 0)) continue;
    next.per_minute = static_cast<double>(next.accepted - last->second.accepted) / minutes;
  }
  seen_ = std::move(seen);
}

double LaneRates::PerMinute(const v1::Lane& lane) const {
  const auto found = seen_.find(lane.name());
  return found == seen_.end() ? 0 : found->second.per_minute;
}

void SortLanes(TopOrder order, const LaneRates& rates, std::vector<v1::Lane>* lanes) {
  const auto weight = [&](const v1::Lane& lane) -> double {
    switch (order) {
      case TopOrder::kTrouble:
        return Trouble(lane);
      case TopOrder::kRate:
        return rates.PerMinute(lane);
      case TopOrder::kQueued:
        return static_cast<double>(lane.queued());
      default:
        return 0;
    }
  };
  std::sort(lanes->begin(), lanes->end(), [&](const v1::Lane& a, const v1::Lane& b) {
    return std::make_tuple(-weight(a), a.name()) < std::make_tuple(-weight(b), b.name());
  });
}

std::vector<std::string> DrawTop(const TopFrame& frame, const LaneRates& rates,
                                 const Streams& streams, int height) {
  const Sums sums = SumOf(frame.lanes, rates);
  std::vector<std::string> lines;
  const std::string title =
      absl::StrCat("crescendo top   ", frame.server, "   ", CountText(frame.lanes.size()),
                   frame.lanes.size() == 1 ? " lane" : " lanes", ", by ", TopOrderName(frame.order),
                   frame.frozen ? "   FROZEN" : "");
  lines.push_back(Paint(streams, Style::kHeader, Fitted(streams, title)));
  const std::string state = absl::StrCat(
      RateText(sums.per_minute), " a minute   ", CountText(sums.accepted), " accepted today   ",
      CountText(sums.in_flight), " in flight on ", CountText(sums.connections), " connections   ",
      sums.stopped, " stopped, ", sums.slowed, " slowed down");
  lines.push_back(
      frame.fault.empty()
          ? Paint(streams, sums.stopped > 0 ? Style::kBusy : Style::kPlain, Fitted(streams, state))
          : Paint(streams, Style::kBad, Fitted(streams, OneLine(frame.fault))));
  lines.emplace_back();
  if (frame.lanes.empty()) {
    lines.push_back(Fitted(streams,
                           "no lane has mail, counts or a throttle yet: import recipients and "
                           "start the campaign"));
  }
  const size_t total = frame.lanes.size();
  const size_t room = height <= 0 ? total : static_cast<size_t>(std::max(1, height - kAbove - 1));
  const size_t first = std::min(frame.first, total > room ? total - room : 0);
  const size_t end = std::min(total, first + room);
  if (total > 0) {
    for (std::string& line : Rows(frame, first, end, rates, streams)) {
      lines.push_back(std::move(line));
    }
  }
  if (height > 0) {
    const std::string where =
        total > room ? absl::StrCat("   ", first + 1, " to ", end, " of ", total) : "";
    lines.push_back(Paint(streams, Style::kFaint, Fitted(streams, absl::StrCat(kKeys, where))));
    if (lines.size() > static_cast<size_t>(height)) {
      lines.resize(static_cast<size_t>(height));
    }
  }
  return lines;
}

}  // namespace crescendo::cli
