// ids.h: distinct types for ids, so that a PoolId never passes for a PlanId.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace crescendo::base {

// A label an operator chose, e.g. `mta1-a`. Ordered and hashable by its text.
template <class Tag>
class StringId {
 public:
  StringId() = default;
  explicit StringId(absl::string_view text) : text_(text) {}

  const std::string& text() const { return text_; }
  bool empty() const { return text_.empty(); }

  friend bool operator==(const StringId& a, const StringId& b) { return a.text_ == b.text_; }
  friend bool operator!=(const StringId& a, const StringId& b) { return !(a == b); }
  friend bool operator<(const StringId& a, const StringId& b) { return a.text_ < b.text_; }
  template <class H>
  friend H AbslHashValue(H h, const StringId& id) {
    return H::combine(std::move(h), id.text_);
  }

 private:
  std::string text_;
};

// A number we gave. 0 means "none". `Number`: what it is kept in.
template <class Tag, class Number = int64_t>
class NumberId {
 public:
  constexpr NumberId() = default;
  constexpr explicit NumberId(int64_t value) : value_(static_cast<Number>(value)) {}

  constexpr int64_t value() const { return value_; }

  friend constexpr bool operator==(NumberId a, NumberId b) { return a.value_ == b.value_; }
  friend constexpr bool operator!=(NumberId a, NumberId b) { return a.value_ != b.value_; }
  friend constexpr bool operator<(NumberId a, NumberId b) { return a.value_ < b.value_; }
  template <class H>
  friend H AbslHashValue(H h, NumberId id) {
    return H::combine(std::move(h), id.value_);
  }

 private:
  Number value_ = 0;
};

}  // namespace crescendo::base
