// deadlines.h: how long a session waits for each step (RFC 5321 §4.5.3.2).
//
// Real time, never a scaled clock's: the peer lives in the real one.
#pragma once

#include <cstddef>

#include "absl/time/time.h"
#include "smtp_client/session/dialogue.h"

namespace crescendo::smtp {

struct Deadlines {
  absl::Duration connect = absl::Seconds(30);
  absl::Duration banner = absl::Minutes(5);
  absl::Duration ehlo = absl::Minutes(5);
  absl::Duration start_tls = absl::Minutes(2);
  absl::Duration handshake = absl::Minutes(1);
  absl::Duration mail = absl::Minutes(5);
  absl::Duration rcpt = absl::Minutes(5);
  absl::Duration data = absl::Minutes(2);
  absl::Duration data_block = absl::Minutes(3);
  absl::Duration final_dot = absl::Minutes(10);
  absl::Duration rset = absl::Minutes(1);
  absl::Duration quit = absl::Seconds(10);  // Nothing hangs on the answer.
  // From the connect to the last EHLO, with a second try in the clear, however slowly each step
  // goes.
  absl::Duration opening = absl::Minutes(15);
  // One transaction in all, however slowly each of its steps goes.
  absl::Duration transaction = absl::Minutes(30);

  // So much of a message, or what is left of it, is taken within data_block: a receiver that sips
  // is as one that has stopped.
  size_t block_bytes = 64 << 10;

  absl::Duration For(Wait wait) const {
    switch (wait) {
      case Wait::kConnect:
        return connect;
      case Wait::kBanner:
        return banner;
      case Wait::kEhlo:
        return ehlo;
      case Wait::kStartTls:
        return start_tls;
      case Wait::kHandshake:
        return handshake;
      case Wait::kRset:
        return rset;
      case Wait::kMail:
        return mail;
      case Wait::kRcpt:
        return rcpt;
      case Wait::kData:
        return data;
      case Wait::kDataBlock:
        return data_block;
      case Wait::kFinalDot:
        return final_dot;
      case Wait::kQuit:
        return quit;
      case Wait::kIdle:
      case Wait::kNothing:
        break;
    }
    return absl::InfiniteDuration();
  }
};

}  // namespace crescendo::smtp
