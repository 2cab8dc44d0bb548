// recipient_file.h: recipients from CSV (RFC 4180) or JSON Lines, one at a time, in constant
// memory.
//
// CSV has a header row: `email` or `address`, score, last_click_time, last_open_time,
// subscribe_time, click_count, open_count; every other column is a {{variable}}. A byte order mark
// and CRLF are taken; a record is at most 1 MiB long. A JSON line is a RecipientInput of the API.
//
// Threads  one thread.
#pragma once

#include <cstdint>
#include <istream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "crescendo/v1/campaign.pb.h"

namespace crescendo::cli {

class RecipientFile {
 public:
  enum class Format { kCsv, kJsonLines };

  RecipientFile(std::istream* in, Format format) : in_(*in), format_(format) {}

  // Reads the header. INVALID_ARGUMENT: no header, none with an address, or a column that no line
  // could fill.
  absl::Status Open();

  enum class Read { kRecipient, kBroken, kEnd };
  // kBroken: `fault` says what is wrong with the line; the next call goes on behind it.
  Read Next(v1::RecipientInput* recipient, std::string* fault);
  // Number of the line on which the last record began, from 1.
  int64_t line() const { return line_; }
  // Bytes read so far.
  int64_t bytes() const { return bytes_; }

 private:
  bool Line(std::string* line);
  bool Record(std::vector<std::string>* fields, std::string* fault);
  absl::Status Fill(const std::string& column, const std::string& value,
                    v1::RecipientInput* recipient);

  std::istream& in_;
  const Format format_;
  std::vector<std::string> columns_;
  int64_t line_ = 0;
  int64_t lines_read_ = 0;
  int64_t bytes_ = 0;
  bool overlong_ = false;  // The line read last.
};

}  // namespace crescendo::cli
