// template.h: {{variable}} in subjects and bodies.
//
// A name is looked up as it stands between the braces, without the spaces around it; one that has
// no value gives "". A value is put in once and not read again, so it cannot name other variables.
//
// Threads  pure functions.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace crescendo::smtp {

using Variables = std::vector<std::pair<std::string, std::string>>;

enum class Escape {
  kNone,  // Text.
  kHtml,  // & < > " ' become entities: a name cannot bring markup along.
};

std::string Substitute(absl::string_view text, const Variables& variables, Escape escape);

}  // namespace crescendo::smtp
