// plan_view.h: plans, what changes in them, and how they go, for people.
#pragma once

#include "cmd/crescendo/context.h"
#include "crescendo/v1/plan.pb.h"

namespace crescendo::cli {

// "2d x 200, 2d x 500"
std::string StagesText(const google::protobuf::RepeatedPtrField<v1::Plan::Stage>& stages);

void PrintPlan(Context& context, const v1::Plan& plan);
// Field by field, old and new, today's cap, and from when it holds. On stdout.
void PrintChange(Context& context, const v1::Plan& plan);
// What has changed, and warnings, as talk.
void TellChange(Context& context, const v1::Plan::Change& change);
void PrintProgress(Context& context, const v1::PlanProgress& progress);
void PrintRamp(Context& context, const v1::Ramp& ramp);

}  // namespace crescendo::cli
