// adapt_sender.h: the throttle as a LimitSender: replies are classified by the shipped rules, the
// rest is core/ProviderControl.
//
// Threads  none of its own.
#pragma once

#include <memory>
#include <string>

#include "scheduler/base/random.h"
#include "scheduler/core/options.h"
#include "scheduler/core/provider_control.h"
#include "scheduler/providers/provider_loader.h"
#include "tests/sim/limit_world.h"

namespace crescendo::testing {

// A midnight, in UTC: second 0 of every scenario.
inline const absl::Time kScenarioStart = absl::FromUnixSeconds(1'767'571'200);

class AdaptSender : public LimitSender {
 public:
  // `planned`: messages per second and IP on the first day. `providers` outlives this.
  AdaptSender(const providers::ProviderData& providers, const std::string& provider, int ips,
              double planned);
  AdaptSender(const providers::ProviderData& providers, const LimitScenario& scenario)
      : AdaptSender(providers, scenario.flavor, scenario.ips,
                    QuotaOf(scenario)[0] / (scenario.window_end - scenario.window_start)) {}

  Turn Next(int ip, double now, const SenderView& view) override;
  void OnSend(int ip, double now) override;
  void OnResult(int ip, double now, double started, const Reply& reply) override;
  double RetryDelay(int ip, double now, int attempts, const Reply& reply) override;
  double RateInUse(int ip) const override { return control_.RateInUse(ip); }
  const core::ProviderControl& control() const { return control_; }

 private:
  const providers::ProviderData& providers_;
  ProviderId provider_;
  core::ProviderControl control_;
  std::vector<SenderView> views_;
  int64_t attempts_ = 0, finished_ = 0;
  int day_ = 0;
};

}  // namespace crescendo::testing
