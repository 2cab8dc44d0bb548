// keyring.h: the keys of all sending domains, replaced as a whole while mail is sent.
//
// Rotation: publish the new selector, name it and its file in place of the old one, reload. What is
// being signed ends with the old key; what comes next takes the new one.
//
// Threads  a KeyTable is const; a Keyring is safe from any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "scheduler/base/mutex.h"
#include "smtp_client/dkim/key.h"

namespace crescendo::smtp::dkim {

using Keys = std::vector<std::shared_ptr<const Key>>;

class KeyTable {
 public:
  KeyTable() = default;
  // A domain has one key of each algorithm, or both: each signs. Otherwise FAILED_PRECONDITION, as
  // for whatever Key::Load refuses.
  static absl::StatusOr<std::shared_ptr<const KeyTable>> Load(const std::vector<KeySpec>& specs);

  // The keys of `domain`, or else of the nearest domain above it, with which DMARC's relaxed
  // alignment is content too: RSA first, for those who read one signature only. Empty: there are
  // none.
  const Keys& Find(absl::string_view domain) const;
  size_t size() const { return size_; }

 private:
  absl::flat_hash_map<std::string, Keys> keys_;
  size_t size_ = 0;
};

class Keyring {
 public:
  std::shared_ptr<const KeyTable> table() const ABSL_LOCKS_EXCLUDED(mu_);
  void Replace(std::shared_ptr<const KeyTable> table) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  mutable base::Mutex mu_;
  std::shared_ptr<const KeyTable> table_ ABSL_GUARDED_BY(mu_) = std::make_shared<KeyTable>();
};

}  // namespace crescendo::smtp::dkim
