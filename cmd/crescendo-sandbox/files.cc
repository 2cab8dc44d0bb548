#include "cmd/crescendo-sandbox/files.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace crescendo::sandbox {

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat("cannot open ", path));
  std::string content((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (file.bad()) return absl::UnavailableError(absl::StrCat("cannot read ", path));
  return content;
}

absl::Status ReplaceFile(const std::string& path, absl::string_view content) {
  const std::string fresh = absl::StrCat(path, ".", getpid(), ".new");
  {
    std::ofstream file(fresh, std::ios::binary | std::ios::trunc);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
    if (!file.flush()) {
      std::remove(fresh.c_str());
      return absl::UnavailableError(absl::StrCat("cannot write ", fresh));
    }
  }
  if (std::rename(fresh.c_str(), path.c_str()) == 0) return absl::OkStatus();
  const std::string fault = std::strerror(errno);
  std::remove(fresh.c_str());
  return absl::UnavailableError(absl::StrCat("cannot replace ", path, ": ", fault));
}

}  // namespace crescendo::sandbox
