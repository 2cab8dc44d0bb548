#include "cmd/crescendo/progress.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cmd/crescendo/table.h"
#include "cmd/crescendo/time_text.h"

namespace crescendo::cli {

Progress::Progress(Context& context, uintmax_t size)
    : context_(context), size_(size), started_(context.clock.Now().steady), shown_(started_) {}

void Progress::Clear() {
  if (bar_shown_) context_.streams.err << "\r\x1b[K";
  bar_shown_ = false;
}

void Progress::Show(int64_t rows, int64_t bytes, bool last) {
  const absl::Duration now = context_.clock.Now().steady;
  if (!context_.streams.err_is_terminal || context_.options.json ||
      (!last && now - shown_ < absl::Milliseconds(100))) {
    return;
  }
  shown_ = now;
  bar_shown_ = !last;
  const double seconds = std::max(absl::ToDoubleSeconds(now - started_), 0.001);
  const double part =
      size_ > 0 ? std::min(1.0, static_cast<double>(bytes) / static_cast<double>(size_)) : 1;
  const std::string eta =
      part > 0 && part < 1
          ? absl::StrCat(", ", DurationText(absl::Seconds(seconds / part - seconds)), " left")
          : "";
  context_.streams.err << absl::StrFormat(
      "\r%s %s rows, %s/s%s\x1b[K%s", Bar(context_.streams, part, 30), CountText(rows),
      CountText(static_cast<int64_t>(static_cast<double>(rows) / seconds)), eta, last ? "\n" : "");
}

}  // namespace crescendo::cli
