// routes.h: which method of crescendo.v1 a path stands for.
//
// Paths are resource names (AIP-122, 127, 136): GET /api/v1/plans/warm-a, GET
// /api/v1/plans/warm-a:progress, POST /api/v1/plans/warm-a:pause. README.md lists them.
//
// Errors   INVALID_ARGUMENT: a broken %-escape, or no UTF-8. NOT_FOUND: no such path.
// UNIMPLEMENTED: the path is
//          there, but not for this verb.
// Threads  pure functions, safe from any thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace crescendo::dashboard {

struct Route {
  const char* verb;  // "GET" or "POST".
  // Behind /api/v1/. {field=plans/*} is the request's field; * is one part of a path.
  const char* path;
  const char* method;  // "PlanService.GetPlan"
  // Of a stream that can be resumed: the request's field for the name of the last message.
  const char* cursor = "";
};

absl::Span<const Route> Routes();

struct Match {
  const Route* route = nullptr;
  std::vector<std::pair<std::string, std::string>> fields;  // As the path gives them, decoded.
};
// `path` is what stands behind /api/v1/.
absl::StatusOr<Match> FindRoute(absl::string_view verb, absl::string_view path);

// %-escapes undone; with `plus`, + is a blank, as in queries.
absl::StatusOr<std::string> Decode(absl::string_view text, bool plus);

}  // namespace crescendo::dashboard
