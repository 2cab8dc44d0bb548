#include "store/sqlite/records.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/domain/pool_overflow.h"
#include "store/sqlite/variables.h"

namespace crescendo::store {
namespace {

// The store keeps these numbers: new enumerators go to the end.
static_assert(static_cast<int>(CampaignState::kCancelled) == 3);
static_assert(static_cast<int>(TlsPolicy::kVerified) == 3);

const char* TableOf(RecordKind kind) {
  switch (kind) {
    case RecordKind::kEgressIp:
      return "egress_ips";
    case RecordKind::kPool:
      return "pools";
    case RecordKind::kPlan:
      return "plans";
    case RecordKind::kCampaign:
      return "campaigns";
  }
  return "";
}

}  // namespace

absl::Status Records::Load() {
  campaigns_.clear();
  campaign_keys_.clear();
  Statement read(database_, "SELECT key, id, state, create_time_us FROM campaigns ORDER BY key");
  Rows rows = read.Query();
  while (rows.Next()) {
    RETURN_IF_ERROR(Remember({CampaignId(rows.Text(1)), CampaignKey(rows.Int(0)),
                              rows.Enumerator(2, CampaignState::kCancelled), rows.Time(3)}));
  }
  return rows.status();
}

absl::Status Records::Remember(const CampaignInfo& info) {
  const auto at = static_cast<size_t>(info.key.value() - 1);
  if (at > campaigns_.size()) {
    return database_->Damaged(absl::StrCat("campaign ", campaigns_.size() + 1, " is missing"));
  }
  if (at == campaigns_.size()) campaigns_.emplace_back();
  campaigns_[at] = info;
  campaign_keys_[info.id.text()] = info.key;
  return absl::OkStatus();
}

const CampaignInfo* Records::Find(const CampaignId& id) const {
  const auto it = campaign_keys_.find(id.text());
  return it == campaign_keys_.end() ? nullptr : &Get(it->second);
}

const CampaignInfo& Records::Get(CampaignKey key) const {
  const auto at = static_cast<size_t>(key.value() - 1);
  if (at < campaigns_.size()) return campaigns_[at];
  database_->Damaged(absl::StrCat("campaign ", key.value(), " does not exist")).IgnoreError();
  static const CampaignInfo kNone;
  return kNone;
}

absl::StatusOr<std::optional<std::string>> Records::Lookup(Statement* statement,
                                                           const std::string& key) {
  Rows rows = statement->Query(key);
  std::optional<std::string> found;
  if (rows.Next()) found = rows.String(0);
  RETURN_IF_ERROR(rows.status());
  return found;
}

absl::StatusOr<std::optional<int64_t>> Records::Revision(RecordKind kind, const std::string& id) {
  const std::string sql = absl::StrCat("SELECT revision FROM ", TableOf(kind), " WHERE id = ?1");
  Statement read(database_, sql.c_str());
  Rows rows = read.Query(id);
  std::optional<int64_t> revision;
  if (rows.Next()) revision = rows.Int(0);
  RETURN_IF_ERROR(rows.status());
  return revision;
}

template <class Record>
absl::Status Records::Replay(const ports::Put<Record>& put, ports::WriteResult* result,
                             bool* done) {
  *done = false;
  if (put.request.id.empty()) return absl::OkStatus();
  PastRequest past;
  {
    Statement read(database_, "SELECT kind, fingerprint, record FROM requests WHERE id = ?1");
    Rows rows = read.Query(put.request.id);
    *done = rows.Next();
    RETURN_IF_ERROR(rows.status());
    if (!*done) return absl::OkStatus();
    past = {static_cast<RecordKind>(rows.Int(0)), static_cast<uint64_t>(rows.Int(1)),
            rows.String(2)};
  }
  result->status = CheckReplay(put.request, KindOf(put.record), past);
  if (!result->status.ok()) return absl::OkStatus();
  std::vector<Record> stored;
  if constexpr (std::is_same_v<Record, EgressIp>) {
    ASSIGN_OR_RETURN(stored, EgressIps(past.record));
  } else if constexpr (std::is_same_v<Record, Pool>) {
    ASSIGN_OR_RETURN(stored, Pools(past.record));
  } else if constexpr (std::is_same_v<Record, Plan>) {
    ASSIGN_OR_RETURN(stored, Plans(past.record));
  } else {
    ASSIGN_OR_RETURN(stored, Campaigns(past.record));
  }
  if (stored.size() != 1) {
    return database_->Damaged(absl::StrCat(RecordKindName(past.kind), " ", past.record,
                                           ", which a request made, does not exist"));
  }
  result->value = std::move(stored[0]);
  result->replayed = true;
  return absl::OkStatus();
}

template <class Record>
absl::Status Records::ApplyPut(const ports::Put<Record>& put, ports::WriteResult* result) {
  bool done = false;
  RETURN_IF_ERROR(Replay(put, result, &done));
  if (done) return absl::OkStatus();
  const RecordKind kind = KindOf(put.record);
  const std::string& id = put.record.id.text();
  ASSIGN_OR_RETURN(const std::optional<int64_t> revision, Revision(kind, id));
  absl::Status& fault = result->status;
  fault = put.refusal;
  if (fault.ok()) fault = CheckRevision(kind, id, revision, put.record.revision);
  if (fault.ok()) RETURN_IF_ERROR(CheckReferences(put.record, &fault));
  if (fault.ok()) RETURN_IF_ERROR(events_->Check(put.events, nullptr, &fault));
  if (!fault.ok()) return absl::OkStatus();

  Record record = put.record;
  ++record.revision;
  RETURN_IF_ERROR(Save(&record));
  if (!put.request.id.empty()) {
    Statement note(database_, "INSERT INTO requests VALUES (?1, ?2, ?3, ?4, ?5)");
    RETURN_IF_ERROR(note.Run(put.request.id, static_cast<int>(kind),
                             static_cast<int64_t>(put.request.fingerprint), id, AnswerTime(put)));
  }
  RETURN_IF_ERROR(events_->Append(put.events, nullptr));
  result->value = std::move(record);
  return absl::OkStatus();
}

absl::Status Records::Apply(const ports::Put<EgressIp>& put, ports::WriteResult* result) {
  return ApplyPut(put, result);
}
absl::Status Records::Apply(const ports::Put<Pool>& put, ports::WriteResult* result) {
  return ApplyPut(put, result);
}
absl::Status Records::Apply(const ports::Put<Plan>& put, ports::WriteResult* result) {
  return ApplyPut(put, result);
}
absl::Status Records::Apply(const ports::Put<Campaign>& put, ports::WriteResult* result) {
  return ApplyPut(put, result);
}

absl::Status Records::CheckReferences(const EgressIp&, absl::Status*) { return absl::OkStatus(); }

absl::Status Records::CheckReferences(const Pool& pool, absl::Status* fault) {
  Statement owner(database_, "SELECT pool FROM pool_members WHERE egress_ip = ?1");
  for (const EgressIpId& ip : pool.egress_ips) {
    ASSIGN_OR_RETURN(const auto exists, Revision(RecordKind::kEgressIp, ip.text()));
    ASSIGN_OR_RETURN(const auto taken, Lookup(&owner, ip.text()));
    const bool twice = std::count(pool.egress_ips.begin(), pool.egress_ips.end(), ip) > 1;
    if (!exists) {
      *fault = NoSuch("egress IP", ip.text());
    } else if (twice) {
      *fault = TakenByAnother(ip, RecordKind::kPool, pool.id.text());
    } else if (taken && *taken != pool.id.text()) {
      *fault = TakenByAnother(ip, RecordKind::kPool, *taken);
    }
    if (!fault->ok()) return absl::OkStatus();
  }
  Statement read(database_, "SELECT overflow FROM pools WHERE id = ?1");
  absl::Status trouble;  // Of the database.
  *fault = CheckOverflow(pool, [&](const PoolId& id) -> absl::StatusOr<std::optional<PoolId>> {
    auto overflow = Lookup(&read, id.text());
    trouble = overflow.status();
    RETURN_IF_ERROR(trouble);
    if (!overflow->has_value()) return std::nullopt;
    return PoolId(**overflow);
  });
  return trouble;
}

absl::Status Records::CheckReferences(const Plan& plan, absl::Status* fault) {
  ASSIGN_OR_RETURN(const auto exists, Revision(RecordKind::kEgressIp, plan.egress_ip.text()));
  Statement owner(database_, "SELECT id FROM plans WHERE egress_ip = ?1");
  ASSIGN_OR_RETURN(const auto taken, Lookup(&owner, plan.egress_ip.text()));
  if (!exists) {
    *fault = NoSuch("egress IP", plan.egress_ip.text());
  } else if (taken && *taken != plan.id.text()) {
    *fault = TakenByAnother(plan.egress_ip, RecordKind::kPlan, *taken);
  }
  return absl::OkStatus();
}

absl::Status Records::CheckReferences(const Campaign& campaign, absl::Status* fault) {
  ASSIGN_OR_RETURN(const auto exists, Revision(RecordKind::kPool, campaign.pool.text()));
  if (!exists) *fault = NoSuch("pool", campaign.pool.text());
  return absl::OkStatus();
}

absl::Status Records::Save(EgressIp* ip) {
  Statement put(database_,
                "INSERT INTO egress_ips VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO UPDATE SET"
                " address = ?2, ehlo_name = ?3, create_time_us = ?4, revision = ?5");
  return put.Run(ip->id.text(), ip->address, ip->ehlo_name, ip->create_time, ip->revision);
}

absl::Status Records::Save(Pool* pool) {
  Statement put(database_,
                "INSERT INTO pools VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id) DO UPDATE SET"
                " create_time_us = ?2, revision = ?3, overflow = ?4");
  RETURN_IF_ERROR(
      put.Run(pool->id.text(), pool->create_time, pool->revision, pool->overflow.text()));
  Statement clear(database_, "DELETE FROM pool_members WHERE pool = ?1");
  RETURN_IF_ERROR(clear.Run(pool->id.text()));
  Statement add(database_, "INSERT INTO pool_members VALUES (?1, ?2, ?3)");
  for (size_t i = 0; i < pool->egress_ips.size(); ++i) {
    RETURN_IF_ERROR(add.Run(pool->egress_ips[i].text(), pool->id.text(), static_cast<int64_t>(i)));
  }
  return absl::OkStatus();
}

absl::Status Records::Save(Campaign* campaign) {
  const CampaignInfo* known = Find(campaign->id);
  campaign->key =
      known != nullptr ? known->key : CampaignKey(static_cast<int64_t>(campaigns_.size()) + 1);
  Statement put(database_,
                "INSERT INTO campaigns VALUES"
                " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,"
                " ?19, ?20, ?21)"
                " ON CONFLICT (key) DO UPDATE SET state = ?3, pool = ?4, create_time_us = ?5,"
                " revision = ?6, lifetime_us = ?7, state_reason = ?8, from_name = ?9,"
                " from_address = ?10, return_path = ?11, subject = ?12, list_unsubscribe = ?13,"
                " text_body = ?14, html_body = ?15, feedback_sender_id = ?16, headers = ?17,"
                " raw_message = ?18, tls = ?19, weight = ?20, sunset_days = ?21");
  std::string headers;
  EncodeVariables(campaign->headers, &headers);
  RETURN_IF_ERROR(put.Run(
      campaign->key.value(), campaign->id.text(), static_cast<int>(campaign->state),
      campaign->pool.text(), campaign->create_time, campaign->revision, campaign->lifetime,
      campaign->state_reason, campaign->from_name, campaign->from_address, campaign->return_path,
      campaign->subject, campaign->list_unsubscribe, campaign->text_body, campaign->html_body,
      campaign->feedback_sender_id, BlobOrNull{headers}, BlobOrNull{campaign->raw_message},
      static_cast<int>(campaign->tls), campaign->weight, campaign->sunset_days));
  if (known == nullptr) {
    Statement counts(database_, "INSERT INTO campaign_counts (campaign) VALUES (?1)");
    RETURN_IF_ERROR(counts.Run(campaign->key.value()));
  }
  RETURN_IF_ERROR(Remember({campaign->id, campaign->key, campaign->state, campaign->create_time}));
  return absl::OkStatus();
}

absl::Status Records::Apply(const ports::PutLane& put, ports::WriteResult* result) {
  RETURN_IF_ERROR(events_->Check(put.events, nullptr, &result->status));
  if (!result->status.ok()) return absl::OkStatus();
  const LaneRecord& lane = put.lane;
  Statement save(
      database_,
      "INSERT OR REPLACE INTO lanes VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)");
  RETURN_IF_ERROR(save.Run(lane.lane.egress_ip.text(), lane.lane.provider.text(), lane.paused,
                           lane.pause_reason, lane.stopped_until, lane.blocked, lane.stop_reason,
                           lane.stop_count, lane.rate_per_hour, lane.connection_limit,
                           lane.last_raise_time));
  return events_->Append(put.events, nullptr);
}

}  // namespace crescendo::store
