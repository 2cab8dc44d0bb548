#include "tests/store_contract/power_cut.h"

#include <algorithm>

#include "absl/strings/match.h"

namespace crescendo::store {
namespace {

constexpr int64_t kSector = 512;

void Put(absl::string_view data, int64_t offset, std::string* file) {
  const auto at = static_cast<size_t>(offset);
  if (file->size() < at + data.size()) file->resize(at + data.size());
  std::copy(data.begin(), data.end(), file->begin() + offset);
}

void Redo(const DiskOp& op, std::string* file) {
  if (op.kind == DiskOp::Kind::kTruncate) {
    file->resize(static_cast<size_t>(op.offset));
  } else {
    Put(op.data, op.offset, file);
  }
}

// How one power failure treats what was not synced. A plain one shows what a mixed one hides.
enum class Manner { kNothing, kAll, kPrefix, kWrites, kSectors, kRubbish, kManners };

// Brings down whole sectors of a write: `share` of them, and `rubbish` of those spoilt.
void RedoSectors(const DiskOp& op, double share, double rubbish, base::Random& random,
                 std::string* file) {
  const auto end = op.offset + static_cast<int64_t>(op.data.size());
  for (int64_t from = op.offset; from < end;) {
    const int64_t to = std::min(end, (from / kSector + 1) * kSector);
    std::string piece =
        op.data.substr(static_cast<size_t>(from - op.offset), static_cast<size_t>(to - from));
    if (random.Unit() < share) {
      if (random.Unit() < rubbish) {
        for (char& byte : piece) byte = static_cast<char>(random.Next());
      }
      Put(piece, from, file);
    }
    from = to;
  }
}

}  // namespace

PowerCut::PowerCut(const Image& start, Liar liar) : liar_(liar) {
  for (const auto& [path, content] : start) {
    const int file = -1 - static_cast<int>(files_.size());
    files_[file] = {path, content, {}, false};
    folder_[path] = file;
  }
}

bool PowerCut::LiesAbout(const std::string& path) const {
  if (absl::StrContains(path, "-segment")) return liar_.segments;
  return absl::EndsWith(path, "-wal") ? liar_.wal : liar_.database;
}

void PowerCut::Apply(const DiskOp& op) {
  switch (op.kind) {
    case DiskOp::Kind::kCreate:
      files_[op.file].path = op.path;
      renames_.push_back({op.path, op.file});
      return;
    case DiskOp::Kind::kDelete:
      renames_.push_back({op.path, 0});
      return;
    case DiskOp::Kind::kSyncFolder:
      for (const Rename& rename : renames_) {
        if (rename.file == 0) folder_.erase(rename.path);
        if (rename.file != 0) folder_[rename.path] = rename.file;
      }
      renames_.clear();
      return;
    case DiskOp::Kind::kWrite:
    case DiskOp::Kind::kTruncate:
      files_[op.file].since.push_back(op);
      return;
    case DiskOp::Kind::kFailedSync:
      files_[op.file].sync_failed = true;
      return;
    case DiskOp::Kind::kSync:
      break;
  }
  File& file = files_[op.file];
  if (LiesAbout(file.path) || file.sync_failed) return;
  for (const DiskOp& write : file.since) Redo(write, &file.synced);
  file.since.clear();
}

bool PowerCut::anything_unsynced() const {
  if (!renames_.empty()) return true;
  return std::any_of(files_.begin(), files_.end(),
                     [](const auto& each) { return !each.second.since.empty(); });
}

Image PowerCut::Cut(base::Random& random) const {
  std::map<std::string, int> folder = folder_;
  const size_t renamed = random.Below(renames_.size() + 1);
  for (size_t i = 0; i < renamed; ++i) {
    if (renames_[i].file == 0) folder.erase(renames_[i].path);
    if (renames_[i].file != 0) folder[renames_[i].path] = renames_[i].file;
  }
  Image image;
  for (const auto& [path, number] : folder) {
    const File& file = files_.at(number);
    std::string& content = image[path] = file.synced;
    const auto manner = static_cast<Manner>(random.Below(static_cast<uint64_t>(Manner::kManners)));
    const size_t prefix = random.Below(file.since.size() + 1);
    const double share = random.Unit(), rubbish = random.Unit();
    for (size_t i = 0; i < file.since.size(); ++i) {
      const DiskOp& op = file.since[i];
      switch (manner) {
        case Manner::kAll:
          Redo(op, &content);
          break;
        case Manner::kPrefix:  // In order, the last one torn.
          if (i < prefix) Redo(op, &content);
          if (i == prefix && op.kind == DiskOp::Kind::kWrite) {
            RedoSectors(op, share, 0, random, &content);
          }
          break;
        case Manner::kWrites:
          if (random.Unit() < share) Redo(op, &content);
          break;
        case Manner::kSectors:
        case Manner::kRubbish:
          if (op.kind == DiskOp::Kind::kTruncate) {
            if (random.Unit() < share) Redo(op, &content);
          } else {
            RedoSectors(op, share, manner == Manner::kRubbish ? rubbish : 0, random, &content);
          }
          break;
        default:
          break;
      }
    }
  }
  return image;
}

}  // namespace crescendo::store
