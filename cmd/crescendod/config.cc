#include "cmd/crescendod/config.h"

#include <arpa/inet.h>

#include <filesystem>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "crescendo/config/v1/daemon.pb.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/domain/domain_name.h"

namespace crescendo::daemon {
namespace {

namespace v1 = config::v1;

const absl::Duration kDay = absl::Hours(24);
const absl::Duration kWeek = 7 * kDay;

std::string Resolved(const std::string& path, const std::string& folder) {
  if (path.empty()) return path;
  return (std::filesystem::path(folder) / path).string();  // An absolute path stays.
}

absl::Status ReadClock(const v1::DaemonConfig& config, const ConfigReader& top,
                       std::optional<base::ClockScale>* out) {
  if (!config.has_clock()) return absl::OkStatus();
  const ConfigReader reader = top.Below("clock");
  base::ClockScale scale;
  RETURN_IF_ERROR(reader.Time("epoch_time", &scale.epoch));
  RETURN_IF_ERROR(reader.Time("start_time", &scale.start));
  RETURN_IF_ERROR(reader.Double("scale", {1, 1'000'000}, &scale.scale));
  if (scale.scale != 1 && !config.clock().has_epoch_time()) {
    return reader.Bad("scale", absl::StrCat("is ", scale.scale,
                                            " without epoch_time, the real time at which the "
                                            "clock shows start_time; give it"));
  }
  *out = scale;
  return absl::OkStatus();
}

absl::Status ReadLimits(const ConfigReader& reader, Settings* settings) {
  core::Options& options = settings->options;
  RETURN_IF_ERROR(reader.Int("max_connections", 1, 100'000, &options.max_connections));
  RETURN_IF_ERROR(reader.Int("max_queued_chunks", 1, 10'000, &options.max_queued_chunks));
  RETURN_IF_ERROR(reader.Int("max_streams", 1, 100'000, &settings->max_streams));
  RETURN_IF_ERROR(reader.Int("max_forecasts", 1, 64, &settings->max_forecasts));
  RETURN_IF_ERROR(reader.Duration("forecast_limit", absl::Seconds(1), absl::Hours(1),
                                  &settings->forecast_limit));
  return reader.Duration("drain_limit", absl::ZeroDuration(), absl::Hours(1),
                         &settings->drain_limit);
}

absl::Status ReadWebhooks(const ConfigReader& reader, Settings* settings) {
  webhooks::CourierOptions& courier = settings->webhooks.courier;
  RETURN_IF_ERROR(
      reader.Duration("timeout", absl::Seconds(1), absl::Minutes(10), &settings->webhook_timeout));
  RETURN_IF_ERROR(
      reader.Duration("first_retry", absl::Milliseconds(10), kDay, &courier.first_retry));
  courier.longest_retry = std::max(courier.longest_retry, courier.first_retry);
  RETURN_IF_ERROR(
      reader.Duration("longest_retry", courier.first_retry, kDay, &courier.longest_retry));
  return reader.Int("batch", 1, 1000, &courier.batch);
}

absl::Status ReadKib(const ConfigReader& reader, const std::string& field, int64_t low,
                     int64_t high, size_t* bytes) {
  int kib = static_cast<int>(*bytes >> 10);
  RETURN_IF_ERROR(reader.Int(field, low, high, &kib));
  *bytes = static_cast<size_t>(kib) << 10;
  return absl::OkStatus();
}

absl::Status ReadSmtp(const ConfigReader& reader, Settings* settings) {
  smtp::Deadlines& deadlines = settings->deadlines;
  const auto deadline = [&](const std::string& field, absl::Duration* out) {
    return reader.Duration(field, absl::Seconds(1), absl::Hours(1), out);
  };
  RETURN_IF_ERROR(deadline("connect_timeout", &deadlines.connect));
  RETURN_IF_ERROR(deadline("banner_timeout", &deadlines.banner));
  RETURN_IF_ERROR(deadline("hello_timeout", &deadlines.ehlo));
  // One figure for the three steps; each has its own default.
  RETURN_IF_ERROR(deadline("hello_timeout", &deadlines.start_tls));
  RETURN_IF_ERROR(deadline("hello_timeout", &deadlines.handshake));
  RETURN_IF_ERROR(deadline("mail_timeout", &deadlines.mail));
  RETURN_IF_ERROR(deadline("rcpt_timeout", &deadlines.rcpt));
  RETURN_IF_ERROR(deadline("data_timeout", &deadlines.data));
  RETURN_IF_ERROR(deadline("block_timeout", &deadlines.data_block));
  RETURN_IF_ERROR(deadline("final_dot_timeout", &deadlines.final_dot));
  RETURN_IF_ERROR(deadline("transaction_timeout", &deadlines.transaction));
  RETURN_IF_ERROR(deadline("opening_timeout", &deadlines.opening));
  RETURN_IF_ERROR(ReadKib(reader, "block_kib", 1, 1024, &deadlines.block_bytes));
  RETURN_IF_ERROR(ReadKib(reader, "reply_kib", 4, 1024, &settings->reply_limits.reply_bytes));

  core::Options& options = settings->options;
  RETURN_IF_ERROR(reader.Duration("idle_connection", absl::ZeroDuration(), absl::Hours(1),
                                  &options.idle_connection));
  RETURN_IF_ERROR(
      reader.Duration("host_backoff_first", absl::Seconds(1), kDay, &options.host_backoff_first));
  // A first wait above the default longest one raises that too.
  options.host_backoff_longest = std::max(options.host_backoff_longest, options.host_backoff_first);
  RETURN_IF_ERROR(reader.Duration("host_backoff_longest", options.host_backoff_first, kDay,
                                  &options.host_backoff_longest));
  return reader.Duration("mx_refresh", absl::Minutes(1), kWeek, &options.mx_refresh);
}

absl::Status ReadRetry(const ConfigReader& reader, core::RetryOptions* retry) {
  RETURN_IF_ERROR(reader.Duration("first", absl::Seconds(1), kDay, &retry->first));
  RETURN_IF_ERROR(reader.Double("factor", {1, 10}, &retry->factor));
  retry->longest = std::max(retry->longest, retry->first);
  RETURN_IF_ERROR(reader.Duration("longest", retry->first, kWeek, &retry->longest));
  RETURN_IF_ERROR(reader.Double("jitter", {0, 0.9}, &retry->jitter));
  RETURN_IF_ERROR(reader.Duration("greylist", absl::Seconds(1), kDay, &retry->greylist));
  RETURN_IF_ERROR(reader.Duration("mailbox_full", absl::Minutes(1), kWeek, &retry->mailbox_full));
  return reader.Duration("recipient_rate", absl::Minutes(1), kWeek, &retry->recipient_rate);
}

absl::Status ReadPacing(const ConfigReader& reader, core::PacingOptions* pacing) {
  RETURN_IF_ERROR(reader.Double("catch_up_factor", {1, 24}, &pacing->catch_up_factor));
  RETURN_IF_ERROR(reader.Double("jitter", {0, 0.9}, &pacing->jitter));
  RETURN_IF_ERROR(reader.Double("window_margin", {0, 0.5}, &pacing->window_margin));
  RETURN_IF_ERROR(reader.Int("warming_burst", 1, 1000, &pacing->warming_burst));
  return reader.Int("steady_burst", 1, 100'000, &pacing->steady_burst);
}

absl::Status ReadThrottle(const ConfigReader& reader, core::ThrottleOptions* throttle) {
  RETURN_IF_ERROR(reader.Double("stop_factor", {1, 10}, &throttle->stop_factor));
  RETURN_IF_ERROR(
      reader.Duration("longest_stop", absl::Minutes(1), kWeek, &throttle->longest_stop));
  RETURN_IF_ERROR(reader.Double("rate_cut", {0, 1, true, true}, &throttle->rate_cut));
  RETURN_IF_ERROR(reader.Double("rate_raise", {1, 10, true, false}, &throttle->rate_raise));
  RETURN_IF_ERROR(
      reader.Duration("raise_interval", absl::Minutes(1), kWeek, &throttle->raise_interval));
  return reader.Double("lowest_rate_per_hour", {0.1, 1'000'000}, &throttle->lowest_rate_per_hour);
}

absl::Status ReadHolds(const ConfigReader& reader, core::HoldOptions* holds) {
  RETURN_IF_ERROR(reader.Int("content_refusals", 1, 100, &holds->content_refusals));
  RETURN_IF_ERROR(reader.Double("content_share", {0, 1, true, false}, &holds->content_share));
  RETURN_IF_ERROR(reader.Duration("content_hold", absl::Minutes(1), kWeek, &holds->content_hold));
  return reader.Duration("sending_domain_hold", absl::Minutes(1), kWeek,
                         &holds->sending_domain_hold);
}

absl::Status ReadRetention(const ConfigReader& reader, core::RetentionOptions* retention) {
  const absl::Duration longest = absl::Hours(876'000);
  const auto kept = [&](const std::string& field, absl::Duration* out) -> absl::Status {
    RETURN_IF_ERROR(reader.Duration(field, absl::ZeroDuration(), longest, out));
    if (*out > absl::ZeroDuration() && *out < absl::Hours(1)) {
      return reader.Bad(field, absl::StrCat("is ", absl::FormatDuration(*out),
                                            "; it is at least 1 h, or 0 s to keep for ever"));
    }
    if (*out == absl::ZeroDuration()) *out = absl::InfiniteDuration();
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(kept("recipients", &retention->recipients));
  RETURN_IF_ERROR(kept("events", &retention->events));
  return reader.Duration("answers", absl::Hours(72), longest, &retention->answers);
}

absl::Status ReadStore(const ConfigReader& reader, store::SqliteOptions* store) {
  RETURN_IF_ERROR(reader.Int("cache_mib", 1, 65536, &store->cache_mib));
  return reader.Int("reserve_mib", 0, 65536, &store->reserve_mib);
}

absl::Status ReadRoom(const ConfigReader& reader, const std::string& which, smtp::ShelfRoom* room) {
  int count = static_cast<int>(room->count), mib = static_cast<int>(room->bytes >> 20);
  RETURN_IF_ERROR(reader.Int(which + "_count", 0, 1'000'000, &count));
  RETURN_IF_ERROR(reader.Int(which + "_mib", 0, 65536, &mib));
  room->count = static_cast<size_t>(count);
  room->bytes = static_cast<size_t>(mib) << 20;
  return absl::OkStatus();
}

absl::Status ReadTranscripts(const ConfigReader& reader, Settings* settings) {
  RETURN_IF_ERROR(ReadRoom(reader, "failed", &settings->other_transcripts));
  RETURN_IF_ERROR(ReadRoom(reader, "accepted", &settings->accepted_transcripts));
  int bytes = static_cast<int>(settings->transcript_bytes);
  RETURN_IF_ERROR(reader.Int("bytes_each", 256, 1 << 20, &bytes));
  settings->transcript_bytes = static_cast<size_t>(bytes);
  return absl::OkStatus();
}

// Debian's dns-root-data.
constexpr char kRootAnchor[] = "/usr/share/dns/root.key";

absl::Status ReadServers(const v1::ResolverConfig& config, const ConfigReader& reader,
                         smtp::UnboundOptions* dns) {
  for (const std::string& text : config.forwarders()) {
    auto server = smtp::ParseDnsServer(text);
    if (!server.ok()) return reader.Bad("forwarders", server.status().message());
    dns->forwarders.push_back(*std::move(server));
  }
  for (const std::string& text : config.stub_zones()) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits('=', 1));
    auto zone = NormaliseDomain(parts.first);
    auto server = smtp::ParseDnsServer(parts.second);
    if (!zone.ok() || !server.ok()) {
      return reader.Bad("stub_zones", absl::StrCat("holds \"", text,
                                                   "\"; write ZONE=SERVER, such as "
                                                   "corp.example=10.0.0.53:53"));
    }
    dns->stubs.push_back({*std::move(zone), *std::move(server)});
  }
  if (config.use_resolv_conf() && !dns->forwarders.empty()) {
    return reader.Bad("use_resolv_conf", "is true and forwarders are given; choose one of them");
  }
  dns->use_resolv_conf = config.use_resolv_conf();
  return absl::OkStatus();
}

absl::Status ReadResolver(const v1::ResolverConfig& config, const ConfigReader& reader,
                          const std::string& folder, Settings* settings) {
  smtp::DnsResolverOptions options;
  options.seed = settings->options.seed;
  RETURN_IF_ERROR(ReadServers(config, reader, &options.dns));
  if (!config.has_dnssec() || config.dnssec()) {
    std::string& file = options.dns.trust_anchor_file;
    file = config.trust_anchor_file();
    if (file.empty()) {
      file = kRootAnchor;
    } else if (!reader.FromFlag("trust_anchor_file")) {
      file = Resolved(file, folder);
    }
    const bool wanted = !config.has_enabled() || config.enabled();
    if (std::error_code error; wanted && !std::filesystem::exists(file, error)) {
      return reader.Bad("trust_anchor_file",
                        absl::StrCat("is \"", file,
                                     "\", which is not there; install dns-root-data, name another "
                                     "file, or set dnssec to false"));
    }
  }
  RETURN_IF_ERROR(
      reader.Duration("timeout", absl::Milliseconds(100), absl::Minutes(5), &options.timeout));
  RETURN_IF_ERROR(
      reader.Duration("least_ttl", absl::Seconds(1), absl::Hours(1), &options.least_ttl));
  RETURN_IF_ERROR(reader.Duration("most_ttl", absl::Hours(1), kWeek, &options.most_ttl));
  RETURN_IF_ERROR(reader.Int("max_queries", 1, 10'000, &options.max_queries));
  RETURN_IF_ERROR(reader.Int("cached_domains", 100, 10'000'000, &options.cached_domains));
  settings->resolver = std::move(options);
  if (config.has_enabled() && !config.enabled()) settings->resolver.reset();
  return absl::OkStatus();
}

absl::Status ReadDestinations(const v1::DaemonConfig& config, const ConfigReader& reader,
                              Settings* settings) {
  std::vector<smtp::AddressRange> allowed;
  for (const std::string& text : config.allowed_destinations()) {
    auto range = smtp::AddressRange::Parse(text);
    if (!range.ok()) return reader.Bad("allowed_destinations", range.status().message());
    allowed.push_back(*std::move(range));
  }
  settings->destinations = config.allow_private_destinations()
                               ? smtp::DestinationGuard::AllowAll()
                               : smtp::DestinationGuard(std::move(allowed));
  return absl::OkStatus();
}

absl::Status ReadDkim(const v1::DkimConfig& config, const ConfigReader& reader,
                      Settings* settings) {
  switch (config.missing_key()) {
    case v1::DKIM_MISSING_KEY_UNSPECIFIED:
    case v1::DKIM_MISSING_KEY_REFUSE:
      settings->allow_unsigned = false;
      break;
    case v1::DKIM_MISSING_KEY_SEND_UNSIGNED:
      settings->allow_unsigned = true;
      break;
    default:
      return reader.Bad("missing_key", absl::StrCat("is ", static_cast<int>(config.missing_key()),
                                                    "; it is REFUSE or SEND_UNSIGNED"));
  }
  if (!config.has_expires_after()) return absl::OkStatus();
  absl::Duration grace;
  RETURN_IF_ERROR(reader.Duration("expires_after", absl::Hours(1), absl::Hours(8760), &grace));
  settings->signature_grace = grace;
  return absl::OkStatus();
}

// Of one listen field: relative to the file's folder, as all paths.
absl::Status ReadListen(const ConfigReader& reader, const std::string& text, int example_port,
                        const std::string& folder, ListenAddress* out) {
  auto listen = ParseListenAddress(text, example_port);
  if (!listen.ok()) return reader.Bad("listen", listen.status().message());
  *out = *std::move(listen);
  if (!out->socket_path.empty() && !reader.FromFlag("listen")) {
    out->socket_path = Resolved(out->socket_path, folder);
    out->grpc = absl::StrCat("unix:", out->socket_path);
  }
  return absl::OkStatus();
}

absl::Status ReadPaths(const v1::DaemonConfig& config, const ConfigReader& reader,
                       const std::string& folder, Settings* settings) {
  const auto resolved = [&](const std::string& field, const std::string& path) {
    return reader.FromFlag(field) ? path : Resolved(path, folder);
  };
  if (config.has_data_dir()) {
    if (config.data_dir().empty()) return reader.Bad("data_dir", "is empty; name a folder");
    settings->data_dir = config.data_dir();
  }
  settings->data_dir = resolved("data_dir", settings->data_dir);
  settings->providers_dir = resolved("providers_dir", config.providers_dir());
  const auto below = [&](const std::string& group, const std::string& field,
                         const std::string& path) {
    return reader.Below(group).FromFlag(field) ? path : Resolved(path, folder);
  };
  settings->dkim_keys_file = below("dkim", "keys_file", config.dkim().keys_file());
  for (const std::string& file : config.verp().key_files()) {
    if (file.empty())
      return reader.Below("verp").Bad("key_files", "holds an empty name; name a file");
    settings->verp_key_files.push_back(below("verp", "key_files", file));
  }
  for (const std::string& file : config.route_files()) {
    if (file.empty()) return reader.Bad("route_files", "holds an empty name; name a file");
    settings->route_files.push_back(resolved("route_files", file));
  }
  if (config.has_listen()) {
    RETURN_IF_ERROR(ReadListen(reader, config.listen(), 7070, folder, &settings->listen));
  }
  return absl::OkStatus();
}

absl::Status ReadHttp(const v1::HttpConfig& config, const ConfigReader& reader,
                      const std::string& folder, HttpSettings* http) {
  http->enabled = !config.has_enabled() || config.enabled();
  if (config.has_listen()) {
    RETURN_IF_ERROR(ReadListen(reader, config.listen(), 7080, folder, &http->listen));
    http->must_listen = true;
  }
  http->operator_token_file = config.operator_token_file();
  if (!reader.FromFlag("operator_token_file")) {
    http->operator_token_file = Resolved(http->operator_token_file, folder);
  }
  for (const std::string& name : config.allowed_hosts()) {
    if (const std::string fault = HostNameFault(name); !fault.empty()) {
      return reader.Bad("allowed_hosts", fault);
    }
    http->allowed_hosts.push_back(absl::AsciiStrToLower(name));
  }
  return reader.Int("max_connections", 8, 10'000, &http->max_connections);
}

absl::Status ReadEnums(const v1::DaemonConfig& config, const ConfigReader& reader,
                       Settings* settings) {
  switch (config.in_doubt()) {
    case v1::IN_DOUBT_POLICY_UNSPECIFIED:
    case v1::IN_DOUBT_POLICY_RETRY:
      settings->options.in_doubt = core::InDoubtPolicy::kRetry;
      break;
    case v1::IN_DOUBT_POLICY_HOLD:
      settings->options.in_doubt = core::InDoubtPolicy::kHold;
      break;
    default:
      return reader.Bad("in_doubt", absl::StrCat("is ", static_cast<int>(config.in_doubt()),
                                                 "; it is RETRY or HOLD"));
  }
  switch (config.log_level()) {
    case v1::LOG_LEVEL_DEBUG:
      settings->log_level = LogLevel::kDebug;
      break;
    case v1::LOG_LEVEL_UNSPECIFIED:
    case v1::LOG_LEVEL_INFO:
      settings->log_level = LogLevel::kInfo;
      break;
    case v1::LOG_LEVEL_WARNING:
      settings->log_level = LogLevel::kWarning;
      break;
    case v1::LOG_LEVEL_ERROR:
      settings->log_level = LogLevel::kError;
      break;
    default:
      return reader.Bad("log_level", absl::StrCat("is ", static_cast<int>(config.log_level()),
                                                  "; it is DEBUG, INFO, WARNING or ERROR"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ListenAddress> ParseListenAddress(const std::string& text, int example_port) {
  ListenAddress listen;
  listen.grpc = text;
  absl::string_view path = text;
  if (absl::ConsumePrefix(&path, "unix:")) {
    constexpr size_t kLongestPath = 107;  // sockaddr_un::sun_path, less its end.
    if (path.empty() || path.size() > kLongestPath) {
      return absl::InvalidArgumentError(absl::StrCat(
          "is \"", text, "\"; behind unix: stands a path of 1 to ", kLongestPath, " bytes"));
    }
    listen.host = "";
    listen.port = 0;
    listen.socket_path = std::string(path);
    return listen;
  }
  const size_t colon = text.rfind(':');
  const std::string host = text.substr(0, colon);
  const bool port_good = colon != std::string::npos &&
                         absl::SimpleAtoi(text.substr(colon + 1), &listen.port) &&
                         listen.port >= 0 && listen.port <= 65535;
  if (!port_good) {
    return absl::InvalidArgumentError(
        absl::StrCat("is \"", text, "\"; write 127.0.0.1:", example_port, ", [::1]:", example_port,
                     " or unix:/run/crescendo.sock"));
  }
  in_addr v4;
  const bool loopback4 =
      inet_pton(AF_INET, host.c_str(), &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127;
  if (!loopback4 && host != "[::1]") {
    return absl::InvalidArgumentError(
        absl::StrCat("is \"", text,
                     "\", which is not loopback: without client certificates whoever reaches the "
                     "port could send mail and flood the daemon; use 127.0.0.1:",
                     listen.port, ", [::1]:", listen.port,
                     " or unix:/run/crescendo.sock, with a proxy that checks "
                     "certificates in front if others must reach it"));
  }
  listen.host = host;
  return listen;
}

absl::StatusOr<Settings> LoadSettings(const std::string& file,
                                      const std::vector<Override>& overrides) {
  v1::DaemonConfig config;
  ParsedText parsed;
  if (!file.empty()) RETURN_IF_ERROR(ParseTextFile(file, &config, &parsed));
  RETURN_IF_ERROR(Apply(overrides, &config));

  Settings settings;
  const ConfigReader reader(&config, &parsed, &overrides);
  const std::string folder = std::filesystem::path(file).parent_path().string();
  RETURN_IF_ERROR(ReadPaths(config, reader, folder, &settings));
  RETURN_IF_ERROR(ReadClock(config, reader, &settings.clock));
  RETURN_IF_ERROR(ReadLimits(reader.Below("limits"), &settings));
  RETURN_IF_ERROR(ReadSmtp(reader.Below("smtp"), &settings));
  RETURN_IF_ERROR(ReadRetry(reader.Below("retry"), &settings.options.retry));
  RETURN_IF_ERROR(ReadPacing(reader.Below("pacing"), &settings.options.pacing));
  RETURN_IF_ERROR(ReadThrottle(reader.Below("throttle"), &settings.options.throttle));
  RETURN_IF_ERROR(ReadHolds(reader.Below("holds"), &settings.options.holds));
  RETURN_IF_ERROR(ReadRetention(reader.Below("retention"), &settings.options.retention));
  RETURN_IF_ERROR(ReadWebhooks(reader.Below("webhooks"), &settings));
  RETURN_IF_ERROR(ReadStore(reader.Below("store"), &settings.store));
  RETURN_IF_ERROR(ReadTranscripts(reader.Below("transcripts"), &settings));
  RETURN_IF_ERROR(ReadDkim(config.dkim(), reader.Below("dkim"), &settings));
  RETURN_IF_ERROR(ReadEnums(config, reader, &settings));
  if (config.has_seed()) settings.options.seed = config.seed();
  RETURN_IF_ERROR(ReadResolver(config.resolver(), reader.Below("resolver"), folder, &settings));
  RETURN_IF_ERROR(ReadDestinations(config, reader, &settings));
  RETURN_IF_ERROR(ReadHttp(config.http(), reader.Below("http"), folder, &settings.http));
  settings.chunking = config.smtp().chunking();
  settings.reflection = config.reflection();
  return settings;
}

}  // namespace crescendo::daemon
