#include "cmd/crescendod/daemon.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

#include <spdlog/spdlog.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "cmd/crescendod/routes.h"
#include "cmd/crescendod/secrets.h"
#include "cmd/crescendod/signals.h"
#include "scheduler/base/real_clock.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/dashboard/dashboard.h"
#include "scheduler/dashboard/metered_store.h"
#include "scheduler/engine/engine.h"
#include "scheduler/providers/provider_loader.h"
#include "scheduler/service/server.h"
#include "scheduler/service/webhook_handlers.h"
#include "scheduler/webhooks/webhook_hub.h"
#include "smtp_client/delivery/smtp_transport.h"
#include "smtp_client/message/campaign_composer.h"
#include "smtp_client/resolve/dns_resolver.h"
#include "store/sqlite/sqlite_store.h"

namespace crescendo::daemon {
namespace {

// For the store, gRPC's connections and what else opens files.
constexpr rlim_t kReservedFiles = 256;
constexpr absl::Duration kCallLimit = absl::Seconds(2);

// One "too many open files" stops the packaged gRPC listener for good, and SMTP sockets come out of
// the same table: so there must be many more than all limits together.
absl::Status RaiseFileLimit(int max_connections, int http_connections, int max_streams) {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return absl::OkStatus();
  const rlim_t least = static_cast<rlim_t>(max_connections + http_connections) + kReservedFiles;
  // Each stream may come by a connection of its own.
  const rlim_t wanted = 4 * least + static_cast<rlim_t>(max_streams);
  if (limit.rlim_cur < wanted) {
    limit.rlim_cur = std::min(wanted, limit.rlim_max);
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
  }
  if (limit.rlim_cur >= least) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "limits.max_connections is ", max_connections, " and http.max_connections ", http_connections,
      ", for which ", least, " open files are needed; this process may have ", limit.rlim_cur,
      ": lower them, or raise the limit (ulimit -n, LimitNOFILE)"));
}

absl::Status MakeDataDir(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  // The addresses of recipients are in there: nobody else's business.
  if (mkdir(path.c_str(), 0700) == 0 ||
      (errno == EEXIST && std::filesystem::is_directory(path, error))) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat("data_dir: cannot make ", path, ": ", std::strerror(errno)));
}

// Ends in the order that its parts need, however far its start came.
class Daemon {
 public:
  explicit Daemon(const Settings& settings) : settings_(settings) {}
  ~Daemon() {
    if (dashboard_ != nullptr) dashboard_->BeginStop();
    if (server_ != nullptr) server_->BeginStop();
    // No call shall wait for the DNS any more.
    if (dns_ != nullptr) dns_->Stop();
    // What happens from now on is told after the next start.
    if (webhooks_ != nullptr) webhooks_->Stop();
    if (engine_ != nullptr) engine_->Stop(settings_.drain_limit);
    if (dashboard_ != nullptr) dashboard_->EndCalls();
    if (server_ != nullptr) server_->Stop(kCallLimit);
    dashboard_ = nullptr;  // What it has asked the server is answered.
    server_ = nullptr;
    webhooks_ = nullptr;
    // Both before the engine, which they tell of connections and answers until they are gone.
    transport_ = nullptr;
    resolver_ = nullptr;
    engine_ = nullptr;
  }

  // INVALID_ARGUMENT and NOT_FOUND: the configuration is at fault.
  absl::Status Configure();
  absl::Status Start();
  // Reads again what may change while mail is sent: the DKIM keys.
  void Reload();
  std::string address() const;
  std::string page() const;  // A URL, or the socket; "": none.

 private:
  absl::Status StartDashboard();
  absl::Status ReadSecrets();

  const Settings& settings_;
  std::unique_ptr<base::Clock> clock_;
  std::unique_ptr<base::Clock> real_clock_;  // The DNS and probes know no other time.
  std::optional<providers::ProviderData> providers_;
  smtp::DnsResolver* dns_ = nullptr;  // Of resolver_. May be null.
  std::unique_ptr<ports::MxResolver> resolver_;
  smtp::dkim::Keyring keyring_;
  std::unique_ptr<smtp::Verp> verp_;
  std::unique_ptr<smtp::CampaignComposer> composer_;
  std::unique_ptr<ports::Store> store_;
  std::unique_ptr<dashboard::Metrics> metrics_;
  std::unique_ptr<dashboard::MeteredStore> metered_store_;
  std::unique_ptr<smtp::TraceHub> traces_;
  std::unique_ptr<smtp::SmtpTransport> transport_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<webhooks::Poster> poster_;
  std::unique_ptr<webhooks::WebhookHub> webhooks_;
  std::unique_ptr<service::Server> server_;
  std::string operator_token_;
  std::unique_ptr<dashboard::Dashboard> dashboard_;
};

