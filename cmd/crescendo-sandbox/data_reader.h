// data_reader.h: a message as it comes in after DATA, kept only as far as the ledger needs it.
//
// Units    octets, after the sender's dot-stuffing was undone.
// See      RFC 5321 §4.5.2. Only CRLF.CRLF ends the data: a bare LF before or after the dot does
// not.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"

namespace crescendo::sandbox {

class DataReader {
 public:
  DataReader();
  ~DataReader();
  DataReader(DataReader&&) noexcept;
  DataReader& operator=(DataReader&&) noexcept;

  // Takes what it can from the front of `bytes` and says how much that was. Stops behind the final
  // dot: then done().
  size_t Take(absl::string_view bytes);

  bool done() const { return done_; }
  int64_t size() const { return size_; }
  // Of the header, with its angle brackets; "" if there is none. Unfolded, at most 998 octets.
  const std::string& message_id() const { return message_id_; }
  // SHA-256 of the message, first 16 hex digits. REQUIRES: done(). Call once.
  std::string Digest();

 private:
  class Hash;
  void Line(absl::string_view line);  // With its CRLF.
  void HeaderLine(absl::string_view line);

  std::unique_ptr<Hash> hash_;
  int64_t size_ = 0;
  bool done_ = false;
  bool line_start_ = true;  // What comes next begins a line.
  bool in_header_ = true;
  bool in_message_id_ = false;
  std::string message_id_;
};

}  // namespace crescendo::sandbox
