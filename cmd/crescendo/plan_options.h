// plan_options.h: what the options of plan commands say, as a plan and the mask of what they set.
//
// Errors   a usage error that names the option, what is wrong with it, and what is wanted.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "cmd/crescendo/command_tree.h"
#include "crescendo/v1/plan.pb.h"
#include "google/protobuf/field_mask.pb.h"

namespace crescendo::cli {

struct PlanOptions {
  std::string name, ip, time_zone, window, start_date, advance, etag, reason, request_id;
  std::string ramp, by, hours, rolling_day, growth, effective, first_day, last_day;
  std::vector<std::string> stages, caps, ramps, floors, days_off, guardrails;
  int64_t target = 0, stage = 0;
  std::optional<absl::Duration> interval;
  bool dry_run = false, lanes = false;
};

// The options of a plan's shape, for create and update.
Command WithShape(Command command, PlanOptions* options);

// `plan` has the guardrails that --guardrail starts from.
absl::Status Fill(const PlanOptions& options, v1::Plan* plan, google::protobuf::FieldMask* mask);

v1::Effective EffectiveOf(const PlanOptions& options);

}  // namespace crescendo::cli
