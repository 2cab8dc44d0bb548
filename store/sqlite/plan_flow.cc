#include "store/sqlite/plan_flow.h"

#include "scheduler/base/status_macros.h"

namespace crescendo::store {

absl::Status SavePlanFlow(Database* database, const Plan& plan) {
  for (const char* sql : {"DELETE FROM plan_floors WHERE plan = ?1",
                          "DELETE FROM plan_hours WHERE plan = ?1",
                          "DELETE FROM plan_days_off WHERE plan = ?1"}) {
    Statement clear(database, sql);
    RETURN_IF_ERROR(clear.Run(plan.id.text()));
  }
  Statement add_floor(database, "INSERT INTO plan_floors VALUES (?1, ?2, ?3, ?4)");
  int64_t position = 0;
  for (const EngagementFloor& floor : plan.engagement_floors) {
    RETURN_IF_ERROR(
        add_floor.Run(plan.id.text(), position++, floor.through_day, floor.within_days));
  }
  Statement add_hour(database, "INSERT INTO plan_hours VALUES (?1, ?2, ?3)");
  int64_t hour = 0;
  for (const int weight : plan.shape.hourly_weights) {
    RETURN_IF_ERROR(add_hour.Run(plan.id.text(), hour++, weight));
  }
  Statement add_day(database, "INSERT INTO plan_days_off VALUES (?1, ?2)");
  for (size_t day = 0; day < plan.shape.sends_on.size(); ++day) {
    if (plan.shape.sends_on[day]) continue;
    RETURN_IF_ERROR(add_day.Run(plan.id.text(), static_cast<int64_t>(day)));
  }
  return absl::OkStatus();
}

absl::Status ReadPlanFlow(Database* database, Plan* plan) {
  Statement read_floors(database,
                        "SELECT through_day, within_days FROM plan_floors WHERE plan = ?1"
                        " ORDER BY position");
  Rows floors = read_floors.Query(plan->id.text());
  while (floors.Next()) plan->engagement_floors.push_back({floors.Int32(0), floors.Int32(1)});
  RETURN_IF_ERROR(floors.status());
  Statement read_hours(database, "SELECT weight FROM plan_hours WHERE plan = ?1 ORDER BY hour");
  Rows hours = read_hours.Query(plan->id.text());
  while (hours.Next()) plan->shape.hourly_weights.push_back(hours.Int32(0));
  RETURN_IF_ERROR(hours.status());
  Statement read_days(database, "SELECT weekday FROM plan_days_off WHERE plan = ?1");
  Rows days = read_days.Query(plan->id.text());
  while (days.Next()) plan->shape.sends_on.at(static_cast<size_t>(days.Int(0)) % 7) = false;
  return days.status();
}

}  // namespace crescendo::store
