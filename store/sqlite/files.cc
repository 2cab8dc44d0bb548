#include "store/sqlite/files.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::store {
namespace {

// `link` never replaces; where there are no links, renameat2 can be told not to.
int RenameNew(const std::string& from, const std::string& to) {
  if (link(from.c_str(), to.c_str()) == 0) {
    unlink(from.c_str());
    return 0;
  }
  if (errno == EEXIST) return EEXIST;
  return renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0 ? 0 : errno;
}

std::string FolderOf(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

}  // namespace

absl::Status FileError(const std::string& file, int error) {
  const std::string text = absl::StrCat(file, ": ", std::strerror(error));
  switch (error) {
    case EEXIST:
      return absl::AlreadyExistsError(text);
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return absl::ResourceExhaustedError(text);
    case EIO:
      return absl::UnavailableError(text);
    default:
      return absl::FailedPreconditionError(text);
  }
}

std::string PartialPath(const std::string& path) { return absl::StrCat(path, ".partial"); }

absl::Status CreatePartial(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) {
    return absl::AlreadyExistsError(
        absl::StrCat(path, " exists; nothing is overwritten: choose another name"));
  }
  const std::string partial = PartialPath(path);
  const int fd = open(partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0) {
    close(fd);
    return absl::OkStatus();
  }
  if (errno != EEXIST) return FileError(partial, errno);
  return absl::AlreadyExistsError(absl::StrCat(
      partial, " exists: it is being written, or was left unfinished; if so, remove it"));
}

absl::Status SyncFile(const std::string& file) {
  const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return FileError(file, errno);
  const int error = fsync(fd) == 0 ? 0 : errno;
  close(fd);
  return error == 0 ? absl::OkStatus() : FileError(file, error);
}

absl::Status PublishPartial(const std::string& path) {
  const std::string partial = PartialPath(path);
  RETURN_IF_ERROR(SyncFile(partial));
  if (const int error = RenameNew(partial, path); error != 0) return FileError(path, error);
  return SyncFile(FolderOf(path));
}

}  // namespace crescendo::store
