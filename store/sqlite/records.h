// records.h: the small records in the database: egress IPs, pools, plans, campaigns, lanes.
//
// Apply leaves what forbids a write in result->status; what it returns is trouble of the database.
// Threads  one thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "scheduler/domain/plan_settings.h"
#include "scheduler/ports/store.h"
#include "store/rules.h"
#include "store/sqlite/database.h"
#include "store/sqlite/event_log.h"

namespace crescendo::store {

// What writes to deliveries must know of a campaign.
struct CampaignInfo {
  CampaignId id;
  CampaignKey key;
  CampaignState state = CampaignState::kDraft;
};

class Records {
 public:
  Records(Database* database, EventLog* events) : database_(database), events_(events) {}

  // Reads what is kept in memory; again after a rollback.
  absl::Status Load();

  absl::Status Apply(const ports::Put<EgressIp>& put, ports::WriteResult* result);
  absl::Status Apply(const ports::Put<Pool>& put, ports::WriteResult* result);
  absl::Status Apply(const ports::Put<Plan>& put, ports::WriteResult* result);
  absl::Status Apply(const ports::Put<Campaign>& put, ports::WriteResult* result);
  absl::Status Apply(const ports::DeletePlan& remove, ports::WriteResult* result);
  absl::Status Apply(const ports::PutPlanDay& put, ports::WriteResult* result);
  absl::Status Apply(const ports::PutLane& put, ports::WriteResult* result);

  // nullptr if there is none.
  const CampaignInfo* Find(const CampaignId& id) const;
  // A key that is none of a campaign's is noted as damage.
  const CampaignInfo& Get(CampaignKey key) const;

  // All of them, or only the one with this id.
  absl::StatusOr<std::vector<EgressIp>> EgressIps(std::optional<std::string> only = {});
  absl::StatusOr<std::vector<Pool>> Pools(std::optional<std::string> only = {});
  absl::StatusOr<std::vector<Plan>> Plans(std::optional<std::string> only = {});
  absl::StatusOr<std::vector<Campaign>> Campaigns(std::optional<std::string> only = {});
  absl::StatusOr<std::vector<LaneRecord>> Lanes();
  absl::StatusOr<std::vector<PlanDay>> PlanDays(const PlanId& plan);
  absl::StatusOr<std::vector<PlanDay>> NewestPlanDays();

 private:
  template <class Record>
  absl::Status ApplyPut(const ports::Put<Record>& put, ports::WriteResult* result);
  // Answers in `result` if the request was answered before; `done` says whether.
  template <class Record>
  absl::Status Replay(const ports::Put<Record>& put, ports::WriteResult* result, bool* done);
  absl::StatusOr<std::optional<int64_t>> Revision(RecordKind kind, const std::string& id);
  // What `statement` finds for `key`; nullopt: no row.
  absl::StatusOr<std::optional<std::string>> Lookup(Statement* statement, const std::string& key);

  absl::Status CheckReferences(const EgressIp& ip, absl::Status* fault);
  absl::Status CheckReferences(const Pool& pool, absl::Status* fault);
  absl::Status CheckReferences(const Plan& plan, absl::Status* fault);
  absl::Status CheckReferences(const Campaign& campaign, absl::Status* fault);
  absl::Status Save(EgressIp* ip);
  absl::Status Save(Pool* pool);
  absl::Status Save(Plan* plan);
  absl::Status Save(Campaign* campaign);
  // Settings of the plan in force (next false), or of its edit that waits.
  absl::Status SaveSettings(const PlanId& plan, bool next, absl::Span<const Setting> settings);
  absl::Status ReadSettings(Plan* plan);
  absl::StatusOr<std::vector<PlanDay>> ReadPlanDays(Rows rows);
  absl::Status Remember(const CampaignInfo& info);

  Database* const database_;
  EventLog* const events_;
  std::vector<CampaignInfo> campaigns_;  // Campaign key N is at N - 1.
  absl::flat_hash_map<std::string, CampaignKey> campaign_keys_;
};

}  // namespace crescendo::store
