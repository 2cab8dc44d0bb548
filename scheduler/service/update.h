// update.h: etags, update masks, and the loop that changes a record.
//
// Threads  the functions are pure, safe from any thread; ReadMergePut's callbacks run on the
//          engine's threads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/field_mask.pb.h>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "scheduler/engine/engine.h"

namespace crescendo::service {

// A record's revision, opaque. "" for revision 0: it is not stored.
std::string EtagOf(int64_t revision);
// None for "". INVALID_ARGUMENT for what no EtagOf gave.
absl::StatusOr<std::optional<int64_t>> ParseEtag(absl::string_view field, absl::string_view etag);
absl::Status StaleEtag(absl::string_view name);  // ABORTED.

// Which fields an update changes (AIP-134).
class UpdateMask {
 public:
  // Empty or "*": all of `may_change`. INVALID_ARGUMENT names a path that is no field of
  // `resource`, or none that may change.
  static absl::StatusOr<UpdateMask> Create(const google::protobuf::FieldMask& mask,
                                           const google::protobuf::Descriptor& resource,
                                           absl::Span<const absl::string_view> may_change);

  bool Has(absl::string_view field) const;
  bool everything() const { return everything_; }  // No field was named.
  const std::vector<std::string>& fields() const { return fields_; }

 private:
  bool everything_ = false;
  std::vector<std::string> fields_;
};

// What an update does; each is called once per try.
template <class Record>
struct Edit {
  std::string name;
  std::optional<int64_t> revision;  // What the caller's etag says. None: whatever it is now.
  std::function<void(engine::Done<Record>)> get;
  std::function<absl::StatusOr<Record>(Record)> merge;
  std::function<void(Record, engine::Done<Record>)> put;
};

// Reads, merges and puts. Without an etag, a change by another between read and put is no fault of
// the caller: it is done again on what is there now.
template <class Record>
void ReadMergePut(std::shared_ptr<const Edit<Record>> edit, engine::Done<Record> done,
                  int tries = 10) {
  auto merge_and_put = [edit, done = std::move(done),
                        tries](absl::StatusOr<Record> current) mutable {
    if (!current.ok()) return done(current.status());
    if (edit->revision.has_value() && *edit->revision != current->revision) {
      return done(StaleEtag(edit->name));
    }
    const int64_t revision = current->revision;
    absl::StatusOr<Record> merged = edit->merge(*std::move(current));
    if (!merged.ok()) return done(merged.status());
    merged->revision = revision;
    edit->put(*std::move(merged), [edit, done = std::move(done),
                                   tries](absl::StatusOr<Record> stored) mutable {
      const bool overtaken = absl::IsAborted(stored.status()) && !edit->revision.has_value();
      if (!overtaken || tries <= 1) return done(std::move(stored));
      ReadMergePut<Record>(std::move(edit), std::move(done), tries - 1);
    });
  };
  edit->get(std::move(merge_and_put));
}

}  // namespace crescendo::service
