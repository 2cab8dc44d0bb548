// convert_forecast.h: forecasts and explanations as proto (see convert.h).
#pragma once

#include "crescendo/v1/forecast.pb.h"
#include "scheduler/forecast/explain.h"
#include "scheduler/forecast/forecast.h"

namespace crescendo::service {

void FillPlanForecast(const core::Snapshot& snapshot, const forecast::Forecast& forecast,
                      const Plan& plan, absl::Duration horizon, v1::Forecast* proto);
void FillCampaignForecast(const core::Snapshot& snapshot, const forecast::Forecast& forecast,
                          const Campaign& campaign, absl::Duration horizon, v1::Forecast* proto);
void FillExplanation(const forecast::Explanation& explanation, v1::Explanation* proto);

}  // namespace crescendo::service
