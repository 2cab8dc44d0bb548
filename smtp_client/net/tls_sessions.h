// tls_sessions.h: TLS sessions to be resumed, which saves the key exchange and the certificate.
//
// A key stands for a peer and for how it was verified: a session that is resumed is not verified
// again, so whoever asks with another key must not get it.
//
// Bounds    the oldest give way: `most` in all (some 5 KB each), kPerKey of one key (L11).
// Threads   one at a time.
// See       RFC 8446 §2.2 and C.4 (a ticket is used once), RFC 5077.
#pragma once

#include <cstddef>
#include <deque>
#include <list>
#include <memory>
#include <string>

#include <openssl/ssl.h>

#include "absl/container/flat_hash_map.h"

namespace crescendo::smtp {

class TlsSessions {
 public:
  using Session = std::unique_ptr<SSL_SESSION, decltype(&SSL_SESSION_free)>;
  static constexpr size_t kPerKey = 8;

  explicit TlsSessions(size_t most) : most_(most) {}

  // Keeps a copy.
  void Put(const std::string& key, SSL_SESSION* session);
  // The newest of `key`; null if there is none. One of TLS 1.3 is not given again.
  Session Take(const std::string& key);
  void Forget(const std::string& key);
  size_t size() const { return sessions_.size(); }

 private:
  struct Kept {
    std::string key;
    Session session;
  };
  void Drop(std::list<Kept>::iterator kept);

  const size_t most_;
  std::list<Kept> sessions_;  // The oldest first.
  absl::flat_hash_map<std::string, std::deque<std::list<Kept>::iterator>> by_key_;  // As well.
};

}  // namespace crescendo::smtp
