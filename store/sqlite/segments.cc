#include "store/sqlite/segments.h"

#include <sqlite3.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::store {
namespace {

constexpr size_t kWriteOut = 1 << 20;
// SQLite's file access takes no more than 128 KiB in one call.
constexpr size_t kPiece = 64 << 10;
// File descriptors that are kept for reading.
constexpr size_t kMostOpen = 32;

}  // namespace

int64_t ChecksumOf(absl::string_view bytes) {
  return static_cast<int64_t>(XXH3_64bits(bytes.data(), bytes.size()));
}

class SegmentFile {
 public:
  SegmentFile(sqlite3_vfs* vfs, std::string path)
      : path_(std::move(path)), memory_(new char[static_cast<size_t>(vfs->szOsFile)]()) {}
  ~SegmentFile() {
    if (file()->pMethods != nullptr) file()->pMethods->xClose(file());
  }
  SegmentFile(const SegmentFile&) = delete;
  SegmentFile& operator=(const SegmentFile&) = delete;

  // As a WAL: for its owner alone if the database is, and its first sync syncs the folder too.
  bool Open(sqlite3_vfs* vfs, int flags) {
    return vfs->xOpen(vfs, path_.c_str(), file(), flags | SQLITE_OPEN_WAL, nullptr) == SQLITE_OK;
  }
  absl::Status Write(absl::string_view bytes, int64_t at) {
    while (!bytes.empty()) {
      const absl::string_view piece = bytes.substr(0, kPiece);
      RETURN_IF_ERROR(
          Answer(file()->pMethods->xWrite(file(), piece.data(), static_cast<int>(piece.size()), at),
                 "writing"));
      bytes.remove_prefix(piece.size());
      at += static_cast<int64_t>(piece.size());
    }
    return absl::OkStatus();
  }
  absl::Status Sync() {
    return Answer(file()->pMethods->xSync(file(), SQLITE_SYNC_NORMAL), "syncing");
  }
  absl::Status Cut(int64_t size) {
    return Answer(file()->pMethods->xTruncate(file(), size), "cutting");
  }
  absl::StatusOr<int64_t> Size() {
    sqlite3_int64 size = 0;
    RETURN_IF_ERROR(Answer(file()->pMethods->xFileSize(file(), &size), "asking for its size"));
    return size;
  }
  // False: it ends before.
  absl::StatusOr<bool> Read(int64_t at, int64_t length, std::string* bytes) {
    bytes->resize(static_cast<size_t>(length));
    for (size_t done = 0; done < bytes->size(); done += kPiece) {
      const size_t piece = std::min(kPiece, bytes->size() - done);
      const int rc = file()->pMethods->xRead(file(), bytes->data() + done, static_cast<int>(piece),
                                             at + static_cast<int64_t>(done));
      if (rc == SQLITE_IOERR_SHORT_READ) return false;
      RETURN_IF_ERROR(Answer(rc, "reading"));
    }
    return true;
  }

 private:
  sqlite3_file* file() { return reinterpret_cast<sqlite3_file*>(memory_.get()); }
  absl::Status Answer(int rc, absl::string_view doing) {
    if (rc == SQLITE_OK) return absl::OkStatus();
    int system_errno = 0;
    file()->pMethods->xFileControl(file(), SQLITE_FCNTL_LAST_ERRNO, &system_errno);
    return absl::Status(
        CodeOfSqliteError(rc, system_errno),
        absl::StrCat(path_, ": ", doing, ": ", sqlite3_errstr(rc), " (SQLite code ", rc, ")"));
  }

  const std::string path_;  // The open file points to it.
  const std::unique_ptr<char[]> memory_;
};

Segments::Segments(Database* database) : database_(database) {}
Segments::~Segments() = default;

std::string Segments::PathOf(int64_t number) const {
  return absl::StrCat(database_->path(), "-segment", number);
}

absl::Status Segments::Load() {
  segments_.clear();
  changed_.clear();
  unsynced_.clear();
  tail_.clear();
  newest_ = 0;
  Rows rows = load_.Query();
  while (rows.Next()) {
    newest_ = rows.Int(0);
    segments_[newest_] = {rows.Int(1), rows.Int(2)};
  }
  return rows.status();
}

