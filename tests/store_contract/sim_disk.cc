#include "tests/store_contract/sim_disk.h"

#include <errno.h>
#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

#include "absl/strings/match.h"
#include "scheduler/base/check.h"

namespace crescendo::store {
namespace {

struct Node {
  int number = 0;
  std::string content;
  std::map<const void*, int> locks;  // By handle.
};

struct Disk {
  std::map<std::string, std::shared_ptr<Node>> folder;
  DiskLog log;
  std::vector<DiskCall> calls;
  std::vector<std::string> opened;
  int last_number = 0;
  int handles = 0;
  int maps = 0;
  int unlocks = 0;

  int64_t fail_at = -1;
  DiskFault fault = DiskFault::kIo;
  int writes_left = -1;  // Until the disk is full; -1: never.
  bool struck = false;
  bool sync_failed = false;
} disk;

struct File {
  sqlite3_file base;
  std::shared_ptr<Node> node;
  bool is_new_journal;  // Its first sync syncs the folder as well.
  int last_errno;
};
File* Ours(sqlite3_file* file) { return reinterpret_cast<File*>(file); }

// Notes the call; the errno if it fails, else 0.
int Enter(DiskCall call) {
  const auto at = static_cast<int64_t>(disk.calls.size());
  disk.calls.push_back(call);
  if (at == disk.fail_at && MayFail(call, disk.fault)) {
    disk.struck = true;
    if (disk.fault == DiskFault::kStaysFull) disk.writes_left = 0;
    if (disk.fault == DiskFault::kIo) return EIO;
    return disk.fault == DiskFault::kQuota ? EDQUOT : ENOSPC;
  }
  if (call != DiskCall::kWrite || disk.writes_left < 0) return 0;
  if (disk.writes_left > 1) {
    --disk.writes_left;
    return 0;
  }
  disk.writes_left = 0;
  disk.struck = true;
  return ENOSPC;
}
int Enter(File* file, DiskCall call) { return file->last_errno = Enter(call); }

int Close(sqlite3_file* file) {
  Ours(file)->node->locks.erase(file);
  Ours(file)->~File();
  --disk.handles;
  return SQLITE_OK;
}

int Read(sqlite3_file* file, void* data, int size, sqlite3_int64 offset) {
  if (Enter(Ours(file), DiskCall::kRead) != 0) return SQLITE_IOERR_READ;
  const std::string& content = Ours(file)->node->content;
  const auto end = static_cast<sqlite3_int64>(content.size());
  const auto there = static_cast<int>(std::clamp<sqlite3_int64>(end - offset, 0, size));
  if (there > 0) std::memcpy(data, content.data() + offset, static_cast<size_t>(there));
  if (there == size) return SQLITE_OK;
  std::memset(static_cast<char*>(data) + there, 0, static_cast<size_t>(size - there));
  return SQLITE_IOERR_SHORT_READ;
}

void Store(File* file, const void* data, int size, sqlite3_int64 offset) {
  std::string& content = file->node->content;
  const auto end = static_cast<size_t>(offset + size);
  if (content.size() < end) content.resize(end);
  std::memcpy(content.data() + offset, data, static_cast<size_t>(size));
  disk.log.push_back({DiskOp::Kind::kWrite, file->node->number, offset,
                      std::string(static_cast<const char*>(data), static_cast<size_t>(size)), ""});
}

int Write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  const bool is_short = disk.fault == DiskFault::kShortWrite &&
                        static_cast<int64_t>(disk.calls.size()) == disk.fail_at;
  const int fault = Enter(Ours(file), DiskCall::kWrite);
  if (is_short) Store(Ours(file), data, size / 2, offset);
  if (fault == 0) {
    Store(Ours(file), data, size, offset);
    return SQLITE_OK;
  }
  return fault == ENOSPC ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  if (Enter(Ours(file), DiskCall::kTruncate) != 0) return SQLITE_IOERR_TRUNCATE;
  Ours(file)->node->content.resize(static_cast<size_t>(size));
  disk.log.push_back({DiskOp::Kind::kTruncate, Ours(file)->node->number, size, "", ""});
  return SQLITE_OK;
}

int Sync(sqlite3_file* file, int) {
  const int number = Ours(file)->node->number;
  if (Enter(Ours(file), DiskCall::kSync) != 0) {
    disk.sync_failed = true;
    disk.log.push_back({DiskOp::Kind::kFailedSync, number, 0, "", ""});
    return SQLITE_IOERR_FSYNC;
  }
  disk.log.push_back({DiskOp::Kind::kSync, number, 0, "", ""});
  if (Ours(file)->is_new_journal) disk.log.push_back({DiskOp::Kind::kSyncFolder, 0, 0, "", ""});
  Ours(file)->is_new_journal = false;
  return SQLITE_OK;
}

int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  if (Enter(Ours(file), DiskCall::kSize) != 0) return SQLITE_IOERR_FSTAT;
  *size = static_cast<sqlite3_int64>(Ours(file)->node->content.size());
  return SQLITE_OK;
}

