// throttle_ext: the throttle library as an external controller of throttle_sim.py (--ext).
//
// JSON lines on standard input; `next` and `retry` are answered, one line each:
//   {"op":"init","ips":2,"plan":[...],"window_h":[0,24],"provider":"gmail"}
//   {"op":"next","ip":0,"t":12.5,"need":0.31,"inflight":2}  ->  {"at":13.0,"max_conn":20}
//   {"op":"send","ip":0,"t":13.0}
//   {"op":"result","ip":0,"t":13.4,"started":13.0,"code":421,"enh":"4.7.28","text":"…","phase":"data"}
//   {"op":"retry","ip":0,"t":13.4,"attempt":1,"code":421,"enh":"…","text":"…"}  ->  {"delay":90}
#include <iostream>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "scheduler/base/check.h"
#include "tests/sim/adapt_sender.h"

namespace crescendo::testing {
namespace {

using Json = nlohmann::json;

Reply ReplyOf(const Json& line) {
  Reply reply;
  reply.code = line.at("code");
  const std::vector<std::string> parts = absl::StrSplit(line.value("enh", ""), '.');
  if (parts.size() == 3) {
    reply.enhanced = {std::stoi(parts[0]), std::stoi(parts[1]), std::stoi(parts[2])};
  }
  reply.lines = {line.at("text").get<std::string>()};
  const std::string phase = line.value("phase", "data");
  reply.stage = phase == "connect" ? SmtpStage::kConnect
                : phase == "mail"  ? SmtpStage::kMail
                : phase == "rcpt"  ? SmtpStage::kRcpt
                                   : SmtpStage::kEndOfData;
  return reply;
}

int Main() {
  const auto providers = providers::LoadProviders("");
  CRESCENDO_CHECK(providers.ok());
  std::unique_ptr<AdaptSender> sender;
  std::string text;
  while (std::getline(std::cin, text)) {
    const Json line = Json::parse(text);
    const std::string op = line.at("op");
    if (op == "init") {
      const double hours =
          line.at("window_h").at(1).get<double>() - line.at("window_h").at(0).get<double>();
      sender = std::make_unique<AdaptSender>(*providers, line.at("provider"), line.at("ips"),
                                             line.at("plan").at(0).get<double>() / (hours * 3600));
    } else if (op == "next") {
      const LimitSender::Turn turn =
          sender->Next(line.at("ip"), line.at("t"), {line.at("need"), line.at("inflight")});
      Json answer = {{"max_conn", turn.max_connections}};
      answer["at"] = turn.at == kNever ? Json() : Json(turn.at);
      std::cout << answer.dump() << std::endl;
    } else if (op == "send") {
      sender->OnSend(line.at("ip"), line.at("t"));
    } else if (op == "result") {
      sender->OnResult(line.at("ip"), line.at("t"), line.at("started"), ReplyOf(line));
    } else if (op == "retry") {
      const double delay =
          sender->RetryDelay(line.at("ip"), line.at("t"), line.at("attempt"), ReplyOf(line));
      std::cout << Json({{"delay", delay}}).dump() << std::endl;
    } else {
      std::cerr << "throttle_ext: unknown op " << op << "\n";
      return 1;
    }
  }
  return 0;
}

}  // namespace
}  // namespace crescendo::testing

int main() { return crescendo::testing::Main(); }
