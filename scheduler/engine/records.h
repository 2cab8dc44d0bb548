// records.h: what all commands that store a record share. Internal to engine/*commands.cc.
#pragma once

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "scheduler/engine/engine_impl.h"

namespace crescendo::engine {

// A verb without a revision that met another writer is tried again so often.
inline constexpr int kMostTries = 10;

absl::Status Gone();
absl::Status NotFound(absl::string_view kind, absl::string_view id);
absl::Status Stale(absl::string_view kind, absl::string_view id);
// "why (cli:alice)".
std::string StateReason(const Request& request);
std::string AuditText(const Request& request, bool create, absl::string_view kind,
                      absl::string_view what = "");

inline void Describe(Event& event, const EgressIp& ip) { event.egress_ip = ip.id; }
inline void Describe(Event& event, const Pool& pool) { event.pool = pool.id; }
inline void Describe(Event& event, const Plan& plan) {
  event.plan = plan.id;
  event.egress_ip = plan.egress_ip;
}
inline void Describe(Event& event, const Campaign& campaign) {
  event.campaign = campaign.id;
  event.pool = campaign.pool;
}

// The checks that all records share. `before`: what is in force under the record's id, or nullptr.
template <class Record>
absl::Status CheckRevision(const Record& record, const Record* before, bool validate_only,
                           absl::string_view kind) {
  if (record.revision == 0) {
    // A repeated create with a request_id is for the store to recognise.
    if (before != nullptr && validate_only) {
      return absl::AlreadyExistsError(
          absl::StrCat(kind, " \"", record.id.text(), "\" exists already"));
    }
    return absl::OkStatus();
  }
  if (before == nullptr) return NotFound(kind, record.id.text());
  if (before->revision != record.revision) return Stale(kind, record.id.text());
  return absl::OkStatus();
}

// Is a create that may have been answered before? Then it gets its answer whatever has changed
// since, and another body under its request_id gets told so: the store decides.
inline bool LeftToStore(const Request& request, int64_t revision) {
  return revision == 0 && !request.key.id.empty() && !request.validate_only;
}

template <class Record>
void Stamp(Record& record, const Record* before, absl::Time now) {
  record.create_time = before != nullptr && record.revision != 0 ? before->create_time : now;
}

template <class Record>
void Engine::Impl::CommitPut(ports::Put<Record> put, Done<Record> done) {
  Job job;
  job.writes.push_back(std::move(put));
  job.done = [this, done = std::move(done)](absl::Status status,
                                            absl::Span<ports::WriteResult> results) mutable {
    if (status.ok()) status = results[0].status;
    if (!status.ok()) {
      PostTask([done = std::move(done), status]() mutable { done(status); });
      return;
    }
    Record stored = std::get<Record>(std::move(results[0].value));
    // A replayed answer may be older than what is in force.
    if (!results[0].replayed) PostLetter(stored);
    PostTask([done = std::move(done), stored = std::move(stored)]() mutable {
      done(std::move(stored));
    });
  };
  committer_.Post(std::move(job));
}

}  // namespace crescendo::engine
