// canonical.h: a message in DKIM's relaxed form, which survives what relays do to white space.
//
// Threads  a RelaxedBody is used by one thread at a time; the rest are pure functions.
// See      RFC 6376 §3.4.2 (header), §3.4.4 (body).
#pragma once

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"

namespace crescendo::smtp::dkim {

// Appends `field` ("Name: value", folds and all, with or without its last CRLF) as "name:value"
// CRLF.
void AppendRelaxedField(absl::string_view field, std::string* out);

// The body in relaxed form, piece by piece: however it is cut, what comes out is the same. Runs of
// blanks become one space, and those before a line end vanish; so do empty lines at the end. A body
// that is not empty ends in CRLF. Only CRLF ends a line: a bare CR or LF is text.
class RelaxedBody {
 public:
  using Out = absl::FunctionRef<void(absl::string_view)>;

  void Update(absl::string_view piece, Out out);
  // Once, behind the last piece.
  void Finish(Out out);

 private:
  void Emit(absl::string_view text, Out out);

  // Seen, and not yet known to matter.
  int64_t line_ends_ = 0;
  bool space_ = false;
  bool cr_ = false;
  bool empty_ = true;
};

}  // namespace crescendo::smtp::dkim
