// day_table.h: what reached the receivers, per UTC day and source IP, from the ledger alone.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "cmd/crescendo-sandbox/evidence.h"
#include "cmd/crescendo-sandbox/ledger.h"

namespace crescendo::sandbox {

struct DayCounts {
  int64_t accepted = 0;
  int64_t refused = 0;                     // For good: 5yz.
  int64_t deferred = 0;                    // 4yz, and drops before the final dot.
  int64_t in_doubt = 0;                    // Dropped behind the final dot.
  std::map<std::string, int64_t> used_at;  // accepted + refused, by provider.

  // What the cap counts (L1).
  int64_t used() const { return accepted + refused; }
};

class DayTable {
 public:
  // Takes transactions; the day is that of MAIL. Other records count nothing.
  void Add(const LedgerRecord& record);
  const std::map<DayKey, DayCounts>& rows() const { return rows_; }

  // Columns DAY IP CAP ACCEPTED REFUSED DEFERRED IN DOUBT USED; the cap and the IP's label where
  // `days` has them.
  std::string Text(const DayCaps& days) const;

 private:
  std::map<DayKey, DayCounts> rows_;
};

}  // namespace crescendo::sandbox
