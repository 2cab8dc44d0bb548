#include "scheduler/ramps/ramp_loader.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "crescendo/config/v1/ramp.pb.h"
#include "scheduler/base/check.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/domain/ids.h"
#include "scheduler/ramps/embedded_files.h"

namespace crescendo::ramps {
namespace {

namespace config = ::crescendo::config::v1;

constexpr int64_t kLargestCap = 10'000'000;

class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int /*column*/, const std::string& message) override {
    if (error_.empty()) error_ = absl::StrCat(line + 1, ": ", message);
  }
  const std::string& error() const { return error_; }

 private:
  std::string error_;
};

absl::Status Fault(const std::string& file, absl::string_view field, absl::string_view fault) {
  return absl::InvalidArgumentError(absl::StrCat(file, ": ", field, ": ", fault));
}

absl::Status CheckStages(const std::string& file, const RampPreset& ramp) {
  if (ramp.stages.empty()) return Fault(file, "stage", "is missing");
  int64_t before = 0;
  for (size_t i = 0; i < ramp.stages.size(); ++i) {
    const Stage& stage = ramp.stages[i];
    const std::string field = absl::StrCat("stage[", i, "]");
    if (stage.days < 1 || stage.days > 365) {
      return Fault(file, field + ".days", absl::StrCat("must be in [1, 365], is ", stage.days));
    }
    if (stage.daily_cap < 1 || stage.daily_cap > kLargestCap) {
      return Fault(file, field + ".daily_cap",
                   absl::StrCat("must be in [1, 10000000], is ", stage.daily_cap));
    }
    if (stage.daily_cap <= before) {
      return Fault(file, field + ".daily_cap", absl::StrCat("must rise, is ", stage.daily_cap));
    }
    before = stage.daily_cap;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RampPreset> ParseRamp(const std::string& name, const std::string& text) {
  config::Ramp proto;
  google::protobuf::TextFormat::Parser parser;
  FirstError errors;
  parser.RecordErrorsTo(&errors);
  if (!parser.ParseFromString(text, &proto)) {
    return absl::InvalidArgumentError(absl::StrCat(name, ":", errors.error()));
  }
  RampPreset ramp;
  ramp.id = proto.id();
  ramp.display_name = proto.display_name();
  ramp.source = proto.source();
  for (const config::Ramp::Stage& stage : proto.stage()) {
    ramp.stages.push_back({stage.days(), stage.daily_cap()});
  }
  ramp.days = proto.then_days();
  ramp.factor = proto.then_factor();
  ramp.safe_growth = proto.safe_growth();
  if (const std::string fault = LabelFault(ramp.id); !fault.empty())
    return Fault(name, "id", fault);
  if (ramp.display_name.empty()) return Fault(name, "display_name", "is missing");
  if (ramp.source.empty()) return Fault(name, "source", "is missing");
  RETURN_IF_ERROR(CheckStages(name, ramp));
  if (ramp.days < 1 || ramp.days > 365) {
    return Fault(name, "then_days", absl::StrCat("must be in [1, 365], is ", ramp.days));
  }
  if (!(ramp.factor > 1 && ramp.factor <= 10)) {
    return Fault(name, "then_factor", absl::StrCat("must be in (1, 10], is ", ramp.factor));
  }
  return ramp;
}

absl::Span<const RampPreset> ShippedRamps() {
  static const auto* const kRamps = [] {
    auto* ramps = new std::vector<RampPreset>;
    for (size_t i = 0; i < kEmbeddedFileCount; ++i) {
      absl::StatusOr<RampPreset> ramp = ParseRamp(kEmbeddedFiles[i].name, kEmbeddedFiles[i].text);
      CRESCENDO_CHECK(ramp.ok());
      ramps->push_back(*std::move(ramp));
    }
    std::sort(ramps->begin(), ramps->end(),
              [](const RampPreset& a, const RampPreset& b) { return a.id < b.id; });
    return ramps;
  }();
  return *kRamps;
}

const RampPreset* FindRamp(absl::string_view id) {
  for (const RampPreset& ramp : ShippedRamps()) {
    if (ramp.id == id) return &ramp;
  }
  return nullptr;
}

}  // namespace crescendo::ramps
