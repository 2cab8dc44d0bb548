// ramp_loader.h: the shipped ramps, from their files.
//
// The files of data/ are compiled into the program. Schema: proto/crescendo/config/v1/ramp.proto.
//
// Errors   INVALID_ARGUMENT "classic.textproto: stage[1].daily_cap: must rise, is 200".
// Threads  free functions, safe from any thread.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "scheduler/domain/ramp.h"

namespace crescendo::ramps {

// One file: its name for errors, and its text.
absl::StatusOr<RampPreset> ParseRamp(const std::string& name, const std::string& text);

// The files this program was built with, by id. Parsed once; a broken one ends the process, for a
// test looks at each.
absl::Span<const RampPreset> ShippedRamps();
// nullptr if there is none.
const RampPreset* FindRamp(absl::string_view id);

}  // namespace crescendo::ramps
