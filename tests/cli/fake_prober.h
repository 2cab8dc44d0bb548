// fake_prober.h: probes that take the answers of a function, the same each run.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "scheduler/domain/reply.h"
#include "scheduler/ports/prober.h"

namespace crescendo::cli {

// To hosts with TLS. `answer`: to RCPT, by recipient. A recipient "lost…" ends it there.
std::unique_ptr<ports::Prober> NewFakeProber(std::function<Reply(absl::string_view)> answer);

}  // namespace crescendo::cli