absl::Status Segments::Tidy() {
  for (const auto& [number, segment] : segments_) {
    if (segment.live == 0) {
      Remove(number);
      continue;
    }
    const auto file = Opened(number, /*may_create=*/false);
    if (!file.ok()) return database_->Damaged(file.status().message());
    ASSIGN_OR_RETURN(const int64_t size, (*file)->Size());
    if (size < segment.bytes) {
      return database_->Damaged(
          absl::StrCat(PathOf(number), " has ", size, " bytes of ", segment.bytes));
    }
    if (size > segment.bytes) RETURN_IF_ERROR((*file)->Cut(segment.bytes));
  }
  Remove(newest_ + 1);  // Begun, and not committed.
  removed_.erase(newest_ + 1);
  return absl::OkStatus();
}

absl::StatusOr<SegmentFile*> Segments::Opened(int64_t number, bool may_create) {
  std::unique_ptr<SegmentFile>& held = files_[number];
  if (held != nullptr) return held.get();
  auto file = std::make_unique<SegmentFile>(database_->vfs(), PathOf(number));
  const int create = may_create ? SQLITE_OPEN_CREATE : 0;
  if (!file->Open(database_->vfs(), SQLITE_OPEN_READWRITE | create)) {
    files_.erase(number);
    if (may_create) {
      return absl::ResourceExhaustedError(absl::StrCat(PathOf(number), " cannot be made"));
    }
    return absl::DataLossError(absl::StrCat(PathOf(number), " is missing, or cannot be opened"));
  }
  SegmentFile* const opened = file.get();
  held = std::move(file);
  // What is still to be synced must be so by the handle that made it.
  for (auto it = files_.begin(); files_.size() > kMostOpen && it != files_.end();) {
    const bool used = it->first == number || it->first == newest_ || unsynced_.contains(it->first);
    it = used ? std::next(it) : files_.erase(it);
  }
  return opened;
}

absl::Status Segments::BeginSegment() {
  RETURN_IF_ERROR(WriteOut());
  RETURN_IF_ERROR(Opened(newest_ + 1, /*may_create=*/true).status());
  segments_[++newest_] = {};
  return absl::OkStatus();
}

absl::StatusOr<SegmentPlace> Segments::Append(absl::string_view bytes) {
  const auto size = static_cast<int64_t>(bytes.size());
  const auto last = segments_.find(newest_);
  const bool fits = last != segments_.end() && (last->second.live > 0 || last->second.bytes == 0) &&
                    last->second.bytes + size <= database_->options().segment_bytes;
  if (!fits) RETURN_IF_ERROR(BeginSegment());
  Segment& segment = segments_[newest_];
  const SegmentPlace place = {newest_, segment.bytes, size, ChecksumOf(bytes)};
  segment.bytes += size;
  ++segment.live;
  changed_.insert(newest_);
  tail_.append(bytes.data(), bytes.size());
  if (tail_.size() >= kWriteOut) RETURN_IF_ERROR(WriteOut());
  return place;
}

absl::Status Segments::WriteOut() {
  if (tail_.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(SegmentFile* const file, Opened(newest_, /*may_create=*/true));
  unsynced_.insert(newest_);
  const int64_t at = segments_[newest_].bytes - static_cast<int64_t>(tail_.size());
  RETURN_IF_ERROR(file->Write(tail_, at));
  tail_.clear();
  return absl::OkStatus();
}

absl::Status Segments::Read(const SegmentPlace& place, std::string* bytes) {
  const absl::Status status = Look(place, bytes);
  return absl::IsDataLoss(status) ? database_->Damaged(status.message()) : status;
}

absl::Status Segments::Look(const SegmentPlace& place, std::string* bytes) {
  const auto segment = segments_.find(place.segment);
  if (segment == segments_.end() || place.position < 0 || place.length < 0 ||
      place.length > segment->second.bytes - place.position || place.length > INT32_MAX) {
    return absl::DataLossError(absl::StrCat("variables are to be in ", PathOf(place.segment),
                                            " at ", place.position, ", where nothing was stored"));
  }
  const int64_t written = segment->second.bytes - static_cast<int64_t>(tail_.size());
  bool whole = true;
  if (place.segment == newest_ && place.position >= written) {
    *bytes = tail_.substr(static_cast<size_t>(place.position - written),
                          static_cast<size_t>(place.length));
  } else {
    ASSIGN_OR_RETURN(SegmentFile* const file, Opened(place.segment, /*may_create=*/false));
    ASSIGN_OR_RETURN(whole, file->Read(place.position, place.length, bytes));
  }
  if (whole && ChecksumOf(*bytes) == place.checksum) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("the bytes of ", PathOf(place.segment), " at ",
                                          place.position, " are not those that were stored"));
}

