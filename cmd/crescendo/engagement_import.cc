#include "cmd/crescendo/engagement_import.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cmd/crescendo/failure.h"
#include "cmd/crescendo/import.h"
#include "cmd/crescendo/printable.h"
#include "cmd/crescendo/progress.h"
#include "cmd/crescendo/record_file.h"
#include "cmd/crescendo/retry.h"
#include "cmd/crescendo/table.h"
#include "cmd/crescendo/time_text.h"
#include "crescendo/v1/engagement.grpc.pb.h"
#include "scheduler/base/status_macros.h"

namespace crescendo::cli {
namespace {

constexpr int64_t kLargestBatch = 10'000;

absl::StatusOr<std::string> ColumnName(absl::string_view name) {
  for (const absl::string_view known : {"kind", "time", "event_id"}) {
    if (absl::EqualsIgnoreCase(name, known)) return std::string(known);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("line 1: the column \"", name,
                   "\" is not known: want email, kind, time, and event_id if there is one"));
}

absl::Status Fill(const std::string& column, const std::string& value, v1::EngagementEvent* event) {
  if (column == "address") {
    event->set_address(value);
  } else if (column == "event_id") {
    event->set_event_id(value);
  } else if (column == "time") {
    const absl::StatusOr<absl::Time> time = ParseTime(value);
    if (!time.ok()) return BadValue(column, value, "time; write 2026-01-31T12:00:00Z");
    *event->mutable_time() = ToProto(*time);
  } else {
    v1::EngagementEvent::Kind kind = v1::EngagementEvent::KIND_UNSPECIFIED;
    if (!v1::EngagementEvent::Kind_Parse(absl::AsciiStrToUpper(value), &kind) ||
        kind == v1::EngagementEvent::KIND_UNSPECIFIED) {
      return BadValue(column, value, "kind; write click, open or machine_open");
    }
    event->set_kind(kind);
  }
  return absl::OkStatus();
}

// Events as they are sent, the line each stands on, and the lines that cannot be taken.
struct Batch {
  v1::RecordEngagementRequest request;
  std::vector<int64_t> lines;
  std::map<int64_t, std::string> broken;
};

// False: that was the end of the file.
bool Read(RecordFile& file, int64_t size, Batch* batch) {
  batch->request.clear_events();
  batch->lines.clear();
  batch->broken.clear();
  std::string fault;
  while (std::ssize(batch->lines) < size && std::ssize(batch->broken) < size) {
    v1::EngagementEvent event;
    const auto fill = [&event](const std::string& column, const std::string& value) {
      return Fill(column, value, &event);
    };
    const RecordFile::Read read = file.Next(&event, fill, &fault);
    if (read == RecordFile::Read::kEnd) return false;
    if (read == RecordFile::Read::kBroken) {
      batch->broken.emplace(file.line(), std::move(fault));
      continue;
    }
    *batch->request.add_events() = std::move(event);
    batch->lines.push_back(file.line());
  }
  return true;
}

struct Totals {
  int64_t recorded = 0, repeated = 0, reranked = 0, rejected = 0;
  int64_t lines() const { return recorded + repeated + rejected; }
};

// Again after a cut: what was recorded does not count twice.
absl::StatusOr<v1::RecordEngagementResponse> Send(const v1::RecordEngagementRequest& request,
                                                  bool first, Context& context) {
  Retry retry(context);
  while (true) {
    auto response = context.client.Call(&v1::EngagementService::Stub::RecordEngagement, request);
    // A daemon that was not there from the start is not waited for.
    if (response.ok() || first || !IsTransient(response.status())) return response;
    context.streams.err << "cut off: " << OneLine(response.status().message())
                        << "; trying again in " << absl::FormatDuration(retry.pause()) << "\n";
    if (!retry.Wait(response.status())) return response;
  }
}

void Print(const Totals& totals, bool dry_run, Context& context) {
  if (context.options.json) {
    context.streams.out << absl::StrFormat(
        "{\"recorded\":%d,\"repeated\":%d,\"reranked\":%d,\"rejected\":%d}\n", totals.recorded,
        totals.repeated, totals.reranked, totals.rejected);
    return;
  }
  Card card;
  card.Add("RECORDED", absl::StrCat(CountText(totals.recorded),
                                    dry_run ? " (dry run: nothing was stored)" : ""));
  card.Add("REPEATED", CountText(totals.repeated));
  card.Add("RERANKED", CountText(totals.reranked));
  card.Add("REJECTED", CountText(totals.rejected));
  card.Print(context.streams);
}

}  // namespace

absl::Status ImportEngagement(const EngagementImportOptions& options, Context& context) {
  RETURN_IF_ERROR(CheckFile("", options.file));
  std::error_code error;
  Progress progress(context, std::filesystem::file_size(options.file, error));
  std::ifstream in(options.file, std::ios::binary);
  const RecordFile::Format format = RecordFile::FormatOf(options.file, options.format);
  RecordFile file(&in, format, "event of engagement");
  RETURN_IF_ERROR(file.Open(ColumnName));
  for (const char* column : {"kind", "time"}) {
    if (format == RecordFile::Format::kJsonLines || file.HasColumn(column)) continue;
    return absl::InvalidArgumentError(absl::StrCat("line 1: no column is named ", column,
                                                   "; the first line must name email, ",
                                                   "kind and time"));
  }
  Totals totals;
  Batch batch;
  batch.request.set_validate_only(options.dry_run);
  for (bool more = true; more;) {
    more = Read(file, std::min(options.batch_size, kLargestBatch), &batch);
    if (!batch.lines.empty()) {
      const auto response = Send(batch.request, /*first=*/totals.lines() == 0, context);
      if (!response.ok()) {
        progress.Clear();
        if (totals.recorded > 0 && !options.dry_run) {
          context.streams.err << CountText(totals.recorded)
                              << " events are recorded; run the same command again, they do not "
                                 "count twice\n";
        }
        return response.status();
      }
      totals.recorded += response->recorded();
      totals.repeated += response->repeated();
      totals.reranked += response->reranked();
      for (const auto& rejected : response->rejected()) {
        if (rejected.index() < 0 || rejected.index() >= std::ssize(batch.lines)) continue;
        batch.broken.emplace(batch.lines[static_cast<size_t>(rejected.index())], rejected.fault());
      }
    }
    if (!batch.broken.empty()) progress.Clear();
    for (const auto& [line, fault] : batch.broken) {
      context.streams.err << "line " << line << ": " << OneLine(fault) << "\n";
    }
    totals.rejected += std::ssize(batch.broken);
    progress.Show(totals.lines(), file.bytes(), /*last=*/false);
  }
  progress.Show(totals.lines(), file.bytes(), /*last=*/true);
  Print(totals, options.dry_run, context);
  if (totals.rejected == 0) return absl::OkStatus();
  return OutcomeIsNo(absl::StrCat(
      CountText(totals.rejected), totals.rejected == 1 ? " line was" : " lines were",
      " rejected; mend the file and run this again: what is recorded does not count twice"));
}

}  // namespace crescendo::cli
