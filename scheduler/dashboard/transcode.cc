#include "scheduler/dashboard/transcode.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/time_util.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"
#include "scheduler/base/status_macros.h"
#include "scheduler/service/errors.h"
#include "scheduler/service/json.h"

namespace crescendo::dashboard {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::util::TimeUtil;

constexpr char kJson[] = "application/json";

absl::Status Unknown(const std::string& name, const google::protobuf::Descriptor& type) {
  std::vector<std::string> known;
  for (int i = 0; i < type.field_count(); ++i) known.push_back(type.field(i)->name());
  return absl::InvalidArgumentError(absl::StrCat("there is no parameter ", service::Quoted(name),
                                                 "; there are: ", absl::StrJoin(known, ", ")));
}

absl::Status BadValue(const std::string& name, const std::string& value, const char* wanted) {
  return service::Fault(name, absl::StrCat("is ", service::Quoted(value), "; write ", wanted));
}

absl::Status SetMessage(const std::string& name, const std::string& value, Message* message) {
  if (auto* duration = dynamic_cast<google::protobuf::Duration*>(message)) {
    if (TimeUtil::FromString(value, duration)) return absl::OkStatus();
    return BadValue(name, value, "seconds, as in 2.5s");
  }
  if (auto* time = dynamic_cast<google::protobuf::Timestamp*>(message)) {
    if (TimeUtil::FromString(value, time)) return absl::OkStatus();
    return BadValue(name, value, "a time, as in 2026-03-04T12:00:00Z");
  }
  return service::Fault(name, absl::StrCat("holds fields; name one of them, as in ", name, ".",
                                           message->GetDescriptor()->field_count() > 0
                                               ? message->GetDescriptor()->field(0)->name()
                                               : ""));
}

absl::Status SetField(const std::string& name, const std::string& value,
                      const FieldDescriptor* field, Message* message) {
  const auto& reflection = *message->GetReflection();
  const auto set = [&](const auto& parsed, auto setter, auto adder) {
    if (field->is_repeated()) {
      (reflection.*adder)(message, field, parsed);
    } else {
      (reflection.*setter)(message, field, parsed);
    }
    return absl::OkStatus();
  };
  using R = google::protobuf::Reflection;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return set(value, &R::SetString, &R::AddString);
    case FieldDescriptor::CPPTYPE_BOOL:
      if (value != "true" && value != "false") return BadValue(name, value, "true or false");
      return set(value == "true", &R::SetBool, &R::AddBool);
    case FieldDescriptor::CPPTYPE_INT32: {
      int32_t number = 0;
      if (!absl::SimpleAtoi(value, &number)) return BadValue(name, value, "a whole number");
      return set(number, &R::SetInt32, &R::AddInt32);
    }
    case FieldDescriptor::CPPTYPE_INT64: {
      int64_t number = 0;
      if (!absl::SimpleAtoi(value, &number)) return BadValue(name, value, "a whole number");
      return set(number, &R::SetInt64, &R::AddInt64);
    }
    case FieldDescriptor::CPPTYPE_DOUBLE: {
      double number = 0;
      if (!absl::SimpleAtod(value, &number)) return BadValue(name, value, "a number");
      return set(number, &R::SetDouble, &R::AddDouble);
    }
    case FieldDescriptor::CPPTYPE_ENUM: {
      const auto* known = field->enum_type()->FindValueByName(value);
      if (known == nullptr) {
        std::vector<std::string> names;
        for (int i = 0; i < field->enum_type()->value_count(); ++i) {
          names.push_back(field->enum_type()->value(i)->name());
        }
        return BadValue(name, value, absl::StrCat("one of ", absl::StrJoin(names, ", ")).c_str());
      }
      return set(known->number(), &R::SetEnumValue, &R::AddEnumValue);
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (!field->is_repeated()) {
        return SetMessage(name, value, reflection.MutableMessage(message, field));
      }
      [[fallthrough]];
    default:
      return service::Fault(name, "cannot be given in a query");
  }
}

// `name` may lead into messages: "filter.campaign".
absl::Status SetPath(const std::string& name, const std::string& value, Message* message) {
  const std::vector<std::string> parts = absl::StrSplit(name, '.');
  for (size_t i = 0; i < parts.size(); ++i) {
    const FieldDescriptor* field = message->GetDescriptor()->FindFieldByName(parts[i]);
    if (field == nullptr) return Unknown(name, *message->GetDescriptor());
    if (i + 1 == parts.size()) return SetField(name, value, field, message);
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || field->is_repeated()) {
      return Unknown(name, *message->GetDescriptor());
    }
    message = message->GetReflection()->MutableMessage(message, field);
  }
  return absl::OkStatus();
}

int HttpStatus(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return 200;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
      return 400;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kAlreadyExists:
      return 409;
    case absl::StatusCode::kResourceExhausted:
      return 429;
    case absl::StatusCode::kCancelled:
      return 499;
    case absl::StatusCode::kUnimplemented:
      return 501;
    case absl::StatusCode::kUnavailable:
      return 503;
    case absl::StatusCode::kDeadlineExceeded:
      return 504;
    default:
      return 500;
  }
}

}  // namespace

absl::Status FillFromQuery(const std::string& query, Message* message) {
  for (const absl::string_view pair : absl::StrSplit(query, '&', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(pair, absl::MaxSplits('=', 1));
    ASSIGN_OR_RETURN(const std::string name, Decode(parts.first, /*plus=*/true));
    ASSIGN_OR_RETURN(const std::string value, Decode(parts.second, /*plus=*/true));
    RETURN_IF_ERROR(SetPath(name, value, message));
  }
  return absl::OkStatus();
}

absl::Status FillFromBody(const std::string& body, Message* message) {
  if (body.empty()) return absl::OkStatus();
  const auto status = google::protobuf::util::JsonStringToMessage(body, message);
  if (status.ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the body is no JSON of ",
                                                 message->GetDescriptor()->name(), ": ",
                                                 std::string(status.message())));
}

void FillFromPath(const Match& match, Message* message) {
  for (const auto& [name, value] : match.fields) {
    const FieldDescriptor* field = message->GetDescriptor()->FindFieldByName(name);
    message->GetReflection()->SetString(message, field, value);
  }
}

Response JsonResponse(const Message& message) {
  return {.content_type = kJson,
          .body = service::JsonLine(message) + "\n",
          .headers = {{"Cache-Control", "no-store"}}};
}

Response ErrorResponse(const absl::Status& status) {
  nlohmann::ordered_json json;
  json["code"] = static_cast<int>(status.code());
  json["message"] = std::string(status.message());
  json["details"] = nlohmann::ordered_json::array();
  Response response{.status = HttpStatus(status.code()),
                    .content_type = kJson,
                    .body = json.dump(-1, ' ', /*ensure_ascii=*/true,
                                      nlohmann::ordered_json::error_handler_t::replace) +
                            "\n",
                    .headers = {{"Cache-Control", "no-store"}}};
  if (response.status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

}  // namespace crescendo::dashboard
