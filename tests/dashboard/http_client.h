// http_client.h: one connection to the listener, byte by byte.
#pragma once

#include <string>

namespace crescendo::dashboard {

class HttpClient {
 public:
  explicit HttpClient(int port);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  void Send(const std::string& bytes);
  void EndSending();
  // Everything up to and with `end`; what there was, if the connection ends before.
  std::string ReadUntil(const std::string& end);
  // Until the server closes.
  std::string ReadAll() { return ReadUntil(std::string(1, '\0') + "never"); }
  // One answer with a Content-Length, head and body.
  std::string ReadAnswer();

 private:
  int socket_;
  std::string buffer_;
};

// One request on a connection of its own; the whole answer. `headers` end with \r\n each.
std::string Ask(int port, const std::string& verb, const std::string& target,
                const std::string& headers = "", const std::string& body = "");
std::string Get(int port, const std::string& target, const std::string& headers = "");
int StatusOf(const std::string& answer);
std::string BodyOf(const std::string& answer);

}  // namespace crescendo::dashboard
