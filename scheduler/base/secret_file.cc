#include "scheduler/base/secret_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace crescendo::base {
namespace {

constexpr off_t kLargest = 64 << 10;

std::string Fault(const struct stat& file) {
  if (!S_ISREG(file.st_mode)) return "is not a plain file";
  if ((file.st_mode & 077) != 0) {
    return absl::StrFormat(
        "has mode %04o, so group or others can use the key; allow its owner only: chmod 600",
        file.st_mode & 07777);
  }
  if (file.st_size == 0) return "is empty";
  if (file.st_size > kLargest) {
    return absl::StrCat("is ", file.st_size, " bytes long; a key has at most ", kLargest);
  }
  return "";
}

}  // namespace

absl::StatusOr<std::string> ReadSecretFile(const std::string& path) {
  // Not blocking: a FIFO is refused, not waited for.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) {
    return absl::NotFoundError(absl::StrCat(path, ": cannot be opened: ", std::strerror(errno)));
  }
  const absl::Cleanup close_it = [fd] { close(fd); };
  struct stat file;
  if (fstat(fd, &file) != 0) {
    return absl::NotFoundError(absl::StrCat(path, ": cannot be read: ", std::strerror(errno)));
  }
  if (const std::string fault = Fault(file); !fault.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": ", fault));
  }
  std::string text(static_cast<size_t>(file.st_size), '\0');
  size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t got = read(fd, text.data() + filled, text.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      return absl::NotFoundError(absl::StrCat(
          path, ": cannot be read: ", got < 0 ? std::strerror(errno) : "it became shorter"));
    }
    filled += static_cast<size_t>(got);
  }
  return text;
}

}  // namespace crescendo::base
