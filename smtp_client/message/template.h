// template.h: text with {{variables}}.
//
//   {{name}}           the variable's value; "" if it has none
//   {{name|default}}   the default if it has none, or an empty one
//   {{|{{}}            a default without a name: how a {{ is written that is none of these
//
// Blanks around name and default do not count. A value is put in once and not read again, so it
// cannot name other variables.
//
// Errors   INVALID_ARGUMENT: what is wrong, where, and what to write instead.
// Threads  const and safe from any thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace crescendo::smtp {

using Variables = std::vector<std::pair<std::string, std::string>>;

// What one recipient's variables are. {{address}} is theirs, unless a variable of that name is
// there.
struct Values {
  absl::string_view Find(absl::string_view name) const;

  const Variables& variables;
  absl::string_view address;
};

// What a value may bring into its surroundings.
enum class Escape {
  kNone,  // For a header, which is cleaned as a whole.
  kText,  // Line ends become CRLF, NULs spaces, and what is not UTF-8 is replaced.
  kHtml,  // The same, and & < > " ' become entities: a name cannot bring markup along.
  kUri,   // Percent-encoded: all but letters, digits and -._~, or, where the value begins the URI
         // and so is one, what no URI may hold.
};

class Template {
 public:
  static absl::StatusOr<Template> Parse(absl::string_view text);

  void AppendTo(const Values& values, Escape escape, std::string* out) const;
  std::string Fill(const Values& values, Escape escape) const;
  // True if it names no variable.
  bool fixed() const { return pieces_.empty(); }
  // What stands before the first variable.
  absl::string_view head() const;
  // All that stands around the variables, and their defaults: what the author is to answer for.
  std::vector<absl::string_view> authored() const;

 private:
  struct Piece {
    std::string before, name, otherwise;
  };
  std::vector<Piece> pieces_;
  std::string tail_;
};

// "line 3, column 5", or "column 5" if `text` has one line. Columns are characters, from 1.
std::string PlaceOf(absl::string_view text, size_t at);

}  // namespace crescendo::smtp
