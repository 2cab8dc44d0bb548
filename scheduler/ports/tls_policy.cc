#include "scheduler/ports/tls_policy.h"

#include <algorithm>

namespace crescendo::ports {
namespace {

class Strictest final : public TlsPolicies {
 public:
  TlsNeed NeedOf(const TlsQuestion& question) const override {
    TlsNeed need;
    need.level = std::max(question.provider.tls, question.campaign);
    if (need.level == TlsPolicy::kVerified) need.names = {question.host.name};
    need.by = question.campaign > question.provider.tls ? "the campaign" : "the provider";
    return need;
  }
};

}  // namespace

const TlsPolicies& StrictestTls() {
  static const Strictest policies;
  return policies;
}

}  // namespace crescendo::ports