absl::Status Daemon::ReadSecrets() {
  smtp::ComposerOptions composer;
  if (!settings_.dkim_keys_file.empty()) {
    ASSIGN_OR_RETURN(auto keys, LoadDkimKeys(settings_.dkim_keys_file));
    keyring_.Replace(std::move(keys));
    composer.keyring = &keyring_;
    composer.allow_unsigned = settings_.allow_unsigned;
    composer.signature_grace = settings_.signature_grace;
  }
  if (!settings_.verp_key_files.empty()) {
    ASSIGN_OR_RETURN(verp_, LoadVerp(settings_.verp_key_files));
    composer.verp = verp_.get();
  }
  if (!settings_.http.operator_token_file.empty()) {
    ASSIGN_OR_RETURN(operator_token_, LoadToken(settings_.http.operator_token_file));
  }
  composer_ = std::make_unique<smtp::CampaignComposer>(composer);
  return absl::OkStatus();
}

void Daemon::Reload() {
  if (settings_.dkim_keys_file.empty()) {
    spdlog::warn("SIGHUP: there is no dkim.keys_file, so nothing is read again");
    return;
  }
  auto keys = LoadDkimKeys(settings_.dkim_keys_file);
  if (!keys.ok()) {
    spdlog::error("SIGHUP: the DKIM keys stay as they were: {}",
                  std::string(keys.status().message()));
    return;
  }
  spdlog::info("SIGHUP: {} DKIM keys are in force", (*keys)->size());
  keyring_.Replace(*std::move(keys));
}

absl::Status Daemon::Configure() {
  RETURN_IF_ERROR(RaiseFileLimit(settings_.options.max_connections,
                                 settings_.http.enabled ? settings_.http.max_connections : 0,
                                 settings_.max_streams));
  clock_ =
      settings_.clock.has_value() ? base::NewScaledClock(*settings_.clock) : base::NewRealClock();
  auto loaded = providers::LoadProviders(settings_.providers_dir);
  if (!loaded.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("providers: ", loaded.status().message()));
  }
  providers_.emplace(*std::move(loaded));
  std::unique_ptr<smtp::DnsResolver> dns;
  real_clock_ = base::NewRealClock();
  if (settings_.resolver.has_value()) {
    auto created = smtp::DnsResolver::Create(real_clock_.get(), *settings_.resolver);
    if (!created.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("resolver: ", created.status().message()));
    }
    dns = *std::move(created);
  } else if (settings_.route_files.empty()) {
    spdlog::warn(
        "the resolver is off and no route file is given, so no domain has a route and nothing can "
        "leave; see --resolver-enabled and --route-file");
  }
  smtp::DnsResolver* const to_stop = dns.get();
  ASSIGN_OR_RETURN(resolver_, LoadRoutes(settings_.route_files, std::move(dns)));
  dns_ = to_stop;
  return ReadSecrets();
}

