// config.h: what crescendod is told at its start (daemon.proto, and flags over it), checked.
//
// Errors   as config_reader.h: the file and line, or the flag; the field, its fault and the fix.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cmd/crescendod/config_reader.h"
#include "scheduler/base/clock.h"
#include "scheduler/core/options.h"
#include "scheduler/webhooks/webhook_hub.h"
#include "smtp_client/delivery/transcript_shelf.h"
#include "smtp_client/net/deadlines.h"
#include "smtp_client/net/destination.h"
#include "smtp_client/resolve/dns_resolver.h"
#include "store/sqlite/sqlite_store.h"

namespace crescendo::daemon {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// Where something listens: loopback, or a socket file.
struct ListenAddress {
  std::string grpc = "127.0.0.1:7070";  // As gRPC takes it.
  std::string host = "127.0.0.1";       // "" for a socket file. With [] for IPv6.
  std::string socket_path;              // "" for TCP.
  int port = 7070;
};

struct HttpSettings {
  bool enabled = true;
  ListenAddress listen = {.grpc = "127.0.0.1:7080", .port = 7080};
  bool must_listen = false;         // The address was given: it is an error if it is taken.
  std::string operator_token_file;  // "": nobody may change anything over HTTP.
  std::vector<std::string> allowed_hosts;
  int max_connections = 256;
};

struct Settings {
  std::string data_dir = "crescendo-data";
  ListenAddress listen;
  std::vector<std::string> route_files;
  std::string providers_dir;              // "": the data built in alone.
  std::optional<base::ClockScale> clock;  // None: the machine's.
  core::Options options;
  smtp::Deadlines deadlines;
  smtp::ReplyLimits reply_limits;
  bool chunking = false;
  store::SqliteOptions store = {.reserve_mib = 128};
  absl::Duration drain_limit = absl::Seconds(30);
  webhooks::HubOptions webhooks;
  absl::Duration webhook_timeout = absl::Seconds(30);
  int max_streams = 1000;
  int max_forecasts = 2;
  absl::Duration forecast_limit = absl::Seconds(30);
  LogLevel log_level = LogLevel::kInfo;
  // None: the DNS is not asked. Its seed is that of `options`.
  std::optional<smtp::DnsResolverOptions> resolver = smtp::DnsResolverOptions();
  smtp::DestinationGuard destinations;
  std::string dkim_keys_file;  // "": nothing is signed.
  bool allow_unsigned = false;
  std::optional<absl::Duration> signature_grace;  // None: signatures do not expire.
  std::vector<std::string> verp_key_files;        // Empty: the return path is the campaign's.
  bool reflection = false;
  smtp::ShelfRoom accepted_transcripts = {.count = 1000, .bytes = 4 << 20};
  smtp::ShelfRoom other_transcripts = {.count = 5000, .bytes = 16 << 20};
  size_t transcript_bytes = 4096;
  HttpSettings http;
};

// `file` "": defaults and flags alone.
absl::StatusOr<Settings> LoadSettings(const std::string& file,
                                      const std::vector<Override>& overrides);

// INVALID_ARGUMENT says what stands there and why only loopback and socket files are served, with
// `example_port` in what could stand there.
absl::StatusOr<ListenAddress> ParseListenAddress(const std::string& text, int example_port = 7070);

}  // namespace crescendo::daemon
