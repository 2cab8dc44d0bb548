// fault_vfs.h: a disk that fails when told to, under SQLite.
#pragma once

namespace crescendo::store {

// Wraps SQLite's default file access for as long as it lives; one at a time. Opens that happen
// meanwhile go through it.
class FaultVfs {
 public:
  FaultVfs();
  ~FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;

  // The `after`th write from now on (1: the next), and all later ones, find the disk full.
  void FillAfter(int after);
  // The `after`th sync from now on, and all later ones, fail.
  void FailSyncs(int after = 1);
  // The `after`th write or sync from now on is the end of the process (kill -9).
  void KillAfter(int after);
  void Heal();
  // Has a fault struck since it was set?
  bool struck() const;
};

}  // namespace crescendo::store
