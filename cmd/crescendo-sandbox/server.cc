#include "cmd/crescendo-sandbox/server.h"

#include <csignal>
#include <list>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "asio/co_spawn.hpp"
#include "asio/detached.hpp"
#include "asio/io_context.hpp"
#include "asio/post.hpp"
#include "asio/redirect_error.hpp"
#include "asio/signal_set.hpp"
#include "asio/use_awaitable.hpp"
#include "cmd/crescendo-sandbox/certificate.h"
#include "cmd/crescendo-sandbox/connection.h"
#include "cmd/crescendo-sandbox/receiver.h"
#include "scheduler/base/status_macros.h"
#include "spdlog/spdlog.h"

namespace crescendo::sandbox {
namespace {

using asio::awaitable;
using asio::ip::tcp;

// After a failed accept (out of descriptors) trying again at once would only burn the CPU.
constexpr absl::Duration kAcceptPause = absl::Milliseconds(50);

struct Listener {
  Listener(asio::io_context& io, const v1::Provider& provider, uint64_t seed)
      : receiver(provider, seed), acceptor(io) {}
  Receiver receiver;
  tcp::acceptor acceptor;
};

std::vector<std::string> HostNames(const v1::Scenario& scenario) {
  std::vector<std::string> names;
  for (const v1::Provider& provider : scenario.providers()) {
    for (const v1::Site& site : provider.sites()) {
      names.insert(names.end(), site.mx().begin(), site.mx().end());
    }
  }
  return names;
}

}  // namespace

class Server::Impl {
 public:
  Impl(v1::Scenario scenario, Ledger* ledger, const base::Clock* clock,
       const ServerOptions& options)
      : scenario_(std::move(scenario)),
        ledger_(ledger),
        clock_(clock),
        options_(options),
        tls_(asio::ssl::context::tls_server),
        signals_(io_) {}

  absl::Status Prepare() {
    ASSIGN_OR_RETURN(certificate_, NewCertificate(HostNames(scenario_)));
    asio::error_code error;
    tls_.use_certificate_chain(asio::buffer(certificate_.certificate_pem), error);
    if (!error) {
      tls_.use_private_key(asio::buffer(certificate_.key_pem), asio::ssl::context::pem, error);
    }
    if (error) return absl::InternalError(absl::StrCat("certificate: ", error.message()));
    for (v1::Provider& provider : *scenario_.mutable_providers()) {
      RETURN_IF_ERROR(Bind(&provider));
    }
    return absl::OkStatus();
  }

  void StopOnSignals() {
    signals_.add(SIGINT);
    signals_.add(SIGTERM);
    signals_.async_wait([this](asio::error_code error, int) {
      if (!error) StopNow();
    });
  }

  void Run() {
    for (Listener& listener : listeners_) {
      asio::co_spawn(io_, Accept(&listener), asio::detached);
    }
    // Returns when nothing is left to wait for: every dialogue has ended and told the ledger.
    io_.run();
  }

  void Stop() {
    asio::post(io_, [this] { StopNow(); });
  }

  const v1::Scenario& scenario() const { return scenario_; }
  const std::string& certificate_pem() const { return certificate_.certificate_pem; }

 private:
  absl::Status Bind(v1::Provider* provider) {
    Listener& listener = listeners_.emplace_back(io_, *provider, scenario_.seed());
    const tcp::endpoint endpoint(asio::ip::make_address(provider->address()),
                                 static_cast<uint16_t>(provider->port()));
    asio::error_code error;
    listener.acceptor.open(endpoint.protocol(), error);
    if (!error) listener.acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) listener.acceptor.bind(endpoint, error);
    if (!error) listener.acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      return absl::UnavailableError(absl::StrCat(provider->name(), ": cannot listen on ",
                                                 provider->address(), " port ", provider->port(),
                                                 ": ", error.message()));
    }
    provider->set_port(listener.acceptor.local_endpoint().port());
    return absl::OkStatus();
  }

  awaitable<void> Accept(Listener* listener) {
    while (!stopping_) {
      asio::error_code error;
      tcp::socket socket = co_await listener->acceptor.async_accept(
          asio::redirect_error(asio::use_awaitable, error));
      if (stopping_) co_return;
      if (error) {
        spdlog::warn("accept: {}", error.message());
        asio::steady_timer pause(io_, absl::ToChronoNanoseconds(kAcceptPause));
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
        continue;
      }
      if (connections_.size() >= scenario_.max_connections()) continue;  // Closes it.
      socket.set_option(tcp::no_delay(true), error);
      Start(listener, std::move(socket));
    }
  }

  void Start(Listener* listener, tcp::socket socket) {
    connections_.push_back(std::make_shared<Connection>(std::move(socket), &tls_,
                                                        &listener->receiver, ledger_, clock_,
                                                        options_, ++connection_number_));
    const auto place = std::prev(connections_.end());
    asio::co_spawn(io_, Connection::Run(*place),
                   [this, place](std::exception_ptr) { connections_.erase(place); });
  }

  void StopNow() {
    if (stopping_) return;
    stopping_ = true;
    asio::error_code ignored;
    signals_.cancel(ignored);
    for (Listener& listener : listeners_) listener.acceptor.close(ignored);
    for (const std::shared_ptr<Connection>& connection : connections_) connection->Stop();
  }

  v1::Scenario scenario_;
  Ledger* const ledger_;
  const base::Clock* const clock_;
  const ServerOptions options_;
  Certificate certificate_;
  asio::io_context io_{1};
  asio::ssl::context tls_;
  asio::signal_set signals_;
  std::list<Listener> listeners_;
  std::list<std::shared_ptr<Connection>> connections_;
  int64_t connection_number_ = 0;
  bool stopping_ = false;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

absl::StatusOr<std::unique_ptr<Server>> Server::Listen(v1::Scenario scenario, Ledger* ledger,
                                                       const base::Clock* clock,
                                                       const ServerOptions& options) {
  auto impl = std::make_unique<Impl>(std::move(scenario), ledger, clock, options);
  RETURN_IF_ERROR(impl->Prepare());
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

const v1::Scenario& Server::scenario() const { return impl_->scenario(); }
const std::string& Server::certificate_pem() const { return impl_->certificate_pem(); }
void Server::StopOnSignals() { impl_->StopOnSignals(); }
void Server::Run() { impl_->Run(); }
void Server::Stop() { impl_->Stop(); }

}  // namespace crescendo::sandbox
