#include "cmd/crescendo/record_file.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cmd/crescendo/printable.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::cli {
namespace {

// A quote that never ends would otherwise swallow the rest of the file.
constexpr size_t kLongestRecord = 1 << 20;
constexpr char kOverlong[] = "is longer than 1 MiB";

}  // namespace

RecordFile::Format RecordFile::FormatOf(absl::string_view file, absl::string_view given) {
  const bool json =
      given == "jsonl" ||
      (given.empty() && (absl::EndsWith(file, ".jsonl") || absl::EndsWith(file, ".ndjson")));
  return json ? Format::kJsonLines : Format::kCsv;
}

absl::Status BadValue(absl::string_view column, absl::string_view value, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(column, ": \"", value.substr(0, 60), "\" is no ", what));
}

bool RecordFile::Line(std::string* line) {
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

bool RecordFile::Record(std::vector<std::string>* fields, std::string* fault) {
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

absl::Status RecordFile::Open(ColumnName column_name) {
  if (format_ == Format::kJsonLines) return absl::OkStatus();
  std::string fault;
  std::vector<std::string> headings;
  if (!Record(&headings, &fault)) {
    return absl::InvalidArgumentError("the file is empty; its first line must name the columns");
  }
  if (!fault.empty()) return absl::InvalidArgumentError(absl::StrCat("line 1: ", fault));
  for (const std::string& heading : headings) {
    if (headings.size() == 1 && heading.find_first_of(";\t") != std::string::npos) {
      return absl::InvalidArgumentError(
          "line 1: columns are parted by commas, not by semicolons or tabs; save the file so");
    }
    const absl::string_view name = absl::StripAsciiWhitespace(heading);
    if (!IsUtf8(name)) {
      return absl::InvalidArgumentError("line 1: the header is not UTF-8; save the file as UTF-8");
    }
    if (name.empty()) {
      return absl::InvalidArgumentError("line 1: a column has no name; give it one, or remove it");
    }
    std::string column = "address";
    if (!absl::EqualsIgnoreCase(name, "email") && !absl::EqualsIgnoreCase(name, "address")) {
      ASSIGN_OR_RETURN(column, column_name(name));
    }
    if (HasColumn(column)) {
      return absl::InvalidArgumentError(
          absl::StrCat("line 1: two columns are named ", column, "; remove one"));
    }
    columns_.push_back(std::move(column));
  }
  if (HasColumn("address")) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "line 1: no column is named email or address; the first line must name the columns");
}

bool RecordFile::HasColumn(absl::string_view column) const {
  return std::find(columns_.begin(), columns_.end(), column) != columns_.end();
}

RecordFile::Read RecordFile::NextJson(google::protobuf::Message* record, std::string* fault) {
  std::string text;
  do {
    if (!Line(&text)) return Read::kEnd;
    line_ = lines_read_;
  } while (text.empty());
  if (overlong_) {
    *fault = kOverlong;
    return Read::kBroken;
  }
  const auto status = google::protobuf::util::JsonStringToMessage(text, record);
  if (status.ok()) return Read::kRecord;
  *fault = absl::StrCat("no ", noun_, " in JSON: ", std::string(status.message()));
  return Read::kBroken;
}

RecordFile::Read RecordFile::Next(google::protobuf::Message* record, Fill fill,
                                  std::string* fault) {
  record->Clear();
  fault->clear();
  if (format_ == Format::kJsonLines) return NextJson(record, fault);
  std::vector<std::string> fields;
  if (!Record(&fields, fault)) return Read::kEnd;
  if (fault->empty() && fields.size() != columns_.size()) {
    *fault = absl::StrCat("has ", fields.size(), " fields; the header names ", columns_.size());
  }
  for (size_t i = 0; fault->empty() && i < fields.size(); ++i) {
    const absl::Status status =
        IsUtf8(fields[i]) ? fill(columns_[i], fields[i])
                          : absl::InvalidArgumentError(absl::StrCat(
                                columns_[i], ": \"", fields[i].substr(0, 60), "\" is not UTF-8"));
    if (!status.ok()) *fault = std::string(status.message());
  }
  return fault->empty() ? Read::kRecord : Read::kBroken;
}

}  // namespace crescendo::cli
