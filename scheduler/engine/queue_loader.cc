#include "scheduler/engine/queue_loader.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace crescendo::engine {

QueueLoader::QueueLoader(Committer* committer, int page, Listener listener)
    : committer_(committer), page_(page), listener_(std::move(listener)) {}

void QueueLoader::Start(const ports::Directory& directory) {
  if (directory.queued == 0) return;
  last_ = directory.last_delivery;
  progress_.total = directory.queued;
  ended_ = false;
  // One is read while the other one is taken.
  Taken();
  Taken();
}

void QueueLoader::Taken() {
  if (ended_) return;
  committer_->PostRead([this](ports::Store& store) { Read(store); }, Committer::Reader::kEngine);
}

void QueueLoader::Read(ports::Store& store) {
  if (ended_) return;
  absl::StatusOr<ports::QueuedPage> page = store.LoadQueued(after_, page_);
  if (!page.ok()) {
    ended_ = true;
    listener_.fail(absl::Status(page.status().code(), absl::StrCat("the queue cannot be loaded: ",
                                                                   page.status().message())));
    return;
  }
  after_ = page->next;
  progress_.done = !page->more || !(after_ < last_);
  if (progress_.done) ended_ = true;
  std::vector<QueuedDelivery>& queued = page->queued;
  while (!queued.empty() && last_ < queued.back().id) queued.pop_back();
  progress_.loaded += static_cast<int64_t>(queued.size());
  listener_.deliver(std::move(queued), progress_);
}

}  // namespace crescendo::engine
