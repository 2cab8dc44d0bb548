#include "scheduler/service/paging.h"

#include <cstring>
#include <memory>

#include <google/protobuf/descriptor.h>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "scheduler/base/check.h"
#include "scheduler/service/errors.h"
#include "scheduler/service/fingerprint.h"

namespace crescendo::service {
namespace {

constexpr int kDefaultSize = 100;
constexpr int kLargestSize = 1000;
constexpr size_t kHash = sizeof(uint64_t);
constexpr size_t kLongestToken = 4096;  // Keys are labels, numbers and addresses.

std::string Bytes(uint64_t value) {
  std::string bytes(kHash, '\0');
  std::memcpy(bytes.data(), &value, kHash);
  return bytes;
}

// Token: base64url(hash of the rest, request, key).
std::string Seal(uint64_t request, absl::string_view key) {
  const std::string rest = absl::StrCat(Bytes(request), key);
  return absl::WebSafeBase64Escape(absl::StrCat(Bytes(Fingerprint(rest)), rest));
}

absl::Status BadToken() {
  return Fault("page_token",
               "was not given for this request; send the last answer's next_page_token with the "
               "same request, or none to start again");
}

}  // namespace

absl::StatusOr<Page> ReadPage(const google::protobuf::Message& request) {
  const google::protobuf::Descriptor& type = *request.GetDescriptor();
  const google::protobuf::Reflection& reflection = *request.GetReflection();
  const auto* size_field = type.FindFieldByName("page_size");
  const auto* token_field = type.FindFieldByName("page_token");
  CRESCENDO_CHECK(size_field != nullptr && token_field != nullptr);

  const int size = reflection.GetInt32(request, size_field);
  if (size < 0) {
    return Fault("page_size", absl::StrCat("is ", size, "; it must be 0 (for 100) to 1000"));
  }
  const std::string token = reflection.GetString(request, token_field);
  std::unique_ptr<google::protobuf::Message> asked(request.New());
  asked->CopyFrom(request);
  reflection.ClearField(asked.get(), size_field);
  reflection.ClearField(asked.get(), token_field);

  Page page;
  page.size = size == 0 ? kDefaultSize : std::min(size, kLargestSize);
  page.request = Fingerprint(*asked);
  if (token.empty()) return page;
  std::string bytes;
  if (token.size() > kLongestToken || !absl::WebSafeBase64Unescape(token, &bytes) ||
      bytes.size() <= 2 * kHash) {
    return BadToken();
  }
  page.after = bytes.substr(2 * kHash);
  if (Seal(page.request, page.after) != token) return BadToken();
  return page;
}

std::string NextPageToken(const Page& page, absl::string_view last) {
  return Seal(page.request, last);
}

absl::StatusOr<int64_t> NumberAfter(const Page& page) {
  int64_t number = 0;
  if (!page.after.empty() && !absl::SimpleAtoi(page.after, &number)) return BadToken();
  return number;
}

}  // namespace crescendo::service
