#include "cmd/crescendo/import.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cmd/crescendo/names.h"
#include "cmd/crescendo/printable.h"
#include "cmd/crescendo/recipient_file.h"
#include "cmd/crescendo/retry.h"
#include "cmd/crescendo/table.h"
#include "cmd/crescendo/time_text.h"
#include "crescendo/v1/campaign.grpc.pb.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::cli {
namespace {

struct Totals {
  int64_t lines = 0, added = 0, duplicates = 0, suppressed = 0, rejected = 0;
};

// A chunk with the line each of its recipients stands on.
struct Chunk {
  v1::ImportRecipientsRequest::Chunk proto;
  std::vector<int64_t> lines;
};

// The same file gets the same id, so that running the command again goes on.
std::string DefaultImportId(const std::string& file, uintmax_t size) {
  std::string id;
  for (const char c : std::filesystem::path(file).stem().string()) {
    const char lower = absl::ascii_tolower(static_cast<unsigned char>(c));
    id += absl::ascii_isalnum(static_cast<unsigned char>(lower)) ? lower : '-';
  }
  id = absl::StrCat(id.substr(0, 40), "-", size);
  while (!id.empty() && id.front() == '-') id.erase(0, 1);
  return id;
}

class Import {
 public:
  Import(const ImportOptions& options, Context& context, std::string campaign)
      : options_(options), context_(context), campaign_(std::move(campaign)) {}

  absl::Status Run();

 private:
  absl::Status Session(Retry& retry, bool* finished);
  absl::StatusOr<int64_t> LastChunk();
  absl::Status ReadChunk(RecipientFile& file, Chunk* chunk, bool report);
  void Take(const v1::ImportRecipientsResponse& response, const Chunk& chunk);
  void Broken(int64_t line, absl::string_view fault);
  void ShowProgress(bool last);
  absl::Status Explained(absl::Status status, const Chunk& chunk) const;

