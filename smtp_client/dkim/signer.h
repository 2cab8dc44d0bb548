// signer.h: the DKIM-Signature fields of a message.
//
// relaxed/relaxed, no l=. From, To, Subject and the like are named once more than they occur, so
// that nobody adds one to a signed message. The same message, time and keys give the same bytes.
//
// Threads  one at a time: it keeps OpenSSL's contexts between messages. Several may share a
// Keyring. See      RFC 6376, RFC 8463; RFC 8058 §4 (List-Unsubscribe must be signed).
#pragma once

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "smtp_client/dkim/keyring.h"
#include "smtp_client/dkim/signing_contexts.h"

namespace crescendo::smtp::dkim {

class Signer {
 public:
  explicit Signer(const Keyring* keyring);  // Outlives the signer.

  // The fields to put before `message`, one for each of the domain's keys; "" if it has none.
  // `time` is t=; `expires` is x=, and InfiniteFuture leaves it out.
  // REQUIRES: `message` is RFC 5322 with CRLF line ends; `domain` is lower case.
  std::string Sign(absl::string_view domain, absl::string_view message, absl::Time time,
                   absl::Time expires);

 private:
  const Keyring* const keyring_;
  std::shared_ptr<const KeyTable> table_;
  SigningContexts contexts_;
  // Their memory is used again.
  std::string header_;  // What is signed of it, in relaxed form.
  std::string own_;     // The DKIM-Signature field, in relaxed form.
};

}  // namespace crescendo::smtp::dkim
