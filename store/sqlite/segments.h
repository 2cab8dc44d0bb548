// segments.h: large variables, appended to files beside the database.
//
// A row of delivery_variables says where its bytes are, and their checksum. What a commit refers to
// is synced before it; what no commit refers to is written over, or cut off at the next start. A
// segment is removed when nothing in it is left. Files are reached as SQLite reaches its own.
//
// Errors   as database.h says. RESOURCE_EXHAUSTED also: a new segment cannot be made.
// Threads  one thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "store/sqlite/database.h"

namespace crescendo::store {

// Where the bytes of one recipient are.
struct SegmentPlace {
  int64_t segment = 0;
  int64_t position = 0;
  int64_t length = 0;
  int64_t checksum = 0;
};

int64_t ChecksumOf(absl::string_view bytes);

class SegmentFile;

class Segments {
 public:
  explicit Segments(Database* database);
  ~Segments();

  // As the database says: what was appended or dropped since the last commit is forgotten.
  absl::Status Load();
  // At start, after Load: cuts off and removes what a crash has left. DATA_LOSS: a file is missing,
  // or shorter than what was committed.
  absl::Status Tidy();

  absl::StatusOr<SegmentPlace> Append(absl::string_view bytes);
  absl::Status Read(const SegmentPlace& place, std::string* bytes);
  // One place in it is given up.
  absl::Status Drop(int64_t segment);

  // The last thing of a transaction: what was appended is on the disk.
  absl::Status Flush();
  // After the transaction: removes the files that it has emptied.
  void Committed();

  // In all that have something in them.
  int64_t bytes() const;

  // While it is kept no file is removed.
  class Pin {
   public:
    explicit Pin(Segments* segments) : segments_(segments) { ++segments_->pins_; }
    ~Pin() { --segments_->pins_; }
    Pin(const Pin&) = delete;
    Pin& operator=(const Pin&) = delete;

   private:
    Segments* const segments_;
  };

 private:
  struct Segment {
    int64_t bytes = 0, live = 0;
  };
  std::string PathOf(int64_t number) const;
  absl::StatusOr<SegmentFile*> Opened(int64_t number, bool may_create);
  absl::Status BeginSegment();
  // Hands what was appended to the system.
  absl::Status WriteOut();
  // As Read, without a word to the database. DATA_LOSS says what is wrong.
  absl::Status Look(const SegmentPlace& place, std::string* bytes);
  void Remove(int64_t number);
  friend absl::StatusOr<std::vector<std::string>> SegmentFaults(Database* database, size_t most);

  Database* const database_;
  std::map<int64_t, Segment> segments_;  // Those with a row.
  int64_t newest_ = 0;
  std::set<int64_t> changed_;   // Since the last commit.
  std::set<int64_t> unsynced_;  // Written to since then.
  std::set<int64_t> empty_;     // Committed as such; their files are still there.
  std::set<int64_t> removed_;   // Their files are not; the rows are, at least the newest's.
  std::string tail_;            // Of the newest, not written out yet.
  std::map<int64_t, std::unique_ptr<SegmentFile>> files_;
  int pins_ = 0;

  Statement load_{database_, "SELECT number, bytes, live FROM variable_segments ORDER BY number"};
  Statement put_{database_,
                 "INSERT INTO variable_segments VALUES (?1, ?2, ?3)"
                 " ON CONFLICT (number) DO UPDATE SET bytes = ?2, live = ?3"};
  Statement remove_{database_, "DELETE FROM variable_segments WHERE number = ?1"};
};

// Reads all variables with a checksum of a file that nobody has open, and counts those in segments.
// A text for each fault, up to `most`; empty for a schema before there were segments.
absl::StatusOr<std::vector<std::string>> SegmentFaults(Database* database, size_t most);

}  // namespace crescendo::store
