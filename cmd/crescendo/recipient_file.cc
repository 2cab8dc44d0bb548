#include "cmd/crescendo/recipient_file.h"

#include <google/protobuf/util/json_util.h>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "cmd/crescendo/time_text.h"

namespace crescendo::cli {
namespace {

// A quote that never ends would otherwise swallow the rest of the file.
constexpr size_t kLongestRecord = 1 << 20;

}  // namespace

bool RecipientFile::Line(std::string* line) {
  if (!std::getline(in_, *line)) return false;
  bytes_ += static_cast<int64_t>(line->size()) + 1;
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
      if (text.size() > kLongestRecord) {
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
  if (!Record(&columns_, &fault) || !fault.empty()) {
    return absl::InvalidArgumentError("the file is empty; its first line must name the columns");
  }
  for (std::string& column : columns_) {
    column = std::string(absl::StripAsciiWhitespace(column));
    if (absl::EqualsIgnoreCase(column, "email")) column = "address";
    if (column == "address") return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "line 1: no column is named email or address; the first line must name the columns");
}

absl::Status RecipientFile::Fill(const std::string& column, const std::string& value,
                                 v1::RecipientInput* recipient) {
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
