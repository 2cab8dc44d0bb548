#include "cmd/crescendo-sandbox/ledger.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "cmd/crescendo-sandbox/timestamp.h"
#include "nlohmann/json.hpp"
#include "scheduler/base/status_macros.h"

namespace crescendo::sandbox {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kReadBytes = 256 * 1024;

absl::Status ErrnoStatus(absl::string_view what, const std::string& path) {
  return absl::UnavailableError(absl::StrCat(what, " ", path, ": ", std::strerror(errno)));
}

template <class Enum>
absl::StatusOr<Enum> FromName(const std::string& name, std::initializer_list<Enum> values,
                              absl::string_view (*name_of)(Enum)) {
  for (const Enum value : values) {
    if (name_of(value) == name) return value;
  }
  return absl::InvalidArgumentError(absl::StrCat("unknown value \"", name, "\""));
}

absl::StatusOr<absl::Time> TimeField(const Json& json, const char* field) {
  absl::StatusOr<absl::Time> time = ParseTimestamp(json.at(field).get<std::string>());
  if (!time.ok()) return absl::InvalidArgumentError(absl::StrCat(field, ": not a time"));
  return time;
}

absl::StatusOr<LedgerRecord> FromJson(const Json& json) {
  LedgerRecord record;
  ASSIGN_OR_RETURN(record.kind, FromName(json.at("kind").get<std::string>(),
                                         {RecordKind::kTransaction, RecordKind::kConnection,
                                          RecordKind::kUnconfirmed},
                                         &RecordKindName));
  ASSIGN_OR_RETURN(record.outcome, FromName(json.at("outcome").get<std::string>(),
                                            {RecordOutcome::kAccepted, RecordOutcome::kTemporary,
                                             RecordOutcome::kPermanent, RecordOutcome::kDropped},
                                            &RecordOutcomeName));
  ASSIGN_OR_RETURN(record.connected, TimeField(json, "connected"));
  ASSIGN_OR_RETURN(record.start, TimeField(json, "start"));
  ASSIGN_OR_RETURN(record.end, TimeField(json, "end"));
  json.at("connection").get_to(record.connection);
  json.at("number").get_to(record.number);
  json.at("provider").get_to(record.provider);
  json.at("source_ip").get_to(record.source_ip);
  json.at("ehlo").get_to(record.ehlo_name);
  json.at("mail_from").get_to(record.mail_from);
  json.at("rcpt_to").get_to(record.rcpt_to);
  json.at("message_id").get_to(record.message_id);
  json.at("digest").get_to(record.digest);
  json.at("size").get_to(record.size);
  json.at("kept").get_to(record.kept);
  json.at("dropped_by").get_to(record.dropped_by);
  json.at("code").get_to(record.code);
  json.at("reply").get_to(record.reply);
  json.at("phase").get_to(record.phase);
  json.at("tls").get_to(record.tls);
  return record;
}

// Cuts what stands behind the last newline: a line that a kill tore.
absl::Status CutTornLine(int fd, const std::string& path) {
  off_t end = lseek(fd, 0, SEEK_END);
  if (end < 0) return ErrnoStatus("cannot read", path);
  off_t keep = end;
  char byte = '\n';
  while (keep > 0) {
    if (pread(fd, &byte, 1, keep - 1) != 1) return ErrnoStatus("cannot read", path);
    if (byte == '\n') break;
    --keep;
  }
  if (keep != end && ftruncate(fd, keep) != 0) return ErrnoStatus("cannot cut", path);
  return absl::OkStatus();
}

}  // namespace

absl::string_view RecordKindName(RecordKind kind) {
  switch (kind) {
    case RecordKind::kTransaction:
      return "transaction";
    case RecordKind::kConnection:
      return "connection";
    case RecordKind::kUnconfirmed:
      return "unconfirmed";
  }
  return "?";
}

absl::string_view RecordOutcomeName(RecordOutcome outcome) {
  switch (outcome) {
    case RecordOutcome::kAccepted:
      return "accepted";
    case RecordOutcome::kTemporary:
      return "temporary";
    case RecordOutcome::kPermanent:
      return "permanent";
    case RecordOutcome::kDropped:
      return "dropped";
  }
  return "?";
}

bool LedgerRecord::in_doubt() const {
  if (kind == RecordKind::kUnconfirmed) return true;
  return kind == RecordKind::kTransaction && outcome == RecordOutcome::kDropped &&
         phase == kPhaseEndOfData;
}

