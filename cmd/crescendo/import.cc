#include "cmd/crescendo/import.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "cmd/crescendo/failure.h"
#include "cmd/crescendo/names.h"
#include "cmd/crescendo/printable.h"
#include "cmd/crescendo/progress.h"
#include "cmd/crescendo/recipient_file.h"
#include "cmd/crescendo/retry.h"
#include "cmd/crescendo/table.h"
#include "cmd/crescendo/time_text.h"
#include "crescendo/v1/campaign.grpc.pb.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::cli {
namespace {

// The daemon takes 4 MiB in one chunk.
constexpr size_t kChunkBytes = 1 << 20;

struct Totals {
  int64_t stored_before = 0, lines = 0, added = 0, duplicates = 0, suppressed = 0, rejected = 0,
          updated = 0;
};

// Recipients as they are sent, the line each stands on, and the lines between that cannot be sent.
struct Chunk {
  v1::ImportRecipientsRequest::Chunk proto;
  std::vector<int64_t> lines;
  std::map<int64_t, std::string> broken;
};

// The same content, cut the same way and meant the same way, gets the same id, so that running the
// command again goes on; a file that was changed gets another.
std::string DefaultImportId(const ImportOptions& options) {
  std::string id;
  for (const char c : std::filesystem::path(options.file).stem().string()) {
    const char lower = absl::ascii_tolower(static_cast<unsigned char>(c));
    id += absl::ascii_isalnum(static_cast<unsigned char>(lower)) ? lower : '-';
  }
  uint64_t hash = 0xcbf29ce484222325u ^ static_cast<uint64_t>(options.chunk_size);  // FNV-1a.
  if (options.update_scores) hash = ~hash;
  std::ifstream in(options.file, std::ios::binary);
  char bytes[1 << 16];
  while (in.read(bytes, sizeof(bytes)) || in.gcount() > 0) {
    for (std::streamsize i = 0; i < in.gcount(); ++i) {
      hash = (hash ^ static_cast<unsigned char>(bytes[i])) * 0x100000001b3u;
    }
  }
  id = absl::StrCat(id.substr(0, 40), "-", absl::Hex(hash, absl::kZeroPad16));
  return id.substr(std::min(id.find_first_not_of('-'), id.size()));
}

class Import {
 public:
  Import(const ImportOptions& options, Context& context, std::string campaign)
      : options_(options), context_(context), campaign_(std::move(campaign)) {}

  absl::Status Run();

 private:
  absl::Status Session(Retry& retry, bool* finished);
  absl::StatusOr<int64_t> LastChunk();
  absl::Status ReadChunk(RecipientFile& file, Chunk* chunk);
  void Take(const v1::ImportRecipientsResponse& response, Chunk* chunk);
  void Report(const Chunk& chunk);
  absl::Status Explained(absl::Status status, const Chunk& chunk) const;