// The strongest lock that another handle holds.
int OthersLock(sqlite3_file* file) {
  int strongest = SQLITE_LOCK_NONE;
  for (const auto& [handle, level] : Ours(file)->node->locks) {
    if (handle != file) strongest = std::max(strongest, level);
  }
  return strongest;
}

int Lock(sqlite3_file* file, int level) {
  if (Enter(Ours(file), DiskCall::kLock) != 0) return SQLITE_IOERR_LOCK;
  int& held = Ours(file)->node->locks[file];
  if (held >= level) return SQLITE_OK;
  const int others = OthersLock(file);
  const bool free = level == SQLITE_LOCK_SHARED     ? others < SQLITE_LOCK_PENDING
                    : level == SQLITE_LOCK_RESERVED ? others < SQLITE_LOCK_RESERVED
                                                    : others == SQLITE_LOCK_NONE;
  if (!free) return SQLITE_BUSY;
  held = level;
  return SQLITE_OK;
}

int Unlock(sqlite3_file* file, int level) {
  int& held = Ours(file)->node->locks[file];
  if (held == SQLITE_LOCK_EXCLUSIVE && level < held) ++disk.unlocks;
  held = std::min(held, level);
  return SQLITE_OK;
}

int CheckReservedLock(sqlite3_file* file, int* held) {
  *held = OthersLock(file) >= SQLITE_LOCK_RESERVED;
  return SQLITE_OK;
}

int FileControl(sqlite3_file* file, int op, void* argument) {
  if (op != SQLITE_FCNTL_LAST_ERRNO) return SQLITE_NOTFOUND;
  *static_cast<int*>(argument) = Ours(file)->last_errno;
  return SQLITE_OK;
}

int SectorSize(sqlite3_file*) { return 4096; }
int DeviceCharacteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

int ShmMap(sqlite3_file*, int, int, int, void volatile**) {
  ++disk.maps;
  return SQLITE_IOERR_SHMMAP;
}
int ShmLock(sqlite3_file*, int, int, int) {
  ++disk.maps;
  return SQLITE_IOERR_SHMLOCK;
}
void ShmBarrier(sqlite3_file*) {}
int ShmUnmap(sqlite3_file*, int) { return SQLITE_OK; }
int Fetch(sqlite3_file*, sqlite3_int64, int, void** page) {
  ++disk.maps;
  *page = nullptr;
  return SQLITE_OK;
}
int Unfetch(sqlite3_file*, sqlite3_int64, void*) { return SQLITE_OK; }

const sqlite3_io_methods kMethods = {3,
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
                                     ShmMap,
                                     ShmLock,
                                     ShmBarrier,
                                     ShmUnmap,
                                     Fetch,
                                     Unfetch};

sqlite3_vfs* real_vfs = nullptr;
sqlite3_vfs sim_vfs;

int Open(sqlite3_vfs*, const char* name, sqlite3_file* to, int flags, int* out_flags) {
  to->pMethods = nullptr;
  const bool there = name != nullptr && disk.folder.contains(name);
  const int fault = Enter(DiskCall::kOpen);
  if (fault != 0 || (!there && (flags & SQLITE_OPEN_CREATE) == 0)) return SQLITE_CANTOPEN;
  File* file = new (to) File{};
  file->base.pMethods = &kMethods;
  if (there) {
    file->node = disk.folder[name];
  } else {
    file->node = std::make_shared<Node>();
    file->node->number = ++disk.last_number;
  }
  if (!there && name != nullptr) {
    disk.folder[name] = file->node;
    disk.log.push_back({DiskOp::Kind::kCreate, file->node->number, 0, "", name});
    file->is_new_journal = (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL)) != 0;
  }
  if (name != nullptr) disk.opened.emplace_back(name);
  ++disk.handles;
  if (out_flags != nullptr) *out_flags = flags;
  return SQLITE_OK;
}

