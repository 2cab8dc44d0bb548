// crescendo store: the file that holds everything: backup through the daemon; check, restore and
// compact of a file that no daemon has open.
#include <filesystem>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cmd/crescendo/commands.h"
#include "cmd/crescendo/printable.h"
#include "cmd/crescendo/table.h"
#include "crescendo/v1/store.grpc.pb.h"
#include "scheduler/base/status_macros.h"
#include "store/sqlite/check.h"
#include "store/sqlite/restore.h"

namespace crescendo::cli {
namespace {

using Stub = v1::StoreService::Stub;

constexpr size_t kBarWidth = 30;

struct StoreOptions {
  std::string file, to;
};

std::string MebibytesText(int64_t bytes) {
  return absl::StrFormat("%.1f MiB", static_cast<double>(bytes) / (1 << 20));
}

// A line on the terminal that is written over.
void ShowProgress(Context& context, const char* doing, int64_t done, int64_t total) {
  if (context.options.json || !context.streams.err_is_terminal) return;
  const double share = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 0;
  context.streams.err << "\r" << doing << " " << Bar(context.streams, share, kBarWidth) << " "
                      << MebibytesText(done) << " of " << MebibytesText(total) << "   ";
}

void EndProgress(Context& context) {
  if (!context.options.json && context.streams.err_is_terminal) context.streams.err << "\n";
}

// The daemon stands in another folder.
absl::StatusOr<std::string> Absolute(const std::string& path) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  if (path.empty() || error) {
    return UsageError(absl::StrCat("\"", OneLine(path), "\" is no path of a file"));
  }
  return absolute.lexically_normal().string();
}

absl::Status Backup(const StoreOptions& options, Context& context) {
  v1::BackupStoreRequest request;
  ASSIGN_OR_RETURN(*request.mutable_path(), Absolute(options.file));
  v1::BackupStoreResponse last;
  const absl::Status status = context.client.Stream(
      &Stub::BackupStore, request, [&](const v1::BackupStoreResponse& response) {
        last = response;
        ShowProgress(context, "copying", response.copied_bytes(), response.total_bytes());
        return true;
      });
  EndProgress(context);
  RETURN_IF_ERROR(status);
  if (!last.complete()) return absl::InternalError("the backup ended before it was complete");
  Emit(context, last, [&context](const v1::BackupStoreResponse& shown) {
    Card card;
    card.Add("BACKUP", shown.path());
    card.Add("SIZE", MebibytesText(shown.total_bytes()));
    card.Print(context.streams);
  });
  return absl::OkStatus();
}

absl::Status Check(const StoreOptions& options, Context& context) {
  ASSIGN_OR_RETURN(const std::vector<store::CheckResult> results, store::CheckStore(options.file));
  Table table({{"CHECK", Column::kLeft}, {"RESULT", Column::kLeft}, {"DETAIL", Column::kProse}});
  int faults = 0;
  for (const store::CheckResult& result : results) {
    if (!result.ok) ++faults;
    v1::StoreCheck check;
    check.set_check(result.check);
    check.set_ok(result.ok);
    check.set_detail(result.detail);
    Emit(context, check, [&table](const v1::StoreCheck& shown) {
      table.Add({shown.check(),
                 {shown.ok() ? "ok" : "fault", shown.ok() ? Style::kGood : Style::kBad},
                 shown.detail()});
    });
  }
  if (!table.empty()) table.Print(context.streams);
  if (faults == 0) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(options.file, ": ", faults, " of ", results.size(),
                                          " checks found a fault; restore the last good backup"));
}

absl::Status Restore(const StoreOptions& options, Context& context) {
  const absl::Status status =
      store::RestoreStore(options.file, options.to, [&context](int64_t copied, int64_t total) {
        ShowProgress(context, "copying", copied, total);
      });
  EndProgress(context);
  RETURN_IF_ERROR(status);
  Hint(context, absl::StrCat(options.to, " is checked and ready; start the daemon on it"));
  return absl::OkStatus();
}

absl::Status Compact(const StoreOptions& options, Context& context) {
  std::error_code error;
  const auto before = std::filesystem::file_size(options.file, error);
  RETURN_IF_ERROR(store::CompactStore(options.file));
  const auto after = std::filesystem::file_size(options.file, error);
  Hint(context, absl::StrCat(MebibytesText(static_cast<int64_t>(before)), " before, ",
                             MebibytesText(static_cast<int64_t>(after)), " now"));
  return absl::OkStatus();
}

}  // namespace

void AddStoreCommands(CommandTree& tree) {
  auto options = std::make_shared<StoreOptions>();
  StoreOptions* o = options.get();
  tree.Noun("store", "The store: backup, check and restore of the daemon's file");
  tree.Verb("store", "backup", "Copy the store to a file while the daemon runs")
      .Argument("PATH", &o->file, "The file to make, on the daemon's host")
      .Note(
          "The file has its name only when it is complete and on the disk; nothing is overwritten. "
          "It holds everything that was acknowledged before the command began. Never copy "
          "crescendo.db by other means while the daemon runs.")
      .Example("crescendo store backup /var/backups/crescendo-2026-03-02.db")
      .Run([options](Context& context) { return Backup(*options, context); });
  tree.Verb("store", "check", "Check a backup, or the file of a stopped daemon")
      .Argument("FILE", &o->file, "The file, on this host")
      .Note(
          "Reads all of it: its pages, and whether counts, ledger, claims and events agree with "
          "the recipients. Changes nothing. Of a running daemon, check a backup. Exits with 1 "
          "when something is wrong.")
      .Example("crescendo store check crescendo-2026-03-02.db")
      .Run([options](Context& context) { return Check(*options, context); });
  tree.Verb("store", "restore", "Make a store from a backup, for a daemon that is stopped")
      .Argument("BACKUP", &o->file, "The backup, on this host")
      .Option("--to", "PATH", &o->to, "The store to make: crescendo.db in the daemon's data_dir")
      .Required()
      .Note(
          "The copy is checked in full before it gets its name. Nothing is overwritten: move the "
          "old crescendo.db* away first. What was sent after the backup is not in it, and would "
          "be sent again: cancel or pause such campaigns before the daemon may send.")
      .Example(
          "crescendo store restore crescendo-2026-03-02.db --to "
          "crescendo-data/crescendo.db")
      .Run([options](Context& context) { return Restore(*options, context); });
  tree.Verb("store", "compact", "Rewrite the file of a stopped daemon as small as it can be")
      .Argument("FILE", &o->file, "The file, on this host")
      .Note(
          "Once, for a file made before pruning was there: from then on it gives space back by "
          "itself. Needs as much room again; when it is interrupted, nothing has changed.")
      .Example("crescendo store compact crescendo-data/crescendo.db")
      .Run([options](Context& context) { return Compact(*options, context); });
}

}  // namespace crescendo::cli
