// sim_disk.h: a disk in memory under SQLite, which writes down every call, fails the one it is told
// to, and can be given another content.
//
// Files are as SQLite's own "unix" access makes them: same locks, same promises (a write does not
// touch its neighbours), same error codes. It has shared memory only to see whether it is asked
// for.
//
// Threads  one thread.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/store_contract/power_cut.h"

namespace crescendo::store {

// In reach of a fault. The order is that of kCallNames.
enum class DiskCall { kOpen, kDelete, kRead, kWrite, kTruncate, kSync, kSize, kLock };
const char* DiskCallName(DiskCall call);

enum class DiskFault {
  kIo,          // EIO.
  kFull,        // ENOSPC, this once.
  kStaysFull,   // ENOSPC for every write from here on, until Heal.
  kShortWrite,  // Half of it is written, then the disk is full.
  kQuota,       // EDQUOT, which SQLite calls an I/O error.
};
const char* DiskFaultName(DiskFault fault);
// Can this call fail so?
bool MayFail(DiskCall call, DiskFault fault);

class SimDisk {
 public:
  // SQLite's default file access for as long as it lives; one at a time.
  SimDisk();
  ~SimDisk();
  SimDisk(const SimDisk&) = delete;
  SimDisk& operator=(const SimDisk&) = delete;

  // Forgets everything and holds `image`. REQUIRES: no file is open.
  void Load(const Image& image);
  // As a running program sees it.
  Image Contents() const;

  // Since Load.
  const DiskLog& log() const;
  const std::vector<DiskCall>& calls() const;
  int opens(const char* suffix) const;  // Of files whose path ends so.
  // How often anything asked for shared memory or a mapped page.
  int maps() const;
  // Database handles that gave up their lock on the file while they were open.
  int unlocks() const;

  // The `at`th call from Load (0: the first) fails.
  void Fail(int64_t at, DiskFault fault);
  // From the `after`th write from now on (1: the next) the disk is full.
  void FillAfter(int after);
  void Heal();
  bool struck() const;  // Has the fault happened?
  bool sync_failed() const;
};

}  // namespace crescendo::store