int Delete(sqlite3_vfs*, const char* name, int sync_folder) {
  if (Enter(DiskCall::kDelete) != 0) return SQLITE_IOERR_DELETE;
  if (disk.folder.erase(name) == 0) return SQLITE_IOERR_DELETE_NOENT;
  disk.log.push_back({DiskOp::Kind::kDelete, 0, 0, "", name});
  if (sync_folder != 0) disk.log.push_back({DiskOp::Kind::kSyncFolder, 0, 0, "", ""});
  return SQLITE_OK;
}

int Access(sqlite3_vfs*, const char* name, int flags, int* yes) {
  const auto found = disk.folder.find(name);
  // As "unix" does: an empty file does not exist.
  *yes = found != disk.folder.end() &&
         (flags != SQLITE_ACCESS_EXISTS || !found->second->content.empty());
  return SQLITE_OK;
}

int FullPathname(sqlite3_vfs*, const char* name, int size, char* full) {
  sqlite3_snprintf(size, full, "%s", name);
  return SQLITE_OK;
}

}  // namespace

const char* DiskCallName(DiskCall call) {
  constexpr const char* kNames[] = {"open",     "delete", "read", "write",
                                    "truncate", "sync",   "size", "lock"};
  return kNames[static_cast<int>(call)];
}

const char* DiskFaultName(DiskFault fault) {
  constexpr const char* kNames[] = {"EIO", "ENOSPC once", "ENOSPC until healed", "short write",
                                    "EDQUOT"};
  return kNames[static_cast<int>(fault)];
}

bool MayFail(DiskCall call, DiskFault fault) {
  switch (fault) {
    case DiskFault::kIo:
      return true;
    case DiskFault::kFull:
      return call == DiskCall::kOpen || call == DiskCall::kWrite || call == DiskCall::kSync;
    case DiskFault::kStaysFull:
    case DiskFault::kShortWrite:
    case DiskFault::kQuota:
      return call == DiskCall::kWrite;
  }
  return false;
}

SimDisk::SimDisk() {
  CRESCENDO_CHECK(real_vfs == nullptr);
  real_vfs = sqlite3_vfs_find(nullptr);
  sim_vfs = *real_vfs;
  sim_vfs.zName = "sim-disk";
  sim_vfs.szOsFile = sizeof(File);
  sim_vfs.xOpen = Open;
  sim_vfs.xDelete = Delete;
  sim_vfs.xAccess = Access;
  sim_vfs.xFullPathname = FullPathname;
  sqlite3_vfs_register(&sim_vfs, /*makeDflt=*/1);
  Load({});
}

SimDisk::~SimDisk() {
  Load({});
  sqlite3_vfs_unregister(&sim_vfs);
  sqlite3_vfs_register(real_vfs, /*makeDflt=*/1);
  real_vfs = nullptr;
}

void SimDisk::Load(const Image& image) {
  CRESCENDO_CHECK(disk.handles == 0);
  disk = Disk();
  int number = 0;  // As PowerCut numbers them.
  for (const auto& [path, content] : image) {
    disk.folder[path] = std::make_shared<Node>(Node{--number, content, {}});
  }
}

Image SimDisk::Contents() const {
  Image image;
  for (const auto& [path, node] : disk.folder) image[path] = node->content;
  return image;
}

const DiskLog& SimDisk::log() const { return disk.log; }
const std::vector<DiskCall>& SimDisk::calls() const { return disk.calls; }
int SimDisk::maps() const { return disk.maps; }
int SimDisk::unlocks() const { return disk.unlocks; }

int SimDisk::opens(const char* suffix) const {
  return static_cast<int>(
      std::count_if(disk.opened.begin(), disk.opened.end(),
                    [&](const std::string& path) { return absl::EndsWith(path, suffix); }));
}

void SimDisk::Fail(int64_t at, DiskFault fault) {
  disk.fail_at = at;
  disk.fault = fault;
}
void SimDisk::FillAfter(int after) { disk.writes_left = after; }
void SimDisk::Heal() {
  disk.fail_at = -1;
  disk.writes_left = -1;
}
bool SimDisk::struck() const { return disk.struck; }
bool SimDisk::sync_failed() const { return disk.sync_failed; }

}  // namespace crescendo::store
