#include "scheduler/service/streams.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "scheduler/service/errors.h"

namespace crescendo::service {

absl::Status Streams::Add(std::shared_ptr<Stream> stream) {
  base::MutexLock lock(&mu_);
  if (ended_) return Stopping();
  if (open_.size() >= most_) {
    return absl::ResourceExhaustedError(absl::StrCat(
        open_.size(), " ", what_, " are open, which is the most; end one, or try again later"));
  }
  open_.insert(std::move(stream));
  return absl::OkStatus();
}

void Streams::Remove(const std::shared_ptr<Stream>& stream) {
  base::MutexLock lock(&mu_);
  open_.erase(stream);
}

void Streams::EndAll() {
  std::vector<std::shared_ptr<Stream>> open;
  {
    base::MutexLock lock(&mu_);
    ended_ = true;
    open.assign(open_.begin(), open_.end());
  }
  for (const auto& stream : open) stream->End(Stopping());
}

size_t Streams::size() const {
  base::MutexLock lock(&mu_);
  return open_.size();
}

}  // namespace crescendo::service
