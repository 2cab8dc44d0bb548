// content.h: a campaign's message, read once and filled in for each recipient.
//
// Total: whatever the values hold, what comes out is one well-formed message with one header, lines
// of at most 998 bytes, all of it ASCII but addresses that are not. The same values give the same
// bytes.
//
// Errors   INVALID_ARGUMENT: the field, what is wrong with it and where.
// Threads  const and safe from any thread.
// See      RFC 5322, RFC 2045-2047 (MIME), RFC 2369 and 8058 (List-Unsubscribe).
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "scheduler/domain/campaign.h"
#include "smtp_client/message/body.h"
#include "smtp_client/message/list_unsubscribe.h"
#include "smtp_client/message/template.h"

namespace crescendo::smtp {

class Content {
 public:
  static absl::StatusOr<Content> Create(const Campaign& campaign);

  // `message_id` without <>.
  void AppendTo(const Values& values, absl::string_view message_id, absl::Time date,
                std::string* scratch, std::string* out) const;

 private:
  struct Field {
    std::string name;
    Template value;
  };

  absl::Status AddField(absl::string_view place, absl::string_view name, absl::string_view value);
  absl::Status ReadParts(const Campaign& campaign);
  absl::Status ReadRaw(const Campaign& campaign);

  std::string from_;         // The whole field.
  std::string feedback_id_;  // The same; "": none.
  std::vector<Field> fields_;
  ListUnsubscribe unsubscribe_;
  Body body_;
};

}  // namespace crescendo::smtp
