// transcode.h: from HTTP to a request message, and from an answer to HTTP.
//
// Errors   INVALID_ARGUMENT names the field, what stands there and what could.
// Threads  pure functions, safe from any thread.
// See      AIP-127 (transcoding), AIP-193 (errors).
#pragma once

#include <string>

#include <google/protobuf/message.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "scheduler/dashboard/http.h"
#include "scheduler/dashboard/routes.h"

namespace crescendo::dashboard {

// "page_size=5&filter.campaign=campaigns%2Fspring&filter.types=ALERT&filter.types=BOUNCED": fields
// as in the .proto, those of a message behind a dot, a repeated one as often as there are values;
// durations "7s", times RFC 3339, enumerations by name.
absl::Status FillFromQuery(const std::string& query, google::protobuf::Message* message);

// A JSON object, as protobuf maps it; "" is {}.
absl::Status FillFromBody(const std::string& body, google::protobuf::Message* message);

// The path's fields: they say which resource, whatever the query or body says.
void FillFromPath(const Match& match, google::protobuf::Message* message);

// 200 with the message's JSON (service/json.h), or the error.
Response JsonResponse(const google::protobuf::Message& message);
// A google.rpc.Status {"code": 5, "message": "…", "details": []}, under the HTTP status that is
// given for its code in google/rpc/code.proto.
Response ErrorResponse(const absl::Status& status);

}  // namespace crescendo::dashboard
