// streams.h: where a command writes, and what stands at the other end.
//
// Data goes to `out`, talk to `err`; so `crescendo … > file` holds data only.
#pragma once

#include <functional>
#include <istream>
#include <memory>
#include <ostream>
#include <string>

#include "absl/strings/string_view.h"
#include "cmd/crescendo/keyboard.h"

namespace crescendo::cli {

struct Streams {
  std::ostream& out;
  std::ostream& err;
  std::istream& in;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  bool colour = false;   // On `out`: a terminal, and neither NO_COLOR nor TERM=dumb.
  bool unicode = false;  // The locale is UTF-8: "…" and block characters may be used.
  // Columns and lines of the terminal now; 0: not a terminal, as much as it takes.
  std::function<int()> width = [] { return 0; };
  std::function<int()> height = [] { return 0; };
  // For a view that fills the terminal. Where nobody can press a key, it quits.
  ReadKey key = [](absl::Duration) { return std::optional(Key::kQuit); };
};

enum class Style { kPlain, kHeader, kGood, kBusy, kBad, kFaint };

// `text`, coloured if the streams want it.
std::string Paint(const Streams& streams, Style style, absl::string_view text);

// A stream on a file descriptor, which it does not own. `error()` is the errno of the first write
// that failed, else 0: EPIPE is a reader that has seen enough, ENOSPC is a full disk.
class FdStream {
 public:
  explicit FdStream(int fd);
  ~FdStream();
  std::ostream& stream();
  int error() const;

 private:
  class Buffer;
  std::unique_ptr<Buffer> buffer_;
  std::unique_ptr<std::ostream> stream_;
};

}  // namespace crescendo::cli