std::string ToJsonLine(const LedgerRecord& record) {
  const auto text = [](absl::string_view s) { return std::string(s); };
  const Json json = {
      {"kind", text(RecordKindName(record.kind))},
      {"start", FormatTimestamp(record.start)},
      {"end", FormatTimestamp(record.end)},
      {"provider", record.provider},
      {"source_ip", record.source_ip},
      {"ehlo", record.ehlo_name},
      {"mail_from", record.mail_from},
      {"rcpt_to", record.rcpt_to},
      {"outcome", text(RecordOutcomeName(record.outcome))},
      {"code", record.code},
      {"reply", record.reply},
      {"phase", record.phase},
      {"message_id", record.message_id},
      {"size", record.size},
      {"digest", record.digest},
      {"kept", record.kept},
      {"dropped_by", record.dropped_by},
      {"tls", record.tls},
      {"connection", record.connection},
      {"number", record.number},
      {"connected", FormatTimestamp(record.connected)},
  };
  // A sender may put any bytes into its commands; the ledger stays valid UTF-8.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

absl::StatusOr<LedgerRecord> ParseLedgerLine(absl::string_view line) {
  try {
    return FromJson(Json::parse(line.begin(), line.end()));
  } catch (const Json::exception& error) {
    return absl::InvalidArgumentError(error.what());
  }
}

absl::StatusOr<std::unique_ptr<Ledger>> Ledger::Open(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return ErrnoStatus("cannot open the ledger", path);
  std::unique_ptr<Ledger> ledger(new Ledger(fd));
  RETURN_IF_ERROR(CutTornLine(fd, path));
  return ledger;
}

Ledger::~Ledger() { close(fd_); }

absl::Status Ledger::Append(absl::Span<const LedgerRecord> records) {
  std::string line;
  for (const LedgerRecord& record : records) line += ToJsonLine(record);
  const off_t before = lseek(fd_, 0, SEEK_END);
  ssize_t written;
  do {
    written = write(fd_, line.data(), line.size());
  } while (written < 0 && errno == EINTR);
  if (written == static_cast<ssize_t>(line.size())) return absl::OkStatus();
  const std::string fault = written < 0 ? std::strerror(errno) : "disk full";
  if (written > 0 && ftruncate(fd_, before) != 0) {
    return absl::DataLossError(absl::StrCat("ledger: torn line: ", std::strerror(errno)));
  }
  return absl::ResourceExhaustedError(absl::StrCat("ledger: ", fault));
}

absl::StatusOr<std::unique_ptr<LedgerReader>> LedgerReader::Open(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus("cannot open the ledger", path);
  return std::unique_ptr<LedgerReader>(new LedgerReader(fd));
}

LedgerReader::~LedgerReader() { close(fd_); }

absl::StatusOr<std::optional<LedgerRecord>> LedgerReader::Next() {
  size_t newline;
  while ((newline = buffer_.find('\n', taken_)) == std::string::npos) {
    buffer_.erase(0, taken_);
    taken_ = 0;
    const size_t old_size = buffer_.size();
    buffer_.resize(old_size + kReadBytes);
    ssize_t got;
    do {
      got = read(fd_, buffer_.data() + old_size, kReadBytes);
    } while (got < 0 && errno == EINTR);
    buffer_.resize(old_size + (got > 0 ? static_cast<size_t>(got) : 0));
    if (got < 0) return absl::UnavailableError(absl::StrCat("ledger: ", std::strerror(errno)));
    if (got == 0) return std::optional<LedgerRecord>();
  }
  ++line_;
  const absl::string_view line(buffer_.data() + taken_, newline - taken_);
  taken_ = newline + 1;
  absl::StatusOr<LedgerRecord> record = ParseLedgerLine(line);
  if (record.ok()) return std::optional<LedgerRecord>(*std::move(record));
  return absl::DataLossError(absl::StrCat("ledger line ", line_, ": ", record.status().message()));
}

absl::StatusOr<std::vector<LedgerRecord>> ReadLedger(const std::string& path) {
  ASSIGN_OR_RETURN(const std::unique_ptr<LedgerReader> reader, LedgerReader::Open(path));
  std::vector<LedgerRecord> records;
  while (true) {
    ASSIGN_OR_RETURN(std::optional<LedgerRecord> record, reader->Next());
    if (!record.has_value()) return records;
    records.push_back(*std::move(record));
  }
}

}  // namespace crescendo::sandbox
