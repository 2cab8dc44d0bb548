#include "cmd/crescendod/config_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/timestamp.pb.h>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "scheduler/base/check.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::daemon {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

class FirstError final : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, google::protobuf::io::ColumnNumber column,
                const std::string& message) override {
    if (!text_.empty()) return;
    text_ = line < 0 ? absl::StrCat(": ", message)
                     : absl::StrCat(":", line + 1, ":", column + 1, ": ", message);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string Shown(absl::string_view text) {
  return absl::StrCat("\"", absl::CHexEscape(text.substr(0, 80)), "\"");
}

absl::Status BadValue(const Override& override, absl::string_view wanted) {
  return absl::InvalidArgumentError(
      absl::StrCat(override.flag, ": ", Shown(override.value), " is no ", wanted));
}

// "retry" for IN_DOUBT_POLICY_RETRY.
const google::protobuf::EnumValueDescriptor* FindValue(const google::protobuf::EnumDescriptor& type,
                                                       absl::string_view text) {
  const std::string word = absl::AsciiStrToUpper(text);
  for (int i = 0; i < type.value_count(); ++i) {
    const std::string& name = type.value(i)->name();
    if (type.value(i)->number() != 0 && (name == word || absl::EndsWith(name, "_" + word))) {
      return type.value(i);
    }
  }
  return nullptr;
}

absl::Status SetEnum(const Override& override, const FieldDescriptor* field, Message* message) {
  const auto* value = FindValue(*field->enum_type(), override.value);
  if (value == nullptr) {
    std::vector<std::string> words;
    for (int i = 0; i < field->enum_type()->value_count(); ++i) {
      const std::string& name = field->enum_type()->value(i)->name();
      if (i > 0) words.push_back(absl::AsciiStrToLower(name.substr(name.rfind('_') + 1)));
    }
    return BadValue(override,
                    absl::StrCat(field->name(), "; it is one of ", absl::StrJoin(words, ", ")));
  }
  message->GetReflection()->SetEnum(message, field, value);
  return absl::OkStatus();
}

absl::Status SetMessage(const Override& override, const FieldDescriptor* field, Message* message) {
  Message* nested = message->GetReflection()->MutableMessage(message, field);
  if (auto* duration = dynamic_cast<google::protobuf::Duration*>(nested)) {
    absl::Duration value;
    if (!absl::ParseDuration(override.value, &value) || value == absl::InfiniteDuration() ||
        value == -absl::InfiniteDuration()) {
      return BadValue(override, "duration; write 90s, 5m or 1h30m");
    }
    duration->set_seconds(absl::IDivDuration(value, absl::Seconds(1), &value));
    duration->set_nanos(static_cast<int32_t>(value / absl::Nanoseconds(1)));
    return absl::OkStatus();
  }
  auto* time = dynamic_cast<google::protobuf::Timestamp*>(nested);
  CRESCENDO_CHECK(time != nullptr);
  double seconds = 0;
  absl::Time value;
  std::string error;
  if (absl::SimpleAtod(override.value, &seconds) && seconds > -6e10 && seconds < 2.5e11) {
    value = absl::FromUnixMicros(static_cast<int64_t>(seconds * 1e6));
  } else if (!absl::ParseTime(absl::RFC3339_full, override.value, &value, &error)) {
    return BadValue(override, "time; write 2026-03-01T00:00:00Z, or seconds since 1970");
  }
  time->set_seconds(absl::ToUnixSeconds(value));
  time->set_nanos(static_cast<int32_t>((value - absl::FromUnixSeconds(time->seconds())) /
                                       absl::Nanoseconds(1)));
  return absl::OkStatus();
}

absl::Status SetField(const Override& override, const FieldDescriptor* field, Message* message) {
  const google::protobuf::Reflection& reflection = *message->GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      if (field->is_repeated()) {
        reflection.AddString(message, field, override.value);
      } else {
        reflection.SetString(message, field, override.value);
      }
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_BOOL: {
      bool value = false;
      if (!absl::SimpleAtob(override.value, &value)) return BadValue(override, "true or false");
      reflection.SetBool(message, field, value);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_INT32: {
      int32_t value = 0;
      if (!absl::SimpleAtoi(override.value, &value)) return BadValue(override, "whole number");
      reflection.SetInt32(message, field, value);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_UINT64: {
      uint64_t value = 0;
      if (!absl::SimpleAtoi(override.value, &value)) return BadValue(override, "whole number");
      reflection.SetUInt64(message, field, value);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_DOUBLE: {
      double value = 0;
      if (!absl::SimpleAtod(override.value, &value)) return BadValue(override, "number");
      reflection.SetDouble(message, field, value);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_ENUM:
      return SetEnum(override, field, message);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return SetMessage(override, field, message);
    default:
      base::CheckFailed(__FILE__, __LINE__, "a configuration field has one of the types above");
  }
}

}  // namespace

absl::Status ParseTextFile(const std::string& file, Message* message, ParsedText* parsed) {
  parsed->file = file;
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  // Reading a folder opens and then fails.
  if (!stream || !(text << stream.rdbuf())) {
    if (!stream || errno != 0) {
      return absl::NotFoundError(absl::StrCat("cannot read ", file, ": ",
                                              errno == 0 ? "it is no file" : std::strerror(errno)));
    }
  }
  google::protobuf::TextFormat::Parser parser;
  FirstError error;
  parser.RecordErrorsTo(&error);
  parser.WriteLocationsTo(&parsed->lines);
  if (parser.ParseFromString(text.str(), message)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(file, error.text()));
}

absl::Status Apply(const std::vector<Override>& overrides, Message* message) {
  std::set<std::string> replaced;
  for (const Override& override : overrides) {
    Message* at = message;
    const std::vector<std::string> path = absl::StrSplit(override.path, '.');
    for (size_t i = 0; i + 1 < path.size(); ++i) {
      const FieldDescriptor* field = at->GetDescriptor()->FindFieldByName(path[i]);
      CRESCENDO_CHECK(field != nullptr);
      at = at->GetReflection()->MutableMessage(at, field);
    }
    const FieldDescriptor* field = at->GetDescriptor()->FindFieldByName(path.back());
    CRESCENDO_CHECK(field != nullptr);
    if (field->is_repeated() && replaced.insert(override.path).second) {
      at->GetReflection()->ClearField(at, field);
    }
    RETURN_IF_ERROR(SetField(override, field, at));
  }
  return absl::OkStatus();
}

ConfigReader::ConfigReader(const Message* message, const ParsedText* parsed,
                           const std::vector<Override>* overrides)
    : message_(message), parsed_(parsed), lines_(&parsed->lines), overrides_(overrides) {}

ConfigReader::ConfigReader(const ConfigReader& parent, const std::string& field, int index)
    : parsed_(parent.parsed_), lines_(nullptr), overrides_(parent.overrides_) {
  const FieldDescriptor* descriptor = parent.Find(field);
  const google::protobuf::Reflection& reflection = *parent.message_->GetReflection();
  message_ = index < 0 ? &reflection.GetMessage(*parent.message_, descriptor)
                       : &reflection.GetRepeatedMessage(*parent.message_, descriptor, index);
  path_ = index < 0 ? absl::StrCat(parent.path_, field, ".")
                    : absl::StrCat(parent.path_, field, "[", index, "].");
  if (parent.lines_ != nullptr) {
    lines_ = parent.lines_->GetTreeForNested(descriptor, index);
    line_ = parent.lines_->GetLocation(descriptor, index).line;
  }
}

ConfigReader ConfigReader::Below(const std::string& field) const {
  return ConfigReader(*this, field, -1);
}
ConfigReader ConfigReader::Below(const std::string& field, int index) const {
  return ConfigReader(*this, field, index);
}

const FieldDescriptor* ConfigReader::Find(const std::string& field) const {
  const FieldDescriptor* found = message_->GetDescriptor()->FindFieldByName(field);
  CRESCENDO_CHECK(found != nullptr);
  return found;
}

bool ConfigReader::Has(const FieldDescriptor* field) const {
  return message_->GetReflection()->HasField(*message_, field);
}

const Override* ConfigReader::FlagOf(const std::string& field) const {
  for (const Override& override : *overrides_) {
    if (override.path == absl::StrCat(path_, field)) return &override;
  }
  return nullptr;
}

bool ConfigReader::FromFlag(const std::string& field) const { return FlagOf(field) != nullptr; }

absl::Status ConfigReader::Bad(const std::string& field, absl::string_view fault) const {
  if (const Override* flag = FlagOf(field)) {
    return absl::InvalidArgumentError(absl::StrCat(flag->flag, " ", fault));
  }
  int line = line_;
  if (lines_ != nullptr) {
    const FieldDescriptor* descriptor = Find(field);
    const int at = lines_->GetLocation(descriptor, descriptor->is_repeated() ? 0 : -1).line;
    if (at >= 0) line = at;
  }
  const std::string place = parsed_->file.empty() || line < 0
                                ? parsed_->file
                                : absl::StrCat(parsed_->file, ":", line + 1);
  return absl::InvalidArgumentError(
      absl::StrCat(place, place.empty() ? "" : ": ", path_, field, " ", fault));
}

absl::Status ConfigReader::Int(const std::string& field, int64_t low, int64_t high,
                               int* out) const {
  const FieldDescriptor* descriptor = Find(field);
  if (!Has(descriptor)) return absl::OkStatus();
  const int value = message_->GetReflection()->GetInt32(*message_, descriptor);
  if (value < low || value > high) {
    return Bad(field, absl::StrCat("is ", value, "; it must be ", low, " to ", high));
  }
  *out = value;
  return absl::OkStatus();
}

absl::Status ConfigReader::Double(const std::string& field, Range range, double* out) const {
  const FieldDescriptor* descriptor = Find(field);
  if (!Has(descriptor)) return absl::OkStatus();
  const double value = message_->GetReflection()->GetDouble(*message_, descriptor);
  // Written so that NaN fails too.
  const bool above = range.open_low ? value > range.low : value >= range.low;
  const bool below = range.open_high ? value < range.high : value <= range.high;
  if (!above || !below) {
    return Bad(field,
               absl::StrCat("is ", value, "; it must be ", range.open_low ? "above " : "from ",
                            range.low, range.open_high ? " and below " : " to ", range.high));
  }
  *out = value;
  return absl::OkStatus();
}

absl::Status ConfigReader::Duration(const std::string& field, absl::Duration low,
                                    absl::Duration high, absl::Duration* out) const {
  const FieldDescriptor* descriptor = Find(field);
  if (!Has(descriptor)) return absl::OkStatus();
  const auto& proto = static_cast<const google::protobuf::Duration&>(
      message_->GetReflection()->GetMessage(*message_, descriptor));
  const absl::Duration value = absl::Seconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
  if (value < low || value > high) {
    return Bad(field, absl::StrCat("is ", absl::FormatDuration(value), "; it must be ",
                                   absl::FormatDuration(low), " to ", absl::FormatDuration(high)));
  }
  *out = value;
  return absl::OkStatus();
}

absl::Status ConfigReader::Time(const std::string& field, absl::Time* out) const {
  const FieldDescriptor* descriptor = Find(field);
  if (!Has(descriptor)) return absl::OkStatus();
  const auto& proto = static_cast<const google::protobuf::Timestamp&>(
      message_->GetReflection()->GetMessage(*message_, descriptor));
  constexpr int64_t kFirst = -62'135'596'800, kLast = 253'402'300'799;
  if (proto.seconds() < kFirst || proto.seconds() > kLast || proto.nanos() < 0 ||
      proto.nanos() > 999'999'999) {
    return Bad(field, "is no time in the years 1 to 9999");
  }
  *out = absl::FromUnixSeconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
  return absl::OkStatus();
}

}  // namespace crescendo::daemon
