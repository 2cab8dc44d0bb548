// recipient_file.h: recipients from a file (record_file.h).
//
// CSV columns: `email` or `address`, score, last_click_time, last_open_time, subscribe_time,
// click_count, open_count; every other one is a {{variable}}. A JSON line is a RecipientInput.
//
// Threads  one thread.
#pragma once

#include <istream>
#include <string>

#include "absl/status/status.h"
#include "cmd/crescendo/record_file.h"
#include "crescendo/v1/campaign.pb.h"

namespace crescendo::cli {

class RecipientFile {
 public:
  RecipientFile(std::istream* in, RecordFile::Format format) : file_(in, format, "recipient") {}

  // As RecordFile.
  absl::Status Open();
  RecordFile::Read Next(v1::RecipientInput* recipient, std::string* fault);
  int64_t line() const { return file_.line(); }
  int64_t bytes() const { return file_.bytes(); }

 private:
  RecordFile file_;
};

}  // namespace crescendo::cli
