#include "store/sqlite/names.h"

#include "absl/strings/str_cat.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::store {
namespace {

constexpr size_t kMaxCachedDomains = 200000;

}  // namespace

absl::Status Names::Load() {
  texts_ = {""};
  labels_.clear();
  domains_.clear();
  Statement read(database_, "SELECT key, text FROM labels ORDER BY key");
  Rows rows = read.Query();
  while (rows.Next()) {
    if (rows.Int(0) != static_cast<int64_t>(texts_.size())) {
      return database_->Damaged(absl::StrCat("label ", texts_.size(), " is missing"));
    }
    labels_.emplace(rows.Text(1), rows.Int(0));
    texts_.push_back(rows.String(1));
  }
  RETURN_IF_ERROR(rows.status());
  ASSIGN_OR_RETURN(last_domain_, database_->QueryInt("SELECT max(key) FROM domains"));
  return absl::OkStatus();
}

absl::StatusOr<int64_t> Names::Label(absl::string_view text) {
  if (text.empty()) return 0;
  const auto it = labels_.find(text);
  if (it != labels_.end()) return it->second;
  const auto label = static_cast<int64_t>(texts_.size());
  RETURN_IF_ERROR(add_label_.Run(label, text));
  texts_.emplace_back(text);
  labels_.emplace(text, label);
  return label;
}

std::optional<int64_t> Names::FindLabel(absl::string_view text) const {
  const auto it = labels_.find(text);
  return it == labels_.end() ? std::nullopt : std::optional(it->second);
}

const std::string& Names::LabelText(int64_t label) const {
  if (label >= 0 && label < static_cast<int64_t>(texts_.size())) {
    return texts_[static_cast<size_t>(label)];
  }
  database_->Damaged(absl::StrCat("label ", label, " does not exist")).IgnoreError();
  return texts_[0];
}

absl::StatusOr<Names::DomainNumber> Names::Domain(absl::string_view name) {
  const auto it = domains_.find(name);
  if (it != domains_.end()) return DomainNumber{it->second, false};
  if (domains_.size() >= kMaxCachedDomains) domains_.clear();
  {
    Rows rows = find_domain_.Query(name);
    if (rows.Next()) {
      domains_.emplace(name, rows.Int(0));
      return DomainNumber{rows.Int(0), false};
    }
    RETURN_IF_ERROR(rows.status());
  }
  RETURN_IF_ERROR(add_domain_.Run(last_domain_ + 1, name));
  domains_.emplace(name, ++last_domain_);
  return DomainNumber{last_domain_, true};
}

absl::StatusOr<std::vector<std::pair<DomainKey, std::string>>> Names::Domains() {
  Statement read(database_, "SELECT key, name FROM domains ORDER BY key");
  Rows rows = read.Query();
  std::vector<std::pair<DomainKey, std::string>> domains;
  while (rows.Next()) domains.emplace_back(rows.Int(0), rows.String(1));
  RETURN_IF_ERROR(rows.status());
  return domains;
}

}  // namespace crescendo::store
