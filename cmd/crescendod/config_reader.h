// config_reader.h: a text file of one message, and its values with the place each is from.
//
// Errors   INVALID_ARGUMENT "crescendod.textproto:12: limits.max_connections is 0; …", or, for what
//          a flag has set, "--limits-max-connections: …". NOT_FOUND: the file cannot be read.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <google/protobuf/message.h>
#include <google/protobuf/text_format.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace crescendo::daemon {

// A message with the line of each of its fields.
struct ParsedText {
  std::string file;  // As it was named; "": no file.
  google::protobuf::TextFormat::ParseInfoTree lines;
};

// Reads `file` into `message`.
absl::Status ParseTextFile(const std::string& file, google::protobuf::Message* message,
                           ParsedText* parsed);

// What a flag says: "limits.max_connections" and "500".
struct Override {
  std::string flag;  // For errors: "--limits-max-connections".
  std::string path;
  std::string value;
};

// Sets `path` in `message`; for a repeated field the first such override replaces it.
// Durations are "90s", times RFC 3339 or seconds since 1970, enumerations by their last word.
absl::Status Apply(const std::vector<Override>& overrides, google::protobuf::Message* message);

// A range; `open_low` and `open_high` leave the bound itself out.
struct Range {
  double low = 0;
  double high = 0;
  bool open_low = false;
  bool open_high = false;
};

// Reads fields of one message; a field that is not set leaves `*out` as it is.
class ConfigReader {
 public:
  // All outlive the reader.
  ConfigReader(const google::protobuf::Message* message, const ParsedText* parsed,
               const std::vector<Override>* overrides);

  // The reader of a nested message, set or not.
  ConfigReader Below(const std::string& field) const;
  // Of the i-th of a repeated one.
  ConfigReader Below(const std::string& field, int index) const;

  absl::Status Int(const std::string& field, int64_t low, int64_t high, int* out) const;
  absl::Status Double(const std::string& field, Range range, double* out) const;
  absl::Status Duration(const std::string& field, absl::Duration low, absl::Duration high,
                        absl::Duration* out) const;
  absl::Status Time(const std::string& field, absl::Time* out) const;

  // INVALID_ARGUMENT about `field`, with its place.
  absl::Status Bad(const std::string& field, absl::string_view fault) const;
  // Did a flag set it? Then paths are relative to where the daemon was started.
  bool FromFlag(const std::string& field) const;

 private:
  ConfigReader(const ConfigReader& parent, const std::string& field, int index);
  const google::protobuf::FieldDescriptor* Find(const std::string& field) const;
  bool Has(const google::protobuf::FieldDescriptor* field) const;
  const Override* FlagOf(const std::string& field) const;

  const google::protobuf::Message* message_;
  const ParsedText* parsed_;
  const google::protobuf::TextFormat::ParseInfoTree* lines_;  // nullptr: not in the file.
  const std::vector<Override>* overrides_;
  std::string path_;  // "limits."; "" at the top.
  int line_ = -1;     // Of the message itself, from 0.
};

}  // namespace crescendo::daemon
