// private_folder.h: a folder of one test, gone with it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "absl/strings/string_view.h"
#include "scheduler/base/check.h"

namespace crescendo::support {

class PrivateFolder {
 public:
  PrivateFolder() {
    path_ = (std::filesystem::temp_directory_path() / "crescendo-test-XXXXXX").string();
    CRESCENDO_CHECK(mkdtemp(path_.data()) != nullptr);
  }
  ~PrivateFolder() { std::filesystem::remove_all(path_); }
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string file(absl::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

}  // namespace crescendo::support
