#include "tests/store_contract/fault_vfs.h"

#include <signal.h>
#include <sqlite3.h>

#include <new>

#include "scheduler/base/check.h"

namespace crescendo::store {
namespace {

struct Faults {
  int writes_left = -1;  // Until the disk is full; -1: never.
  int syncs_left = -1;   // Until one fails; -1: never.
  int calls_left = -1;   // Until the process is killed; -1: never.
  bool struck = false;
} faults;

// A file of ours: the real one follows it in memory.
struct File {
  sqlite3_file base;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};
File* Ours(sqlite3_file* file) { return reinterpret_cast<File*>(file); }
sqlite3_file* Real(sqlite3_file* file) { return Ours(file)->real(); }

// Counts down to the fault, and stays there.
bool Strikes(int* left) {
  if (*left > 0) --*left;
  if (*left != 0) return false;
  faults.struck = true;
  return true;
}

void MaybeDie() {
  if (Strikes(&faults.calls_left)) raise(SIGKILL);
}

int Write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  MaybeDie();
  if (Strikes(&faults.writes_left)) return SQLITE_FULL;
  return Real(file)->pMethods->xWrite(Real(file), data, size, offset);
}

int Sync(sqlite3_file* file, int flags) {
  MaybeDie();
  if (Strikes(&faults.syncs_left)) return SQLITE_IOERR_FSYNC;
  return Real(file)->pMethods->xSync(Real(file), flags);
}

int Close(sqlite3_file* file) { return Real(file)->pMethods->xClose(Real(file)); }
int Read(sqlite3_file* file, void* data, int size, sqlite3_int64 offset) {
  return Real(file)->pMethods->xRead(Real(file), data, size, offset);
}
int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  return Real(file)->pMethods->xTruncate(Real(file), size);
}
int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  return Real(file)->pMethods->xFileSize(Real(file), size);
}
int Lock(sqlite3_file* file, int level) { return Real(file)->pMethods->xLock(Real(file), level); }
int Unlock(sqlite3_file* file, int level) {
  return Real(file)->pMethods->xUnlock(Real(file), level);
}
int CheckReservedLock(sqlite3_file* file, int* held) {
  return Real(file)->pMethods->xCheckReservedLock(Real(file), held);
}
int FileControl(sqlite3_file* file, int op, void* argument) {
  return Real(file)->pMethods->xFileControl(Real(file), op, argument);
}
int SectorSize(sqlite3_file* file) { return Real(file)->pMethods->xSectorSize(Real(file)); }
int DeviceCharacteristics(sqlite3_file* file) {
  return Real(file)->pMethods->xDeviceCharacteristics(Real(file));
}

// Version 1: without shared memory, which an exclusive connection does not need.
const sqlite3_io_methods kMethods = {1,
                                     Close,
                                     Read,
                                     Write,
                                     Truncate,
                                     Sync,
                                     FileSize,
                                     Lock,
                                     Unlock,
                                     CheckReservedLock,
                                     FileControl,
                                     SectorSize,
                                     DeviceCharacteristics,
                                     nullptr,
                                     nullptr,
                                     nullptr,
                                     nullptr,
                                     nullptr,
                                     nullptr};

sqlite3_vfs* real_vfs = nullptr;
sqlite3_vfs fault_vfs;

int Open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  File* ours = new (file) File{};
  const int rc = real_vfs->xOpen(real_vfs, name, ours->real(), flags, out_flags);
  if (ours->real()->pMethods != nullptr) ours->base.pMethods = &kMethods;
  return rc;
}

}  // namespace

FaultVfs::FaultVfs() {
  CRESCENDO_CHECK(real_vfs == nullptr);
  real_vfs = sqlite3_vfs_find(nullptr);
  fault_vfs = *real_vfs;
  fault_vfs.zName = "fault";
  fault_vfs.szOsFile += static_cast<int>(sizeof(File));
  fault_vfs.xOpen = Open;
  sqlite3_vfs_register(&fault_vfs, /*makeDflt=*/1);
}

FaultVfs::~FaultVfs() {
  Heal();
  sqlite3_vfs_unregister(&fault_vfs);
  sqlite3_vfs_register(real_vfs, /*makeDflt=*/1);
  real_vfs = nullptr;
}

void FaultVfs::FillAfter(int after) { faults = {.writes_left = after}; }
void FaultVfs::FailSyncs(int after) { faults = {.syncs_left = after}; }
void FaultVfs::KillAfter(int after) { faults = {.calls_left = after}; }
void FaultVfs::Heal() { faults = {}; }
bool FaultVfs::struck() const { return faults.struck; }

}  // namespace crescendo::store
