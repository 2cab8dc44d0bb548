#include "cmd/crescendo/recipient_file.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "cmd/crescendo/time_text.h"

namespace crescendo::cli {
namespace {

// Columns that are not {{variables}}.
constexpr absl::string_view kColumns[] = {"score",          "last_click_time", "last_open_time",
                                          "subscribe_time", "click_count",     "open_count"};

// The column's name as it is used. What the daemon would say of each line is said once here.
absl::StatusOr<std::string> ColumnName(absl::string_view name) {
  for (const absl::string_view known : kColumns) {
    if (absl::EqualsIgnoreCase(name, known)) return std::string(known);
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

absl::Status Fill(const std::string& column, const std::string& value,
                  v1::RecipientInput* recipient) {
  const auto bad = [&](absl::string_view what) { return BadValue(column, value, what); };
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

}  // namespace

absl::Status RecipientFile::Open() { return file_.Open(ColumnName); }

RecordFile::Read RecipientFile::Next(v1::RecipientInput* recipient, std::string* fault) {
  return file_.Next(
      recipient,
      [recipient](const std::string& column, const std::string& value) {
        return Fill(column, value, recipient);
      },
      fault);
}

}  // namespace crescendo::cli
