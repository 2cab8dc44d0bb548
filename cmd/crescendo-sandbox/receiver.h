// receiver.h: one provider's mind: what it answers, and what it remembers of each source IP.
//
// The session asks it at each step of the dialogue. It keeps something of each distinct recipient
// and source IP it has seen (about 200 octets each), as a greylisting server does.
//
// Threads  belongs to one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "cmd/crescendo-sandbox/source_limits.h"
#include "crescendo/sandbox/v1/sandbox.pb.h"

namespace crescendo::sandbox {

// Who is talking, for limits and reply texts.
struct Talk {
  std::string source_ip;
  std::string helo;
  std::string mail_from;
  int64_t mails = 0;  // MAIL commands of this connection, this one included.
};

// What happens between DATA and the final dot.
enum class DataFate { kGoOn, kDropAtData, kDropInData };

// What happens at the final dot.
struct DotFate {
  bool drop = false;    // No reply: the connection ends.
  bool keep = false;    // With `drop`: a copy was stored before.
  absl::Duration slow;  // How late the reply comes.
};

class Receiver {
 public:
  // `config` has its defaults filled in (scenario.h) and outlives this.
  Receiver(const v1::Provider& config, uint64_t seed);

  const v1::Provider& config() const { return config_; }
  bool Offers(absl::string_view keyword) const;
  bool Serves(absl::string_view domain) const;
  std::string Banner() const;

  // Each answers with the wire text of a refusal (lines end in CRLF), or nullopt: go on.
  // A connection that was not refused is counted until Disconnected.
  std::optional<std::string> AtConnect(const Talk& talk, absl::Time now);
  void Disconnected(const Talk& talk);
  std::optional<std::string> AtMail(const Talk& talk, absl::Time now);
  std::optional<std::string> AtRcpt(const Talk& talk, absl::string_view rcpt, absl::Time now);
  std::optional<std::string> AtEndOfData(const Talk& talk, absl::string_view rcpt, absl::Time now);

  DataFate AtData(absl::string_view rcpt);
  // REQUIRES: AtEndOfData let it pass.
  DotFate AtDot(absl::string_view rcpt);

 private:
  struct Address {
    absl::Time first_seen;
    int64_t attempts = 0;
  };
  std::optional<std::string> RateRefusal(const Talk& talk, absl::string_view rcpt, v1::Phase phase,
                                         absl::Time now);
  std::optional<std::string> Grey(const Talk& talk, absl::string_view rcpt, absl::Time now);
  SourceLimits& LimitsOf(const std::string& source_ip, absl::Time now);
  double AttemptChance(absl::string_view about, absl::string_view rcpt) const;
  std::string Fill(const v1::Refusal& refusal, const Talk& talk, absl::string_view rcpt) const;

  const v1::Provider& config_;
  const uint64_t seed_;
  absl::flat_hash_map<std::string, SourceLimits> limits_;  // By source IP.
  absl::flat_hash_map<std::string, uint32_t> open_;        // Connections by source IP.
  absl::flat_hash_map<std::string, Address> addresses_;    // By recipient.
  absl::flat_hash_map<std::string, absl::Time> grey_;      // First attempt of each triplet.
};

}  // namespace crescendo::sandbox
