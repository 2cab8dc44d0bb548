// text_part.h: one text of a message, in the transfer encoding that suits what it became.
//
// Never 8bit: a signature covers the encoded bytes, and which server will take them is not known
// when they are written (RFC 6376 §5.3); a retry elsewhere must have the same ones (L4).
//
// Threads  const and safe from any thread.
// See      RFC 2045 §6.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "smtp_client/message/template.h"

namespace crescendo::smtp {

class TextPart {
 public:
  // `fields`: the entity's header with its CRLFs, but for the transfer encoding. Errors as
  // Template's.
  static absl::StatusOr<TextPart> Create(std::string fields, absl::string_view text, Escape escape);

  // Header, empty line, and the body, which ends in CRLF. No line of it is "--" and one of
  // `boundaries`. `scratch` saves an allocation.
  void AppendTo(const Values& values, const std::vector<std::string>& boundaries,
                std::string* scratch, std::string* out) const;

 private:
  std::string fields_;
  Template text_;
  Escape escape_ = Escape::kText;
};

}  // namespace crescendo::smtp
