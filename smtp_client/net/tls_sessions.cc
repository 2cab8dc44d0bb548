#include "smtp_client/net/tls_sessions.h"

#include <algorithm>
#include <utility>

namespace crescendo::smtp {

namespace {

// OpenSSL marks the one of a connection that ends without close_notify as not to be resumed.
TlsSessions::Session Copy(SSL_SESSION* session) {
  return TlsSessions::Session(SSL_SESSION_dup(session), &SSL_SESSION_free);
}

}  // namespace

void TlsSessions::Put(const std::string& key, SSL_SESSION* session) {
  Session copy = Copy(session);
  if (most_ == 0 || copy == nullptr || SSL_SESSION_is_resumable(copy.get()) == 0) return;
  if (const auto kept = by_key_.find(key);
      kept != by_key_.end() && kept->second.size() == kPerKey) {
    Drop(kept->second.front());
  }
  if (sessions_.size() == most_) Drop(sessions_.begin());
  sessions_.push_back({key, std::move(copy)});
  by_key_[key].push_back(std::prev(sessions_.end()));
}

TlsSessions::Session TlsSessions::Take(const std::string& key) {
  const auto kept = by_key_.find(key);
  if (kept == by_key_.end()) return Session(nullptr, &SSL_SESSION_free);
  const auto newest = kept->second.back();
  if (SSL_SESSION_get_protocol_version(newest->session.get()) < TLS1_3_VERSION) {
    return Copy(newest->session.get());
  }
  Session session = std::move(newest->session);
  Drop(newest);
  return session;
}

void TlsSessions::Forget(const std::string& key) {
  while (true) {
    const auto kept = by_key_.find(key);
    if (kept == by_key_.end()) return;
    Drop(kept->second.back());
  }
}

void TlsSessions::Drop(std::list<Kept>::iterator kept) {
  const auto of_key = by_key_.find(kept->key);
  std::erase(of_key->second, kept);
  if (of_key->second.empty()) by_key_.erase(of_key);
  sessions_.erase(kept);
}

}  // namespace crescendo::smtp
