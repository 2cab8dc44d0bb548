// scripted_day.h: the writes of a day, what a store must answer to them, and what its file must
// hold after each: the measure for what a fault may have done to it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "scheduler/ports/store.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/store_contract/sim_disk.h"

namespace crescendo::store {

inline constexpr char kDayPath[] = "/disk/crescendo.db";

// Creates, imports, claims, releases, settles, cancels, suppressions, and some that are refused.
struct ScriptedDay {
  std::vector<std::vector<ports::Write>> groups;  // Step n is groups[n - 1].
  std::vector<std::string> answers;               // Describe() of the results of each.
  std::vector<size_t> tables;                     // After n steps: TablesOf().digest.
  std::string end;                                // DescribeAll() after all.

  int64_t steps() const { return static_cast<int64_t>(groups.size()); }
};
// Made with the memory store; the SQLite store is held to it step by step.
ScriptedDay MakeDay(SimDisk& disk, uint64_t seed, int steps);

// A store whose log is copied into its file every few steps.
absl::StatusOr<std::unique_ptr<ports::Store>> OpenDay();

// The file as another program reads it. REQUIRES: nobody has it open.
struct Tables {
  std::string integrity;  // "ok", or what PRAGMA integrity_check found.
  size_t digest = 0;      // Of every row of every table.
};
Tables TablesOf(const std::string& path);

// What does not agree in the segments of the day's file: "" if all is well.
std::string FaultOfSegments();

// How many steps the store holds, by the mark that each leaves.
int64_t StepsIn(ports::Store& store);

// Opens what is on the disk, and compares it with the day: at least `acknowledged` steps are there,
// none beyond `begun`, and each of them whole. With `go_on` the next step is committed too.
struct DayFinding {
  std::string fault;  // "": all is well.
  int64_t steps = 0;  // It holds so many.
};
DayFinding InspectDay(const ScriptedDay& day, int64_t acknowledged, int64_t begun, bool go_on);

}  // namespace crescendo::store
