// probe_report.h: a probe's steps, explained.
//
// Threads  one at a time.
#pragma once

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "crescendo/v1/diagnostics.pb.h"
#include "scheduler/engine/engine.h"
#include "scheduler/service/probe_target.h"

namespace crescendo::service {

class ProbeReport {
 public:
  // `engine`, whose classifier and options explain, outlives it.
  ProbeReport(const engine::Engine* engine, ProbeRoute route)
      : engine_(engine), route_(std::move(route)) {}

  // Of what was looked up; a RESULT too where there is nothing to try.
  v1::ProbeStep Resolved(absl::Duration took) const;
  static v1::ProbeStep NotResolved(const std::string& name, const absl::Status& status,
                                   absl::Duration took);
  // The RESULT of a probe that ended before its session.
  static v1::ProbeStep NoSession(const v1::ProbeStep& resolve);

  // REQUIRES: not of a kEnded.
  v1::ProbeStep Explain(const ports::ProbeStep& step);
  // `took`: all of it.
  v1::ProbeStep Result(const ports::ProbeStep& ended, absl::Duration took) const;

 private:
  void ReadReply(const ports::ProbeStep& step, v1::ProbeStep* out);
  void ReadEhlo(const Reply& reply, v1::ProbeStep* out);
  void ReadTls(const ports::TlsFacts& facts, v1::ProbeStep* out);
  bool MayFail(v1::ProbeStep::Kind kind, const Reply& reply) const;
  bool demands_tls() const;
  v1::ProbeStep::Kind goal() const;
  // Where it was when it ended.
  v1::ProbeStep::Kind EndedAt(const ports::ProbeStep& ended) const;
  std::string Advice(v1::ProbeStep::Kind at, const ports::ProbeStep& ended) const;

  const engine::Engine* const engine_;
  const ProbeRoute route_;
  v1::ProbeStep::Kind last_ = v1::ProbeStep::RESOLVE;  // The last step that was told.
  std::optional<v1::ProbeStep> refusal_;               // That decides.
  bool reached_ = false;                               // The goal.
  bool encrypted_ = false;
  bool untrusted_ = false;  // And the policy asks for trust.
  bool offers_tls_ = false;
};

}  // namespace crescendo::service