  const ImportOptions& options_;
  Context& context_;
  const std::string campaign_;
  std::string import_id_;
  int64_t bytes_ = 0;
  std::optional<int64_t> done_;  // Chunks that are stored and need not be sent; unset: ask.
  Totals totals_;
  std::optional<Progress> progress_;
};

absl::StatusOr<int64_t> Import::LastChunk() {
  if (options_.dry_run) return 0;
  v1::GetImportRequest request;
  ASSIGN_OR_RETURN(*request.mutable_name(), ImportName(options_.campaign, import_id_));
  ASSIGN_OR_RETURN(const v1::Import import,
                   context_.client.Call(&v1::CampaignService::Stub::GetImport, request));
  return import.last_chunk();
}

void Import::Report(const Chunk& chunk) {
  if (!chunk.broken.empty()) progress_->Clear();
  for (const auto& [line, fault] : chunk.broken) {
    context_.streams.err << "line " << line << ": " << OneLine(fault) << "\n";
  }
  totals_.rejected += static_cast<int64_t>(chunk.broken.size());
}

absl::Status Import::ReadChunk(RecipientFile& file, Chunk* chunk) {
  chunk->proto.clear_recipients();
  chunk->lines.clear();
  chunk->broken.clear();
  std::string fault;
  size_t bytes = 0;
  while (chunk->proto.recipients_size() < options_.chunk_size && bytes < kChunkBytes) {
    v1::RecipientInput recipient;
    const RecordFile::Read read = file.Next(&recipient, &fault);
    if (read == RecordFile::Read::kEnd) break;
    if (read == RecordFile::Read::kBroken) {
      if (!options_.skip_invalid) {
        return absl::InvalidArgumentError(
            absl::StrCat("line ", file.line(), ": ", fault,
                         "; mend it and run this again, or give --skip-invalid"));
      }
      chunk->broken.emplace(file.line(), std::move(fault));
      continue;
    }
    bytes += recipient.ByteSizeLong();
    *chunk->proto.add_recipients() = std::move(recipient);
    chunk->lines.push_back(file.line());
  }
  return absl::OkStatus();
}

void Import::Take(const v1::ImportRecipientsResponse& response, Chunk* chunk) {
  done_ = response.number();
  totals_.lines += chunk->proto.recipients_size();
  totals_.added += response.added();
  totals_.duplicates += response.duplicates();
  totals_.suppressed += response.suppressed();
  totals_.updated += response.updated();
  for (const auto& rejected : response.rejected()) {
    if (rejected.index() >= 0 && rejected.index() < static_cast<int>(chunk->lines.size())) {
      chunk->broken.emplace(chunk->lines[rejected.index()], rejected.fault());
    }
  }
  Report(*chunk);
}

// "chunk 3: recipients[17]: score is 2; …" -> "line 1018: score is 2; …".
absl::Status Import::Explained(absl::Status status, const Chunk& chunk) const {
  if (status.code() != absl::StatusCode::kInvalidArgument) return status;
  const absl::string_view message = status.message();
  constexpr absl::string_view kEntry = "recipients[";
  const size_t entry = message.find(kEntry);
  const size_t end = message.find("]: ", entry);
  size_t index = 0;
  if (entry == absl::string_view::npos || end == absl::string_view::npos ||
      !absl::SimpleAtoi(message.substr(entry + kEntry.size(), end - entry - kEntry.size()),
                        &index) ||
      index >= chunk.lines.size()) {
    return status;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "line ", chunk.lines[index], ": ", absl::StripPrefix(message.substr(end + 2), " "),
      "; mend it and run this again, or give --skip-invalid"));
}

absl::Status Import::Session(Retry& retry, bool* finished) {
  const bool first = !done_.has_value();
  if (first) {
    ASSIGN_OR_RETURN(done_, LastChunk());
  }
  std::ifstream in(options_.file, std::ios::binary);
  RecipientFile file(&in, RecordFile::FormatOf(options_.file, options_.format));
  RETURN_IF_ERROR(file.Open());
  bytes_ = 0;

  grpc::ClientContext call;
  context_.client.Prepare(&call);
  const Interrupt::Guard guard(&context_.client.interrupt(), &call);
  v1::CampaignService::Stub stub(context_.client.channel());
  const auto stream = stub.ImportRecipients(&call);
  v1::ImportRecipientsRequest request;
  auto* header = request.mutable_header();
  header->set_campaign(campaign_);
  header->set_import_id(import_id_);
  header->set_skip_invalid(options_.skip_invalid);
  header->set_validate_only(options_.dry_run);
  header->set_update_scores(options_.update_scores);
  Chunk chunk;
  bool open = stream->Write(request);
  for (int64_t number = 1; open; ++number) {
    const absl::Status read = ReadChunk(file, &chunk);
    if (!read.ok()) {
      call.TryCancel();
      (void)stream->Finish();
      return read;
    }
    bytes_ = file.bytes();
    if (chunk.proto.recipients_size() == 0) {
      Report(chunk);  // What is broken behind the last recipient.
      break;
    }
    if (number <= *done_) {
      if (first) totals_.stored_before += chunk.proto.recipients_size();
      continue;
    }
    chunk.proto.set_number(number);
    *request.mutable_chunk() = chunk.proto;
    v1::ImportRecipientsResponse response;
    open = stream->Write(request) && stream->Read(&response);
    if (!open) break;
    Take(response, &chunk);
    retry.Heard();
    progress_->Show(totals_.lines, bytes_, /*last=*/false);
  }
  stream->WritesDone();
  const absl::Status status = context_.client.Outcome(stream->Finish());
  if (!status.ok()) return IsTransient(status) ? status : Explained(status, chunk);
  *finished = true;
  return absl::OkStatus();
}

