#include "store/sqlite/address_index.h"

#include <algorithm>
#include <functional>

#include "absl/strings/str_cat.h"
#include "scheduler/base/random.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::store {
namespace {

// Filed with a commit that adds none.
constexpr int64_t kAlongTheWay = 64;
constexpr size_t kMostFilters = 8;

bool LaterHash(const std::pair<int32_t, int64_t>& a, const std::pair<int32_t, int64_t>& b) {
  return a.first > b.first;
}

// The table's hash: 32 bits make a row a fifth shorter, and one in hundreds is of another address.
int32_t Short(uint64_t hash) { return static_cast<int32_t>(static_cast<uint32_t>(hash)); }

}  // namespace

uint64_t AddressHash(absl::string_view address) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char byte : address) {
    hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3u;
  }
  return base::Random::Mix(hash);
}

absl::StatusOr<bool> AddressIndex::Load(int64_t most) {
  newest_.clear();
  newest_twins_.clear();
  filing_.clear();
  added_ = 0;
  ASSIGN_OR_RETURN(newest_id_, database_->QueryInt("SELECT delivery FROM delivery_addresses_end"));
  Statement read(database_,
                 "SELECT id, address FROM deliveries WHERE id > ?1 ORDER BY id LIMIT ?2");
  Rows rows = read.Query(newest_id_, most);
  while (rows.Next()) {
    newest_id_ = rows.Int(0);
    AddNewest({Short(AddressHash(rows.Text(1))), newest_id_});
  }
  RETURN_IF_ERROR(rows.status());
  return static_cast<int64_t>(newest_.size() + newest_twins_.size()) < most;
}

void AddressIndex::AddNewest(const Entry& entry) {
  const auto [it, added] = newest_.try_emplace(entry.first, entry.second);
  if (!added) newest_twins_.insert(entry);
}

absl::StatusOr<std::vector<int64_t>> AddressIndex::Candidates(uint64_t hash) {
  const int32_t wanted = Short(hash);
  std::vector<int64_t> found;
  {
    Rows rows = find_.Query(wanted);
    while (rows.Next()) found.push_back(rows.Int(0));
    RETURN_IF_ERROR(rows.status());
  }
  for (auto [it, end] =
           std::equal_range(filing_.begin(), filing_.end(), Entry(wanted, 0), LaterHash);
       it != end; ++it) {
    found.push_back(it->second);
  }
  if (const auto it = newest_.find(wanted); it != newest_.end()) {
    found.push_back(it->second);
    for (auto twin = newest_twins_.lower_bound({wanted, 0});
         twin != newest_twins_.end() && twin->first == wanted; ++twin) {
      found.push_back(twin->second);
    }
  }
  // A crash in the middle of filing leaves entries in the table that wait again.
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

absl::StatusOr<std::vector<AddressIndex::Match>> AddressIndex::Find(absl::string_view address) {
  ASSIGN_OR_RETURN(const std::vector<int64_t> candidates, Candidates(AddressHash(address)));
  std::vector<Match> matches;
  for (const int64_t delivery : candidates) {
    Rows rows = read_.Query(delivery);
    if (rows.Next() && rows.Text(1) == address) {
      matches.push_back({DeliveryId(delivery), CampaignKey(rows.Int(0))});
    }
    RETURN_IF_ERROR(rows.status());
  }
  return matches;
}

absl::StatusOr<std::optional<DeliveryId>> AddressIndex::FindIn(CampaignKey campaign, bool fresh,
                                                               uint64_t hash,
                                                               absl::string_view address) {
  if (const auto it = filters_.find(campaign); it != filters_.end()) {
    it->second.last_use = ++uses_;
    if (!it->second.addresses.MayContain(hash)) return std::nullopt;
  } else if (fresh) {
    if (filters_.size() == kMostFilters) {
      filters_.erase(std::min_element(
          filters_.begin(), filters_.end(),
          [](const auto& a, const auto& b) { return a.second.last_use < b.second.last_use; }));
    }
    filters_[campaign].last_use = ++uses_;
    return std::nullopt;
  }
  ASSIGN_OR_RETURN(const std::vector<Match> matches, Find(address));
  for (const Match& match : matches) {
    if (match.campaign == campaign) return match.delivery;
  }
  return std::nullopt;
}

void AddressIndex::Add(CampaignKey campaign, uint64_t hash, int64_t delivery) {
  AddNewest({Short(hash), delivery});
  newest_id_ = delivery;
  ++added_;
  if (const auto it = filters_.find(campaign); it != filters_.end()) it->second.addresses.Add(hash);
}

absl::Status AddressIndex::Remove(absl::string_view address, int64_t delivery) {
  const Entry entry(Short(AddressHash(address)), delivery);
  if (const auto it = newest_.find(entry.first);
      newest_twins_.erase(entry) == 0 && it != newest_.end() && it->second == delivery) {
    const auto twin = newest_twins_.lower_bound({entry.first, 0});
    if (twin != newest_twins_.end() && twin->first == entry.first) {
      it->second = twin->second;
      newest_twins_.erase(twin);
    } else {
      newest_.erase(it);
    }
  }
  const auto at = std::lower_bound(filing_.begin(), filing_.end(), entry, std::greater<>());
  if (at != filing_.end() && *at == entry) filing_.erase(at);
  return remove_.Run(entry.first, delivery);
}

absl::Status AddressIndex::File() {
  const int64_t most = std::max(std::exchange(added_, 0), kAlongTheWay);
  if (filing_.empty()) {
    if (newest_.size() < batch_) return absl::OkStatus();
    BeginFiling();
  }
  return FileSome(most);
}

absl::Status AddressIndex::FileAll() {
  RETURN_IF_ERROR(FileSome(INT64_MAX));
  BeginFiling();
  return FileSome(INT64_MAX);
}

void AddressIndex::BeginFiling() {
  filing_.assign(newest_.begin(), newest_.end());
  filing_.insert(filing_.end(), newest_twins_.begin(), newest_twins_.end());
  std::sort(filing_.begin(), filing_.end(), std::greater<>());
  filing_end_ = newest_id_;
  newest_.clear();
  newest_twins_.clear();
}

absl::Status AddressIndex::FileSome(int64_t most) {
  if (filing_.empty()) return absl::OkStatus();
  for (; !filing_.empty() && most > 0; filing_.pop_back(), --most) {
    RETURN_IF_ERROR(add_.Run(filing_.back().first, filing_.back().second));
  }
  return filing_.empty() ? end_.Run(filing_end_) : absl::OkStatus();
}

}  // namespace crescendo::store
