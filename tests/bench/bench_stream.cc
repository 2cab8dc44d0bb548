// bench_stream: those who follow a daemon, each over a connection of its own.
//
//   bench_stream --server HOST:PORT --subscribers N --events M   each reads M ACCEPTED events, from
//                                                                the first on
//   bench_stream --server HOST:PORT --watchers N --plan ID       each follows a plan's progress,
//                                                                until standard input ends
//
// Prints "ready" when all are connected, and then, of subscribers, one JSON object: seconds from
// the first event to the last of all, and how many came out of order.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "crescendo/v1/event.grpc.pb.h"
#include "crescendo/v1/plan.grpc.pb.h"

namespace crescendo {
namespace {

struct Arguments {
  std::string server, plan;
  int64_t subscribers = 0, watchers = 0, events = 0;
};

using Clock = std::chrono::steady_clock;

int64_t Micros() {
  return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now().time_since_epoch())
      .count();
}

// Channels of their own: as many connections as there are readers.
std::shared_ptr<grpc::Channel> Connect(const Arguments& arguments) {
  grpc::ChannelArguments own;
  own.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(arguments.server, grpc::InsecureChannelCredentials(), own);
}

struct Reading {
  int64_t first_us = 0, last_us = 0, events = 0, disordered = 0;
};

Reading Subscribe(const Arguments& arguments, std::atomic<int64_t>* ready) {
  Reading reading;
  v1::EventService::Stub stub(Connect(arguments));
  grpc::ClientContext call;
  v1::StreamEventsRequest request;
  request.set_after_event("events/0");
  request.mutable_filter()->add_types(v1::Event::ACCEPTED);
  const auto stream = stub.StreamEvents(&call, request);
  ++*ready;
  v1::Event event;
  int64_t last = 0;
  while (reading.events < arguments.events && stream->Read(&event)) {
    if (reading.events++ == 0) reading.first_us = Micros();
    int64_t number = 0;
    const bool known =
        absl::SimpleAtoi(absl::StripPrefix(event.name(), "events/"), &number) && number > last;
    reading.disordered += !known;
    last = number;
  }
  reading.last_us = Micros();
  call.TryCancel();
  stream->Finish();
  return reading;
}

int RunSubscribers(const Arguments& arguments) {
  std::atomic<int64_t> ready{0};
  std::vector<Reading> readings(static_cast<size_t>(arguments.subscribers));
  std::vector<std::thread> threads;
  for (Reading& reading : readings) {
    threads.emplace_back([&] { reading = Subscribe(arguments, &ready); });
  }
  while (ready < arguments.subscribers) std::this_thread::yield();
  std::printf("ready\n");
  std::fflush(stdout);
  for (std::thread& thread : threads) thread.join();
  int64_t first = INT64_MAX, last = 0, events = 0, disordered = 0;
  for (const Reading& reading : readings) {
    first = std::min(first, reading.first_us);
    last = std::max(last, reading.last_us);
    events += reading.events;
    disordered += reading.disordered;
  }
  std::printf("{\"seconds\": %.6f, \"events\": %lld, \"disordered\": %lld}\n",
              static_cast<double>(last - first) / 1e6, static_cast<long long>(events),
              static_cast<long long>(disordered));
  return events == arguments.subscribers * arguments.events ? 0 : 1;
}

int RunWatchers(const Arguments& arguments) {
  struct Watcher {
    std::shared_ptr<grpc::Channel> channel;
    grpc::ClientContext call;
    std::unique_ptr<grpc::ClientReader<v1::PlanProgress>> stream;
  };
  std::vector<std::unique_ptr<Watcher>> watchers;
  v1::WatchPlanProgressRequest request;
  request.set_name(absl::StrCat("plans/", arguments.plan));
  for (int64_t i = 0; i < arguments.watchers; ++i) {
    auto& watcher = watchers.emplace_back(std::make_unique<Watcher>());
    watcher->channel = Connect(arguments);
    watcher->stream =
        v1::PlanService::Stub(watcher->channel).WatchPlanProgress(&watcher->call, request);
    v1::PlanProgress progress;
    if (!watcher->stream->Read(&progress)) {
      std::fprintf(stderr, "bench_stream: watcher %lld: %s\n", static_cast<long long>(i),
                   watcher->stream->Finish().error_message().c_str());
      return 1;
    }
  }
  std::printf("ready\n");
  std::fflush(stdout);
  std::string line;
  while (std::getline(std::cin, line)) {
  }
  for (const auto& watcher : watchers) watcher->call.TryCancel();
  return 0;
}

}  // namespace
}  // namespace crescendo

int main(int argc, char** argv) {
  crescendo::Arguments arguments;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i], value = argv[i + 1];
    if (name == "--server") arguments.server = value;
    if (name == "--plan") arguments.plan = value;
    if (name == "--subscribers") arguments.subscribers = std::atoll(value.c_str());
    if (name == "--watchers") arguments.watchers = std::atoll(value.c_str());
    if (name == "--events") arguments.events = std::atoll(value.c_str());
  }
  return arguments.watchers > 0 ? crescendo::RunWatchers(arguments)
                                : crescendo::RunSubscribers(arguments);
}
