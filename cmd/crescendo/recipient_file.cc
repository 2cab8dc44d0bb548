#include "cmd/crescendo/recipient_file.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "cmd/crescendo/printable.h"
#include "cmd/crescendo/time_text.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::cli {
namespace {

// A quote that never ends would otherwise swallow the rest of the file.
constexpr size_t kLongestRecord = 1 << 20;
constexpr char kOverlong[] = "is longer than 1 MiB";

// Columns that are not {{variables}}.
constexpr absl::string_view kColumns[] = {"address",        "score",          "last_click_time",
                                          "last_open_time", "subscribe_time", "click_count",
                                          "open_count"};

// The column's name as it is used. What the daemon would say of each line is said once here.
absl::StatusOr<std::string> ColumnName(absl::string_view heading) {
  const absl::string_view name = absl::StripAsciiWhitespace(heading);
  if (!IsUtf8(name)) {
    return absl::InvalidArgumentError("line 1: the header is not UTF-8; save the file as UTF-8");
  }
  if (absl::EqualsIgnoreCase(name, "email")) return std::string("address");
  for (const absl::string_view known : kColumns) {
    if (absl::EqualsIgnoreCase(name, known)) return std::string(known);
  }
  if (name.empty()) {
    return absl::InvalidArgumentError("line 1: a column has no name; give it one, or remove it");
  }
  for (const char c : name) {
    if (static_cast<unsigned char>(c) <= ' ') {
      return absl::InvalidArgumentError(
          absl::StrCat("line 1: the column \"", name,
                       "\" has a blank or control in its name, which no "
                       "{{variable}} can have; write it with _"));
    }
  }
  return std::string(name);
}

}  // namespace

bool RecipientFile::Line(std::string* line) {
  constexpr int kEnd = std::char_traits<char>::eof();
  line->clear();
  overlong_ = false;
  std::streambuf* const from = in_.rdbuf();
  int c = from->sbumpc();
  if (c == kEnd) return false;
  for (; c != kEnd && c != '\n'; c = from->sbumpc()) {
    ++bytes_;
    // What is longer cannot be meant, and is not kept.
    overlong_ = overlong_ || line->size() == kLongestRecord;
    if (!overlong_) *line += static_cast<char>(c);
  }
  ++bytes_;
  if (++lines_read_ == 1 && absl::StartsWith(*line, "\xef\xbb\xbf")) line->erase(0, 3);
  if (!line->empty() && line->back() == '\r') line->pop_back();
  return true;
}

bool RecipientFile::Record(std::vector<std::string>* fields, std::string* fault) {
  fields->clear();
  fault->clear();
  std::string text;
  do {
    if (!Line(&text)) return false;
    line_ = lines_read_;
  } while (text.empty());
  if (overlong_) {
    *fault = kOverlong;
    return true;
  }
  std::string field;
  bool quoted = false;
  for (size_t i = 0;; ++i) {
    if (i == text.size()) {
      if (!quoted) break;
      std::string more;
      if (!Line(&more)) {
        *fault = "a quote does not end";
        return true;
      }
      absl::StrAppend(&text, "\n", more);
      if (overlong_ || text.size() > kLongestRecord) {
        *fault = "a quote does not end within 1 MiB";
        return true;
      }
    }
    const char c = text[i];
    if (quoted) {
      if (c != '"') {
        field += c;
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        field += '"';
        ++i;
      } else {
        quoted = false;
      }
    } else if (c == '"' && field.empty()) {
      quoted = true;
    } else if (c == ',') {
      fields->push_back(std::move(field));
      field.clear();
    } else {
      field += c;
    }
  }
  fields->push_back(std::move(field));
  return true;
}

