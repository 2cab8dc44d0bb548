// record_file.h: records from CSV (RFC 4180) or JSON Lines, one at a time, in constant memory.
//
// CSV has a header row that names the columns, `email` or `address` among them. A byte order mark
// and CRLF are taken; a record is at most 1 MiB long. A JSON line is a message of the API.
//
// Threads  one thread.
#pragma once

#include <cstdint>
#include <istream>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"

namespace crescendo::cli {

class RecordFile {
 public:
  enum class Format { kCsv, kJsonLines };
  // `given`: "csv", "jsonl", or "" to go by the file's name.
  static Format FormatOf(absl::string_view file, absl::string_view given);

  // `noun`: what a record is, for messages: "recipient".
  RecordFile(std::istream* in, Format format, std::string noun)
      : in_(*in), format_(format), noun_(std::move(noun)) {}

  // The column's name as it is used, "address" among them, or why no line could fill it.
  using ColumnName = absl::FunctionRef<absl::StatusOr<std::string>(absl::string_view heading)>;
  // Reads the header. INVALID_ARGUMENT: no header, none with an address, or a column that no line
  // could fill.
  absl::Status Open(ColumnName column_name);

  // Puts a column's value, which is UTF-8, into the record.
  using Fill = absl::FunctionRef<absl::Status(const std::string& column, const std::string& value)>;
  enum class Read { kRecord, kBroken, kEnd };
  // Reads the next record: a JSON line into `record`, of CSV each field by `fill`. kBroken: `fault`
  // says what is wrong with the line; the next call goes on behind it.
  Read Next(google::protobuf::Message* record, Fill fill, std::string* fault);
  // Number of the line on which the last record began, from 1.
  int64_t line() const { return line_; }
  // Bytes read so far.
  int64_t bytes() const { return bytes_; }

  bool HasColumn(absl::string_view column) const;

 private:
  bool Line(std::string* line);
  bool Record(std::vector<std::string>* fields, std::string* fault);
  Read NextJson(google::protobuf::Message* record, std::string* fault);

  std::istream& in_;
  const Format format_;
  const std::string noun_;
  std::vector<std::string> columns_;
  int64_t line_ = 0;
  int64_t lines_read_ = 0;
  int64_t bytes_ = 0;
  bool overlong_ = false;  // The line read last.
};

// "score: "x" is no number".
absl::Status BadValue(absl::string_view column, absl::string_view value, absl::string_view what);

}  // namespace crescendo::cli
