// The reading half of recipients.h.
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "cmd/crescendo-sandbox/csv.h"
#include "cmd/crescendo-sandbox/recipients.h"
#include "cmd/crescendo-sandbox/timestamp.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::sandbox {
namespace {

absl::Status SetTime(const std::string& value, std::optional<absl::Time>* time) {
  if (value.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(*time, ParseTimestamp(value));
  return absl::OkStatus();
}

absl::Status SetCount(const std::string& value, int64_t* count) {
  if (value.empty() || (absl::SimpleAtoi(value, count) && *count >= 0)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("\"", value, "\" is not a count"));
}

absl::Status SetColumn(const std::string& column, const std::string& value, RecipientRow* row) {
  if (column == "email") row->email = value;
  if (column == "first_name") row->first_name = value;
  if (column == "last_open_time") return SetTime(value, &row->signals.last_open_time);
  if (column == "last_click_time") return SetTime(value, &row->signals.last_click_time);
  if (column == "subscribe_time") return SetTime(value, &row->signals.subscribe_time);
  if (column == "open_count") return SetCount(value, &row->signals.open_count);
  if (column == "click_count") return SetCount(value, &row->signals.click_count);
  return absl::OkStatus();
}

absl::StatusOr<RecipientRow> RowOf(const std::vector<std::string>& header,
                                   const std::vector<std::string>& fields) {
  if (fields.size() != header.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(fields.size(), " fields, the header has ", header.size()));
  }
  RecipientRow row;
  for (size_t i = 0; i < header.size(); ++i) {
    const absl::Status status = SetColumn(header[i], fields[i], &row);
    if (!status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(header[i], ": ", status.message()));
    }
  }
  if (row.email.empty()) return absl::InvalidArgumentError("email: required");
  return row;
}

}  // namespace

absl::StatusOr<std::vector<RecipientRow>> ParseRecipientsCsv(absl::string_view text) {
  std::vector<std::string> header;
  std::vector<RecipientRow> rows;
  for (int64_t record = 1; !text.empty(); ++record) {
    const absl::StatusOr<std::vector<std::string>> fields = TakeCsvRecord(&text);
    absl::Status status = fields.status();
    if (status.ok() && record == 1) {
      header = *fields;
      continue;
    }
    if (status.ok() && fields->size() == 1 && fields->front().empty()) continue;  // A blank line.
    if (status.ok()) {
      absl::StatusOr<RecipientRow> row = RowOf(header, *fields);
      status = row.status();
      if (row.ok()) rows.push_back(*std::move(row));
    }
    if (!status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("record ", record, ": ", status.message()));
    }
  }
  return rows;
}

}  // namespace crescendo::sandbox
