#include "store/sqlite/restore.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <vector>

#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"
#include "store/sqlite/check.h"
#include "store/sqlite/files.h"
#include "store/sqlite/sqlite_store.h"

namespace crescendo::store {
namespace {

constexpr size_t kBlock = 1 << 20;
constexpr uintmax_t kSmallestPage = 512;  // Of SQLite.

class File {
 public:
  File(const std::string& path, int flags)
      : path_(path), fd_(open(path.c_str(), flags | O_CLOEXEC)) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  absl::Status Error() const { return FileError(path_, errno); }

 private:
  const std::string path_;
  const int fd_;
};

absl::Status WriteAll(const File& file, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t n = write(file.fd(), data, size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return file.Error();
    data += n;
    size -= static_cast<size_t>(n);
  }
  return absl::OkStatus();
}

absl::Status Copy(const std::string& from_path, const std::string& to_path,
                  const std::function<void(int64_t, int64_t)>& progress) {
  const File from(from_path, O_RDONLY), to(to_path, O_WRONLY);
  if (!from.is_open()) return from.Error();
  if (!to.is_open()) return to.Error();
  struct stat stat_of_from;
  if (fstat(from.fd(), &stat_of_from) != 0) return from.Error();
  std::vector<char> block(kBlock);
  for (int64_t copied = 0;;) {
    const ssize_t n = read(from.fd(), block.data(), block.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return from.Error();
    if (n == 0) return absl::OkStatus();
    RETURN_IF_ERROR(WriteAll(to, block.data(), static_cast<size_t>(n)));
    copied += n;
    progress(copied, std::max(copied, static_cast<int64_t>(stat_of_from.st_size)));
  }
}

absl::Status CheckCopy(const std::string& backup, const std::string& copy) {
  const auto bad = [&](const std::string& why) {
    return absl::DataLossError(
        absl::StrCat(backup, " is incomplete or damaged: ", why, "; take another backup"));
  };
  // SQLite reads what is missing of the last page as zeros.
  std::error_code ignored;
  if (std::filesystem::file_size(copy, ignored) % kSmallestPage != 0) {
    return bad("its last page is not whole");
  }
  ASSIGN_OR_RETURN(const std::vector<CheckResult> results, CheckStore(copy));
  for (const CheckResult& result : results) {
    if (result.ok) continue;
    return bad(absl::StrCat(result.check, ": ", result.detail));
  }
  return absl::OkStatus();
}

absl::Status CheckPlaces(const std::string& backup, const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(backup, error)) {
    return absl::NotFoundError(absl::StrCat(backup, " is not there, or is no file"));
  }
  for (const char* end : {"-wal", "-journal"}) {
    const std::string beside = backup + end;
    if (!std::filesystem::exists(beside, error) || std::filesystem::file_size(beside, error) == 0) {
      continue;
    }
    return absl::FailedPreconditionError(
        absl::StrCat(backup,
                     " is no backup but a store that is in use or was left by a crash: it"
                     " has ",
                     beside, "; make a backup with crescendo store backup"));
  }
  for (const char* end : {"", "-wal"}) {
    const std::string there = path + end;
    if (!std::filesystem::exists(there, error)) continue;
    return absl::AlreadyExistsError(
        absl::StrCat(there,
                     " exists, and nothing is overwritten: stop the daemon that uses it, move"
                     " it and what belongs to it (",
                     path, "*) away, and restore again"));
  }
  return absl::OkStatus();
}

absl::Status Fill(const std::string& backup, const std::string& path,
                  const std::function<void(int64_t, int64_t)>& progress) {
  const std::string partial = PartialPath(path);
  RETURN_IF_ERROR(Copy(backup, partial, progress));
  RETURN_IF_ERROR(CheckCopy(backup, partial));
  // Upgrades it, and closes it again without a WAL.
  RETURN_IF_ERROR(SqliteStore::Open(partial).status());
  return PublishPartial(path);
}

}  // namespace

absl::Status RestoreStore(const std::string& backup, const std::string& path,
                          const std::function<void(int64_t, int64_t)>& progress) {
  RETURN_IF_ERROR(CheckPlaces(backup, path));
  RETURN_IF_ERROR(CreatePartial(path));
  const absl::Status status = Fill(backup, path, progress);
  if (!status.ok()) {
    std::error_code ignored;
    for (const char* end : {"", "-wal"}) {
      std::filesystem::remove(PartialPath(path) + end, ignored);
    }
  }
  return status;
}

}  // namespace crescendo::store