absl::Status RecipientFile::Open() {
  if (format_ == Format::kJsonLines) return absl::OkStatus();
  std::string fault;
  std::vector<std::string> headings;
  if (!Record(&headings, &fault)) {
    return absl::InvalidArgumentError("the file is empty; its first line must name the columns");
  }
  if (!fault.empty()) return absl::InvalidArgumentError(absl::StrCat("line 1: ", fault));
  bool has_address = false;
  for (const std::string& heading : headings) {
    if (headings.size() == 1 && heading.find_first_of(";\t") != std::string::npos) {
      return absl::InvalidArgumentError(
          "line 1: columns are parted by commas, not by semicolons or tabs; save the file so");
    }
    ASSIGN_OR_RETURN(const std::string column, ColumnName(heading));
    if (std::find(columns_.begin(), columns_.end(), column) != columns_.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("line 1: two columns are named ", column, "; remove one"));
    }
    has_address = has_address || column == "address";
    columns_.push_back(column);
  }
  if (has_address) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "line 1: no column is named email or address; the first line must name the columns");
}

absl::Status RecipientFile::Fill(const std::string& column, const std::string& value,
                                 v1::RecipientInput* recipient) {
  if (!IsUtf8(value)) {
    return absl::InvalidArgumentError(
        absl::StrCat(column, ": \"", value.substr(0, 60), "\" is not UTF-8"));
  }
  const auto bad = [&](absl::string_view what) {
    return absl::InvalidArgumentError(
        absl::StrCat(column, ": \"", value.substr(0, 60), "\" is no ", what));
  };
  if (column == "address") {
    recipient->set_address(value);
    return absl::OkStatus();
  }
  if (value.empty()) return absl::OkStatus();
  if (column == "score") {
    double score = 0;
    if (!absl::SimpleAtod(value, &score)) return bad("number");
    recipient->set_score(score);
  } else if (absl::EndsWith(column, "_time") &&
             (column == "last_click_time" || column == "last_open_time" ||
              column == "subscribe_time")) {
    const absl::StatusOr<absl::Time> time = ParseTime(value);
    if (!time.ok()) return bad("time; write 2026-01-31T12:00:00Z");
    v1::EngagementSignals* signals = recipient->mutable_signals();
    auto* into = column == "last_click_time"  ? signals->mutable_last_click_time()
                 : column == "last_open_time" ? signals->mutable_last_open_time()
                                              : signals->mutable_subscribe_time();
    *into = ToProto(*time);
  } else if (column == "click_count" || column == "open_count") {
    int64_t count = 0;
    if (!absl::SimpleAtoi(value, &count)) return bad("whole number");
    v1::EngagementSignals* signals = recipient->mutable_signals();
    column == "click_count" ? signals->set_click_count(count) : signals->set_open_count(count);
  } else {
    (*recipient->mutable_variables())[column] = value;
  }
  return absl::OkStatus();
}

RecipientFile::Read RecipientFile::Next(v1::RecipientInput* recipient, std::string* fault) {
  recipient->Clear();
  fault->clear();
  if (format_ == Format::kJsonLines) {
    std::string text;
    do {
      if (!Line(&text)) return Read::kEnd;
      line_ = lines_read_;
    } while (text.empty());
    if (overlong_) {
      *fault = kOverlong;
      return Read::kBroken;
    }
    const auto status = google::protobuf::util::JsonStringToMessage(text, recipient);
    if (status.ok()) return Read::kRecipient;
    *fault = absl::StrCat("no recipient in JSON: ", std::string(status.message()));
    return Read::kBroken;
  }
  std::vector<std::string> fields;
  if (!Record(&fields, fault)) return Read::kEnd;
  if (fault->empty() && fields.size() != columns_.size()) {
    *fault = absl::StrCat("has ", fields.size(), " fields; the header names ", columns_.size());
  }
  for (size_t i = 0; fault->empty() && i < fields.size(); ++i) {
    const absl::Status status = Fill(columns_[i], fields[i], recipient);
    if (!status.ok()) *fault = std::string(status.message());
  }
  return fault->empty() ? Read::kRecipient : Read::kBroken;
}

}  // namespace crescendo::cli
