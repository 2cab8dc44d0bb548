// power_cut.h: what a disk may hold after the power has failed.
//
// What was synced is there. Each write since then is there, gone, there in part (whole sectors of
// 512 bytes), or rubbish; a change of a folder (a file made or deleted) may not have happened, and
// then no later one has.
//
// Threads  one thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/base/random.h"

namespace crescendo::store {

// Files by path, whole.
using Image = std::map<std::string, std::string>;

// What a disk was told to do. `file` is its number: a path may name several, one after another.
struct DiskOp {
  enum class Kind { kCreate, kWrite, kTruncate, kSync, kFailedSync, kSyncFolder, kDelete };
  Kind kind = Kind::kSync;
  int file = 0;
  int64_t offset = 0;  // kTruncate: the new size.
  std::string data;
  std::string path;  // kCreate, kDelete.
};
using DiskLog = std::vector<DiskOp>;

// A disk that lies: it answers OK to a sync of such a file and does nothing. For planted bugs.
struct Liar {
  bool database = false;
  bool wal = false;
  bool segments = false;
};

class PowerCut {
 public:
  explicit PowerCut(const Image& start, Liar liar = {});

  void Apply(const DiskOp& op);
  // Could the power failing now lose anything?
  bool anything_unsynced() const;
  // One of the images that may be left.
  Image Cut(base::Random& random) const;

 private:
  struct File {
    std::string path;
    std::string synced;
    std::vector<DiskOp> since;  // Writes and truncates.
    // A sync of it failed: the system may have forgotten what it was to write, so no later sync is
    // worth anything.
    bool sync_failed = false;
  };
  struct Rename {
    std::string path;
    int file = 0;  // 0: deleted.
  };
  bool LiesAbout(const std::string& path) const;

  const Liar liar_;
  std::map<int, File> files_;
  std::map<std::string, int> folder_;  // As it is on the disk for certain.
  std::vector<Rename> renames_;        // Not synced yet, in order.
};

}  // namespace crescendo::store
