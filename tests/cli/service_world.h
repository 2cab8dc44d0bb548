// service_world.h: a whole service in this process: the real gRPC server, engine, shard and
// provider data over the memory store, a clock moved by hand, and receivers that answer at once.
//
// A recipient's local part says what its receiver answers: full… 452 4.2.2, unknown… 550 5.1.1,
// anything else 250; a dialogue that was deferred keeps no transcript. Routes: gmail.com, yahoo.com
// and example.com; no other domain has one. A probe takes the same answers in no time, and each
// step of it 12 ms; what is sent to a lane can be traced.
//
// Threads  one thread owns it; gRPC's own threads call the engine, which a further thread turns.
#pragma once

#include <memory>
#include <string>
#include <thread>

#include "absl/time/time.h"
#include "grpcpp/channel.h"
#include "scheduler/base/mutex.h"
#include "scheduler/engine/engine.h"
#include "scheduler/service/server.h"
#include "smtp_client/delivery/static_routes.h"
#include "smtp_client/delivery/trace_hub.h"
#include "smtp_client/message/campaign_composer.h"
#include "store/memory/memory_store.h"
#include "tests/support/sim_clock.h"

namespace crescendo::cli {

class ServiceWorld {
 public:
  // On a free port of loopback. It is 2026-01-01 08:00 UTC.
  ServiceWorld();
  ~ServiceWorld();

  // "127.0.0.1:PORT": the same one after StopServer and StartServer.
  const std::string& address() const { return address_; }
  std::shared_ptr<grpc::Channel> channel() { return server_->InProcessChannel(); }
  size_t open_streams() const { return server_->open_streams(); }

  // Whatever falls due meanwhile is done at its time; the same each run.
  void Advance(absl::Duration by) ABSL_LOCKS_EXCLUDED(mu_);

  // The server goes away and cuts every call; what is stored stays.
  void StopServer();
  void StartServer();

 private:
  class Receivers;
  void Pump() ABSL_LOCKS_EXCLUDED(mu_);

  support::SimClock clock_;
  smtp::TraceHub traces_{&clock_};
  std::unique_ptr<ports::Prober> prober_;
  smtp::StaticRoutes routes_;
  smtp::CampaignComposer composer_;
  store::MemoryStore store_;
  std::unique_ptr<Receivers> receivers_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<service::Server> server_;
  std::string address_ = "127.0.0.1:0";

  base::Mutex mu_;  // Whoever turns the engine holds it.
  base::CondVar wake_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread pump_;
};

}  // namespace crescendo::cli
