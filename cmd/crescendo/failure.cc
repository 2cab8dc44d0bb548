#include "cmd/crescendo/failure.h"

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cmd/crescendo/printable.h"

namespace crescendo::cli {
namespace {

constexpr char kUsagePayload[] = "crescendo/usage";
constexpr char kOutcomePayload[] = "crescendo/outcome";

// gRPC's own words for a connection that never came about, against a server's UNAVAILABLE.
bool NeverConnected(absl::string_view message) {
  return absl::StrContains(message, "failed to connect to all addresses") ||
         absl::StrContains(message, "DNS resolution failed") ||
         absl::StrContains(message, "empty address list");
}

// "…: Failed to connect to remote host: Connection refused" ends in what people need.
absl::string_view LastClause(absl::string_view message) {
  const size_t colon = message.rfind(": ");
  return colon == absl::string_view::npos ? message : message.substr(colon + 2);
}

absl::string_view CodeName(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
      return "invalid argument";
    case absl::StatusCode::kNotFound:
      return "not found";
    case absl::StatusCode::kAlreadyExists:
      return "already exists";
    case absl::StatusCode::kFailedPrecondition:
      return "not possible in this state";
    case absl::StatusCode::kAborted:
      return "changed meanwhile";
    case absl::StatusCode::kResourceExhausted:
      return "no room";
    case absl::StatusCode::kPermissionDenied:
      return "not allowed";
    case absl::StatusCode::kUnauthenticated:
      return "not signed in";
    case absl::StatusCode::kInternal:
      return "the daemon has a bug";
    default:
      return "failed";
  }
}

std::string Unavailable(absl::string_view message, absl::string_view server) {
  if (NeverConnected(message)) {
    return absl::StrCat("cannot reach crescendod at ", server, ": ", OneLine(LastClause(message)),
                        "; is it running? (--server ADDRESS or CRESCENDO_SERVER)");
  }
  return absl::StrCat("crescendod at ", server, " cannot do it now: ", OneLine(message));
}

}  // namespace

absl::Status UsageError(absl::string_view message) {
  absl::Status status = absl::InvalidArgumentError(message);
  status.SetPayload(kUsagePayload, absl::Cord());
  return status;
}

bool IsUsageError(const absl::Status& status) {
  return status.GetPayload(kUsagePayload).has_value();
}

absl::Status OutcomeIsNo(absl::string_view message) {
  absl::Status status = absl::FailedPreconditionError(message);
  status.SetPayload(kOutcomePayload, absl::Cord());
  return status;
}

absl::Status FromGrpc(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

ExitCode ExitCodeOf(const absl::Status& status) {
  if (status.ok()) return ExitCode::kOk;
  if (IsUsageError(status)) return ExitCode::kUsage;
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return ExitCode::kUnreachable;
    case absl::StatusCode::kCancelled:
      return ExitCode::kInterrupted;
    default:
      return ExitCode::kRefused;
  }
}

std::string Explain(const absl::Status& status, absl::string_view server,
                    absl::string_view timeout) {
  if (IsUsageError(status) || status.GetPayload(kOutcomePayload).has_value()) {
    return OneLine(status.message());
  }
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      return Unavailable(status.message(), server);
    case absl::StatusCode::kDeadlineExceeded:
      return absl::StrCat("no answer from crescendod at ", server, " within ", timeout,
                          "; raise --timeout, or look at the daemon");
    case absl::StatusCode::kCancelled:
      return "interrupted";
    case absl::StatusCode::kUnimplemented:
      return absl::StrCat("crescendod at ", server,
                          " does not know this call; its version differs from this program's");
    default:
      return absl::StrCat(OneLine(status.message()), " (", CodeName(status.code()), ")");
  }
}

bool IsTransient(const absl::Status& status) {
  return status.code() == absl::StatusCode::kUnavailable ||
         status.code() == absl::StatusCode::kDeadlineExceeded ||
         status.code() == absl::StatusCode::kResourceExhausted;
}

}  // namespace crescendo::cli
