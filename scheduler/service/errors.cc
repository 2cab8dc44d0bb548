#include "scheduler/service/errors.h"

#include <algorithm>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace crescendo::service {
namespace {

// A status travels in a header; peers commonly allow 8 KiB for all of them.
constexpr size_t kLongestMessage = 2000;

grpc::StatusCode CodeOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kUnavailable:
      // Both enumerations are google.rpc.Code.
      return static_cast<grpc::StatusCode>(static_cast<int>(code));
    case absl::StatusCode::kDataLoss:
      return grpc::StatusCode::UNAVAILABLE;
    default:
      return grpc::StatusCode::INTERNAL;
  }
}

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return grpc::Status(CodeOf(status.code()),
                      std::string(status.message().substr(0, kLongestMessage)));
}

absl::Status Fault(absl::string_view field, absl::string_view fault) {
  return absl::InvalidArgumentError(absl::StrCat(field, " ", fault));
}

std::string Quoted(absl::string_view text) {
  return absl::StrCat("\"", absl::CHexEscape(text.substr(0, 80)), text.size() > 80 ? "…" : "",
                      "\"");
}

absl::Status CheckFreeText(absl::string_view field, absl::string_view text, size_t most) {
  // Characters, not bytes: continuation bytes of UTF-8 do not count.
  const auto characters = static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
  if (characters > most) {
    return Fault(field, absl::StrCat("is ", characters, " characters long; at most ", most));
  }
  const bool control = std::any_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < ' ' && c != '\t' && c != '\n') || c == 0x7f;
  });
  if (control) return Fault(field, "holds a control character (CR, ESC or NUL, say); remove it");
  return absl::OkStatus();
}

absl::Status Stopping() {
  return absl::UnavailableError("the daemon is stopping; try again when it is back");
}

}  // namespace crescendo::service
