#include "store/sqlite/reserve.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"

namespace crescendo::store {
namespace {

constexpr int64_t kMib = 1 << 20;

// As if nobody had it: what the file holds already counts as free.
int64_t FreeBytes(const std::string& path, int64_t held) {
  struct statvfs disk;
  const std::string folder = std::filesystem::path(path).parent_path().string();
  if (statvfs(folder.empty() ? "." : folder.c_str(), &disk) != 0) return INT64_MAX;
  return static_cast<int64_t>(disk.f_bavail * disk.f_frsize) + held;
}

int64_t HeldBytes(const std::string& path) {
  struct stat file;
  return stat(path.c_str(), &file) == 0 ? int64_t{file.st_blocks} * 512 : 0;
}

}  // namespace

absl::Status Reserve::Keep() {
  if (kept_) return absl::OkStatus();
  if (bytes_ == 0) {
    unlink(path_.c_str());  // Of a start that wanted one.
    return absl::OkStatus();
  }
  const int64_t held = HeldBytes(path_);
  // A quarter more, so that it is not given up again with the next commit.
  if (held < bytes_ && FreeBytes(path_, held) < bytes_ + bytes_ / 4) {
    return absl::ResourceExhaustedError(absl::StrCat("the disk of ", path_, " has less than ",
                                                     (bytes_ + bytes_ / 4) / kMib, " MiB free"));
  }
  const int fd = open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  int fault = fd < 0 ? errno : posix_fallocate(fd, 0, bytes_);
  if (fault == 0 && ftruncate(fd, bytes_) != 0) fault = errno;
  if (fd >= 0) close(fd);
  if (fault == 0) {
    kept_ = true;
    return absl::OkStatus();
  }
  unlink(path_.c_str());
  const std::string text = absl::StrCat(path_, ": ", std::strerror(fault));
  const bool no_room = fault == ENOSPC || fault == EDQUOT || fault == EFBIG;
  return no_room ? absl::ResourceExhaustedError(text) : absl::UnavailableError(text);
}

bool Reserve::Release() {
  kept_ = false;
  return unlink(path_.c_str()) == 0;
}

}  // namespace crescendo::store