  const ImportOptions& options_;
  Context& context_;
  const std::string campaign_;
  std::string import_id_;
  uintmax_t size_ = 0;
  int64_t bytes_ = 0;
  int64_t reported_until_ = 0;  // Broken lines up to here have been reported.
  Totals totals_;
  absl::Duration started_, shown_;
};

absl::StatusOr<int64_t> Import::LastChunk() {
  if (options_.dry_run) return 0;
  v1::GetImportRequest request;
  ASSIGN_OR_RETURN(*request.mutable_name(), ImportName(options_.campaign, import_id_));
  ASSIGN_OR_RETURN(const v1::Import import,
                   context_.client.Call(&v1::CampaignService::Stub::GetImport, request));
  return import.last_chunk();
}

void Import::Broken(int64_t line, absl::string_view fault) {
  if (line <= reported_until_) return;
  reported_until_ = line;
  ++totals_.rejected;
  context_.streams.err << (context_.streams.err_is_terminal ? "\r\x1b[K" : "") << "line " << line
                       << ": " << OneLine(fault) << "\n";
}

absl::Status Import::ReadChunk(RecipientFile& file, Chunk* chunk, bool report) {
  chunk->proto.clear_recipients();
  chunk->lines.clear();
  std::string fault;
  while (chunk->proto.recipients_size() < options_.chunk_size) {
    v1::RecipientInput recipient;
    const RecipientFile::Read read = file.Next(&recipient, &fault);
    if (read == RecipientFile::Read::kEnd) break;
    if (read == RecipientFile::Read::kBroken) {
      if (!options_.skip_invalid) {
        return absl::InvalidArgumentError(
            absl::StrCat("line ", file.line(), " ", fault,
                         "; mend it and run this again, or give --skip-invalid"));
      }
      if (report) Broken(file.line(), fault);
      continue;
    }
    *chunk->proto.add_recipients() = std::move(recipient);
    chunk->lines.push_back(file.line());
  }
  return absl::OkStatus();
}

void Import::Take(const v1::ImportRecipientsResponse& response, const Chunk& chunk) {
  totals_.lines += chunk.proto.recipients_size();
  totals_.added += response.added();
  totals_.duplicates += response.duplicates();
  totals_.suppressed += response.suppressed();
  for (const auto& rejected : response.rejected()) {
    if (rejected.index() >= 0 && rejected.index() < static_cast<int>(chunk.lines.size())) {
      Broken(chunk.lines[rejected.index()], rejected.fault());
    }
  }
}

void Import::ShowProgress(bool last) {
  const absl::Duration now = context_.clock.Now().steady;
  const absl::Duration every =
      context_.streams.err_is_terminal ? absl::Milliseconds(100) : absl::Seconds(5);
  if (context_.options.json || (!last && now - shown_ < every)) return;
  shown_ = now;
  const double seconds = std::max(absl::ToDoubleSeconds(now - started_), 0.001);
  const double part =
      size_ > 0 ? std::min(1.0, static_cast<double>(bytes_) / static_cast<double>(size_)) : 1;
  const std::string eta =
      part > 0 && part < 1
          ? absl::StrCat(", ", DurationText(absl::Seconds(seconds / part - seconds)), " left")
          : "";
  const std::string line = absl::StrFormat(
      "%s rows, %s/s%s", CountText(totals_.lines),
      CountText(static_cast<int64_t>(static_cast<double>(totals_.lines) / seconds)), eta);
  if (context_.streams.err_is_terminal) {
    context_.streams.err << "\r" << Bar(context_.streams, part, 30) << " " << line << "\x1b[K"
                         << (last ? "\n" : "");
  } else {
    context_.streams.err << absl::StrFormat("%3.0f %% ", part * 100) << line << "\n";
  }
}

absl::Status Import::Explained(absl::Status status, const Chunk& chunk) const {
  if (chunk.lines.empty()) return status;
  return absl::Status(status.code(),
                      absl::StrCat(status.message(), " (lines ", chunk.lines.front(), " to ",
                                   chunk.lines.back(), " of ", options_.file, ")"));
}

absl::Status Import::Session(Retry& retry, bool* finished) {
  ASSIGN_OR_RETURN(const int64_t done, LastChunk());
  std::ifstream in(options_.file, std::ios::binary);
  if (!in) return absl::NotFoundError(absl::StrCat(options_.file, " cannot be opened"));
  const bool json = options_.format == "jsonl" ||
                    (options_.format.empty() && (absl::EndsWith(options_.file, ".jsonl") ||
                                                 absl::EndsWith(options_.file, ".ndjson")));
  RecipientFile file(&in, json ? RecipientFile::Format::kJsonLines : RecipientFile::Format::kCsv);
  RETURN_IF_ERROR(file.Open());

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
  Chunk chunk;
  bool open = stream->Write(request);
  for (int64_t number = 1; open; ++number) {
    const bool skipped = number <= done;
    const absl::Status read = ReadChunk(file, &chunk, !skipped);
    if (!read.ok()) {
      call.TryCancel();
      (void)stream->Finish();
      return read;
    }
    bytes_ = file.bytes();
    if (chunk.proto.recipients_size() == 0) break;
    if (skipped) continue;
    chunk.proto.set_number(number);
    *request.mutable_chunk() = chunk.proto;
    v1::ImportRecipientsResponse response;
    open = stream->Write(request) && stream->Read(&response);
    if (!open) break;
    Take(response, chunk);
    retry.Heard();
    ShowProgress(false);
  }
  stream->WritesDone();
  const absl::Status status = FromGrpc(stream->Finish());
  if (!status.ok()) return IsTransient(status) ? status : Explained(status, chunk);
  *finished = true;
  return absl::OkStatus();
}

absl::Status Import::Run() {
  std::error_code error;
  size_ = std::filesystem::file_size(options_.file, error);
  if (error) return absl::NotFoundError(absl::StrCat(options_.file, ": ", error.message()));
  import_id_ =
      options_.import_id.empty() ? DefaultImportId(options_.file, size_) : options_.import_id;
  started_ = shown_ = context_.clock.Now().steady;
  Retry retry(context_);
  bool finished = false;
  while (!finished) {
    const absl::Status status = Session(retry, &finished);
    if (status.ok()) break;
    if (!retry.Wait(status)) {
      context_.streams.err
          << "\nwhat was acknowledged is stored; run the same command again to go on\n";
      return status;
    }
    context_.streams.err << "\ncut off (" << OneLine(status.message()) << "); going on\n";
  }
  ShowProgress(true);
  if (context_.options.json) {
    context_.streams.out << absl::StrFormat(
        "{\"import\":\"%s\",\"added\":%d,\"duplicates\":%d,\"suppressed\":%d,\"rejected\":%d}\n",
        import_id_, totals_.added, totals_.duplicates, totals_.suppressed, totals_.rejected);
    return absl::OkStatus();
  }
  Card card;
  card.Add("IMPORT",
           absl::StrCat(import_id_, options_.dry_run ? " (dry run: nothing was stored)" : ""));
  card.Add("ADDED", CountText(totals_.added));
  card.Add("DUPLICATES", CountText(totals_.duplicates));
  card.Add("SUPPRESSED", CountText(totals_.suppressed));
  card.Add("REJECTED", CountText(totals_.rejected));
  card.Print(context_.streams);
  return absl::OkStatus();
}

}  // namespace

absl::Status ImportFile(const ImportOptions& options, Context& context) {
  ASSIGN_OR_RETURN(std::string campaign, CampaignName(options.campaign));
  return Import(options, context, std::move(campaign)).Run();
}

}  // namespace crescendo::cli