absl::Status Segments::Drop(int64_t segment) {
  const auto found = segments_.find(segment);
  if (found == segments_.end() || found->second.live == 0) {
    return database_->Damaged(absl::StrCat(PathOf(segment), " has more in it than is counted"));
  }
  --found->second.live;
  changed_.insert(segment);
  return absl::OkStatus();
}

int64_t Segments::bytes() const {
  int64_t sum = 0;
  for (const auto& [number, segment] : segments_) sum += segment.live > 0 ? segment.bytes : 0;
  return sum;
}

absl::Status Segments::Flush() {
  RETURN_IF_ERROR(WriteOut());
  for (const int64_t number : unsynced_) {
    ASSIGN_OR_RETURN(SegmentFile* const file, Opened(number, /*may_create=*/false));
    RETURN_IF_ERROR(file->Sync());
  }
  unsynced_.clear();
  for (const int64_t number : changed_) {
    const Segment& segment = segments_[number];
    RETURN_IF_ERROR(put_.Run(number, segment.bytes, segment.live));
  }
  // The newest one's row keeps its number from being given again.
  for (const int64_t number : removed_) {
    if (number != newest_) RETURN_IF_ERROR(remove_.Run(number));
  }
  return absl::OkStatus();
}

void Segments::Committed() {
  for (const int64_t number : std::exchange(removed_, {})) {
    if (number == newest_) removed_.insert(number);
    if (number != newest_) segments_.erase(number);
  }
  for (const int64_t number : std::exchange(changed_, {})) {
    if (segments_[number].live == 0) empty_.insert(number);
  }
  if (pins_ > 0) return;
  for (const int64_t number : std::exchange(empty_, {})) Remove(number);
}

void Segments::Remove(int64_t number) {
  files_.erase(number);
  const int rc = database_->vfs()->xDelete(database_->vfs(), PathOf(number).c_str(), /*syncDir=*/1);
  // One that cannot be removed keeps its row, and is tried again at the next start.
  if (rc == SQLITE_OK || rc == SQLITE_IOERR_DELETE_NOENT) removed_.insert(number);
}

absl::StatusOr<std::vector<std::string>> SegmentFaults(Database* database, size_t most) {
  std::vector<std::string> faults;
  ASSIGN_OR_RETURN(const int64_t has_them, database->QueryInt("SELECT count(*) FROM sqlite_schema"
                                                              " WHERE name = 'variable_segments'"));
  if (has_them == 0) return faults;
  Segments segments(database);
  RETURN_IF_ERROR(segments.Load());
  Statement places(database,
                   "SELECT delivery, segment, position, length, checksum, variables"
                   " FROM delivery_variables WHERE segment IS NOT NULL OR checksum IS NOT NULL");
  Rows rows = places.Query();
  std::string bytes;
  while (faults.size() < most && rows.Next()) {
    absl::Status status;
    if (!rows.IsNull(1)) {
      status = segments.Look({rows.Int(1), rows.Int(2), rows.Int(3), rows.Int(4)}, &bytes);
    } else if (ChecksumOf(rows.Text(5)) != rows.Int(4)) {
      status = absl::DataLossError("its variables are not those that were stored");
    }
    if (!status.ok()) {
      faults.push_back(absl::StrCat("delivery ", rows.Int(0), ": ", status.message()));
    }
  }
  RETURN_IF_ERROR(rows.status());
  Statement counts(database,
                   "SELECT 'segment ' || s.number || ' counts ' || s.live || '; there are ' ||"
                   " count(v.delivery) FROM variable_segments s LEFT JOIN delivery_variables v"
                   " ON v.segment = s.number GROUP BY s.number HAVING s.live <> count(v.delivery)");
  Rows counted = counts.Query();
  while (faults.size() < most && counted.Next()) faults.push_back(counted.String(0));
  RETURN_IF_ERROR(counted.status());
  return faults;
}

}  // namespace crescendo::store
