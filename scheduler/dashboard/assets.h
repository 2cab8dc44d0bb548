// assets.h: the files of the page (page/), compiled in.
//
// Threads  immutable: safe from any thread.
#pragma once

#include <string>

#include "scheduler/dashboard/http.h"

namespace crescendo::dashboard {

// For "/" the page, for "/assets/NAME" a file of it; 304 if the request has it already (ETag). 404.
Response AssetResponse(const Request& request);

}  // namespace crescendo::dashboard