absl::Status Import::Run() {
  RETURN_IF_ERROR(CheckFile("", options_.file));
  std::error_code error;
  progress_.emplace(context_, std::filesystem::file_size(options_.file, error));
  import_id_ = options_.import_id.empty() ? DefaultImportId(options_) : options_.import_id;
  Retry retry(context_);
  bool finished = false;
  while (!finished) {
    const absl::Status status = Session(retry, &finished);
    if (status.ok()) break;
    progress_->Clear();
    const absl::Duration pause = retry.pause();
    // A daemon that was not there from the start is not waited for.
    const bool reached = totals_.lines > 0 || (done_.has_value() && !options_.dry_run);
    if (IsTransient(status) && reached) {
      context_.streams.err << "cut off: " << OneLine(status.message()) << "; trying again in "
                           << absl::FormatDuration(pause) << "\n";
    }
    if (reached && retry.Wait(status)) continue;
    if (totals_.lines + totals_.stored_before > 0 && !options_.dry_run) {
      context_.streams.err << CountText(totals_.lines + totals_.stored_before)
                           << " rows are stored; the same command goes on behind them\n";
    }
    return status;
  }
  progress_->Show(totals_.lines, bytes_, /*last=*/true);
  if (context_.options.json) {
    context_.streams.out << absl::StrFormat(
        "{\"import\":\"%s\",\"stored_before\":%d,\"added\":%d,\"updated\":%d,\"duplicates\":%d,"
        "\"suppressed\":%d,\"rejected\":%d}\n",
        import_id_, totals_.stored_before, totals_.added, totals_.updated, totals_.duplicates,
        totals_.suppressed, totals_.rejected);
    return absl::OkStatus();
  }
  Card card;
  card.Add("IMPORT",
           absl::StrCat(import_id_, options_.dry_run ? " (dry run: nothing was stored)" : ""));
  if (totals_.stored_before > 0) {
    card.Add("BEFORE", absl::StrCat(CountText(totals_.stored_before),
                                    " rows, by an earlier run of this import"));
  }
  card.Add("ADDED", CountText(totals_.added));
  if (options_.update_scores) card.Add("UPDATED", CountText(totals_.updated));
  card.Add("DUPLICATES", CountText(totals_.duplicates));
  card.Add("SUPPRESSED", CountText(totals_.suppressed));
  card.Add("REJECTED", CountText(totals_.rejected));
  card.Print(context_.streams);
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckFile(absl::string_view option, const std::string& path) {
  std::error_code error;
  const auto kind = std::filesystem::status(path, error).type();
  const char* fault = kind == std::filesystem::file_type::not_found   ? "no such file"
                      : kind == std::filesystem::file_type::directory ? "is a folder; name a file"
                      : kind != std::filesystem::file_type::regular
                          ? "is not a regular file; save the data to a file first"
                      : !std::ifstream(path) ? "cannot be read; see its permissions"
                                             : nullptr;
  if (fault == nullptr) return absl::OkStatus();
  return UsageError(absl::StrCat(option, "\"", OneLine(path), "\": ", fault));
}

absl::Status ImportFile(const ImportOptions& options, Context& context) {
  ASSIGN_OR_RETURN(std::string campaign, CampaignName(options.campaign));
  return Import(options, context, std::move(campaign)).Run();
}

}  // namespace crescendo::cli
