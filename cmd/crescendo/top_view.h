// top_view.h: one frame of `crescendo top`: what all lanes do, the troubled ones first.
//
// Threads  pure functions and values.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "cmd/crescendo/streams.h"
#include "crescendo/v1/lane.pb.h"

namespace crescendo::cli {

enum class TopOrder { kTrouble, kRate, kQueued, kName };
std::string TopOrderName(TopOrder order);

// Messages per minute that were accepted between two looks, by lane.
class LaneRates {
 public:
  // `now`: any steady clock. A lane's first look gives no rate, nor does one into another day.
  void Look(const std::vector<v1::Lane>& lanes, absl::Duration now);
  // 0 where it is not known.
  double PerMinute(const v1::Lane& lane) const;

 private:
  struct Seen {
    std::string day;
    int64_t accepted = 0;
    double per_minute = 0;
  };
  std::map<std::string, Seen> seen_;
  absl::Duration looked_at_ = -absl::InfiniteDuration();
};

struct TopFrame {
  std::vector<v1::Lane> lanes;
  std::string server;
  TopOrder order = TopOrder::kTrouble;
  bool frozen = false;
  std::string fault;  // Why there is nothing newer; "": all is well.
  size_t first = 0;   // The lane at the top.
};

// Blocked and held lanes, then paused ones, then those the receiver slows down, then the rest.
void SortLanes(TopOrder order, const LaneRates& rates, std::vector<v1::Lane>* lanes);

// At most `height` lines, the last one about keys; 0: all lanes, and nothing about keys.
std::vector<std::string> DrawTop(const TopFrame& frame, const LaneRates& rates,
                                 const Streams& streams, int height);

}  // namespace crescendo::cli
