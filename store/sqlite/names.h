// names.h: numbers for labels (ids of egress IPs, providers, campaigns …) and recipient domains.
//
// Errors   of the database only.
// Threads  one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "scheduler/domain/campaign.h"
#include "store/sqlite/database.h"

namespace crescendo::store {

class Names {
 public:
  explicit Names(Database* database) : database_(database) {}

  // Reads what is kept in memory; again after a rollback, which may have taken names back.
  absl::Status Load();

  // Gives a number to a new text. "" is 0.
  absl::StatusOr<int64_t> Label(absl::string_view text);
  std::optional<int64_t> FindLabel(absl::string_view text) const;
  // "" for 0. One that does not exist is noted as damage.
  const std::string& LabelText(int64_t label) const;

  struct DomainNumber {
    int64_t key = 0;
    bool is_new = false;
  };
  absl::StatusOr<DomainNumber> Domain(absl::string_view name);
  absl::StatusOr<std::vector<std::pair<DomainKey, std::string>>> Domains();

 private:
  Database* const database_;
  std::vector<std::string> texts_;  // By label.
  absl::flat_hash_map<std::string, int64_t> labels_;
  absl::flat_hash_map<std::string, int64_t> domains_;  // A cache: emptied when it is full.
  int64_t last_domain_ = 0;
  Statement add_label_{database_, "INSERT INTO labels VALUES (?1, ?2)"};
  Statement find_domain_{database_, "SELECT key FROM domains WHERE name = ?1"};
  Statement add_domain_{database_, "INSERT INTO domains VALUES (?1, ?2)"};
};

}  // namespace crescendo::store
