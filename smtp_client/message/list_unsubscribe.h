// list_unsubscribe.h: how a recipient leaves the list: List-Unsubscribe and List-Unsubscribe-Post.
//
// Errors   INVALID_ARGUMENT: what is wrong, where, and what to write instead.
// Threads  const and safe from any thread.
// See      RFC 2369 (the list of URIs), RFC 8058 (one click).
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "smtp_client/message/template.h"

namespace crescendo::smtp {

class ListUnsubscribe {
 public:
  // "<https://shop.example/u?t={{token}}>, <mailto:leave@shop.example>": https, http and mailto
  // URIs, or <{{url}}>. "" is none.
  static absl::StatusOr<ListUnsubscribe> Parse(absl::string_view text);

  // The fields with their CRLFs. A URI that a recipient's values make none of (no value for
  // <{{url}}>, another scheme) is left out, and with the last of them the fields. One click is
  // offered if one of them is https (RFC 8058 §3.1).
  void AppendTo(const Values& values, std::string* out) const;

 private:
  std::vector<Template> uris_;
};

}  // namespace crescendo::smtp
