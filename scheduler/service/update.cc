#include "scheduler/service/update.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "scheduler/service/errors.h"

namespace crescendo::service {
namespace {

constexpr absl::string_view kEtagPrefix = "revision ";

}  // namespace

std::string EtagOf(int64_t revision) {
  return revision == 0 ? "" : absl::WebSafeBase64Escape(absl::StrCat(kEtagPrefix, revision));
}

absl::StatusOr<std::optional<int64_t>> ParseEtag(absl::string_view field, absl::string_view etag) {
  if (etag.empty()) return std::optional<int64_t>();
  std::string bytes;
  int64_t revision = 0;
  const bool readable = etag.size() <= 64 && absl::WebSafeBase64Unescape(etag, &bytes);
  absl::string_view digits = bytes;
  if (!readable || !absl::ConsumePrefix(&digits, kEtagPrefix) ||
      !absl::SimpleAtoi(digits, &revision) || revision <= 0 || EtagOf(revision) != etag) {
    return Fault(field, absl::StrCat("is ", Quoted(etag),
                                     ", which was never given; read the resource and send its "
                                     "etag back, or none"));
  }
  return std::optional<int64_t>(revision);
}

absl::Status StaleEtag(absl::string_view name) {
  return absl::AbortedError(
      absl::StrCat("etag is stale: ", name,
                   " has changed since it was read; read it again and redo the change"));
}

absl::StatusOr<UpdateMask> UpdateMask::Create(const google::protobuf::FieldMask& mask,
                                              const google::protobuf::Descriptor& resource,
                                              absl::Span<const absl::string_view> may_change) {
  UpdateMask result;
  if (mask.paths().empty() || (mask.paths_size() == 1 && mask.paths(0) == "*")) {
    result.everything_ = true;
    for (absl::string_view field : may_change) result.fields_.emplace_back(field);
    return result;
  }
  for (const std::string& path : mask.paths()) {
    const bool changeable =
        std::find(may_change.begin(), may_change.end(), path) != may_change.end();
    if (!changeable) {
      const bool field = resource.FindFieldByName(path) != nullptr;
      return Fault("update_mask",
                   absl::StrCat("names ", Quoted(path),
                                field ? ", which cannot change" : ", which is no field of ",
                                field ? "" : resource.name(), "; use some of ",
                                absl::StrJoin(may_change, ", "), ", whole"));
    }
    result.fields_.push_back(path);
  }
  return result;
}

bool UpdateMask::Has(absl::string_view field) const {
  return std::find(fields_.begin(), fields_.end(), field) != fields_.end();
}

}  // namespace crescendo::service