absl::Status Daemon::Start() {
  RETURN_IF_ERROR(MakeDataDir(settings_.data_dir));
  if (const std::string warning = store::LibraryWarning(); !warning.empty()) {
    spdlog::info("{}", warning);
  }
  const std::filesystem::path file = std::filesystem::path(settings_.data_dir) / "crescendo.db";
  ASSIGN_OR_RETURN(store_, store::SqliteStore::Open(file.string(), settings_.store));
  smtp::SmtpTransportOptions transport;
  transport.deadlines = settings_.deadlines;
  transport.chunking = settings_.chunking;
  transport.reply_limits = settings_.reply_limits;
  transport.destinations = settings_.destinations;
  transport.max_connections = settings_.options.max_connections;
  transport.accepted_transcripts = settings_.accepted_transcripts;
  transport.other_transcripts = settings_.other_transcripts;
  transport.transcript_bytes = settings_.transcript_bytes;
  traces_ = std::make_unique<smtp::TraceHub>(clock_.get());
  transport.traces = traces_.get();
  ASSIGN_OR_RETURN(transport_, smtp::SmtpTransport::Create(transport));

  metrics_ = std::make_unique<dashboard::Metrics>(&providers_->catalog);
  metered_store_ =
      std::make_unique<dashboard::MeteredStore>(store_.get(), metrics_.get(), real_clock_.get());
  const engine::Edges edges{
      .clock = clock_.get(),
      .store = metered_store_.get(),
      .transport = transport_.get(),
      .resolver = resolver_.get(),
      .composer = composer_.get(),
      .providers = &providers_->catalog,
      .classifier = &providers_->classifier,
  };
  engine_ = std::make_unique<engine::Engine>(edges, settings_.options);
  engine_->SetFatalHandler([](const absl::Status& status) {
    // What is in memory may not be what is on disk: the next start reads it anew.
    spdlog::critical("the store cannot be trusted any more, stopping: {}", status.ToString());
    spdlog::shutdown();
    std::_Exit(kExitStoreFailed);
  });
  RETURN_IF_ERROR(engine_->Start());

  poster_ = webhooks::NewPoster(settings_.webhook_timeout);
  webhooks_ = std::make_unique<webhooks::WebhookHub>(
      engine_.get(), poster_.get(), real_clock_.get(), service::WebhookBody, settings_.webhooks);
  RETURN_IF_ERROR(webhooks_->Start());

  service::ServerOptions options;
  options.address = settings_.listen.grpc;
  options.reflection = settings_.reflection;
  options.most_streams = static_cast<size_t>(settings_.max_streams);
  options.most_forecasts = settings_.max_forecasts;
  options.forecast_limit = settings_.forecast_limit;
  options.diagnostics = {transport_.get(), traces_.get(), real_clock_.get()};
  options.webhooks = webhooks_.get();
  ASSIGN_OR_RETURN(server_, service::Server::Start(engine_.get(), resolver_.get(), options));
  if (!settings_.listen.socket_path.empty()) chmod(settings_.listen.socket_path.c_str(), 0600);
  return StartDashboard();
}

absl::Status Daemon::StartDashboard() {
  const HttpSettings& http = settings_.http;
  if (!http.enabled) return absl::OkStatus();
  dashboard::Options options;
  options.listener.host = absl::StrReplaceAll(http.listen.host, {{"[", ""}, {"]", ""}});
  options.listener.port = http.listen.port;
  options.listener.socket_path = http.listen.socket_path;
  options.listener.max_connections = http.max_connections;
  options.site.allowed_hosts = http.allowed_hosts;
  options.site.operator_token = operator_token_;
  options.site.version = CRESCENDO_VERSION;
  options.call_limit = settings_.forecast_limit + absl::Seconds(5);
  auto started = dashboard::Dashboard::Start(engine_.get(), server_.get(), metrics_.get(),
                                             real_clock_.get(), options);
  if (started.ok()) {
    dashboard_ = *std::move(started);
    return absl::OkStatus();
  }
  if (http.must_listen) {
    return absl::Status(started.status().code(),
                        absl::StrCat("http.listen: ", started.status().message()));
  }
  spdlog::warn("there is no page and no /metrics: {}; set http.listen, or http.enabled to false",
               std::string(started.status().message()));
  return absl::OkStatus();
}

std::string Daemon::page() const {
  if (dashboard_ == nullptr) return "";
  if (settings_.http.listen.host.empty()) return settings_.http.listen.grpc;
  return absl::StrCat("http://", settings_.http.listen.host, ":", dashboard_->port(), "/");
}

std::string Daemon::address() const {
  if (settings_.listen.host.empty()) return settings_.listen.grpc;
  return absl::StrCat(settings_.listen.host, ":", server_->port());
}

}  // namespace

int RunDaemon(const Settings& settings, std::ostream& out) {
  Daemon daemon(settings);
  if (const absl::Status status = daemon.Configure(); !status.ok()) {
    spdlog::error("{}", std::string(status.message()));
    return kExitUsage;
  }
  if (const absl::Status status = daemon.Start(); !status.ok()) {
    spdlog::error("{}", std::string(status.message()));
    return absl::IsDataLoss(status) ? kExitStoreFailed : kExitCannotServe;
  }
  spdlog::info("serving on {}, store in {}", daemon.address(), settings.data_dir);
  if (const std::string page = daemon.page(); !page.empty()) {
    spdlog::info("the page, the JSON API and the metrics are on {}", page);
    out << "page on " << page << "\n";
  }
  out << "ready on " << daemon.address() << std::endl;
  const int signal_number = WaitForStop([&daemon] { daemon.Reload(); });
  spdlog::info(
      "{}: no new mail is started; what is in flight has {} to end. A second signal ends "
      "at once.",
      strsignal(signal_number), absl::FormatDuration(settings.drain_limit));
  return kExitOk;
}

}  // namespace crescendo::daemon
