#include "tests/dashboard/http_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"

namespace crescendo::dashboard {

HttpClient::HttpClient(int port) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
}

HttpClient::~HttpClient() { close(socket_); }

void HttpClient::Send(const std::string& bytes) {
  send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

void HttpClient::EndSending() { shutdown(socket_, SHUT_WR); }

std::string HttpClient::ReadUntil(const std::string& end) {
  char piece[16384];
  size_t found;
  while ((found = buffer_.find(end)) == std::string::npos) {
    const ssize_t got = recv(socket_, piece, sizeof(piece), 0);
    if (got <= 0) return std::exchange(buffer_, "");
    buffer_.append(piece, static_cast<size_t>(got));
  }
  const std::string read = buffer_.substr(0, found + end.size());
  buffer_.erase(0, read.size());
  return read;
}

std::string HttpClient::ReadAnswer() {
  std::string answer = ReadUntil("\r\n\r\n");
  const size_t length = answer.find("Content-Length: ");
  if (length == std::string::npos) return answer;
  const size_t wanted = std::stoul(answer.substr(length + 16));
  char piece[16384];
  while (buffer_.size() < wanted) {
    const ssize_t got = recv(socket_, piece, sizeof(piece), 0);
    if (got <= 0) break;
    buffer_.append(piece, static_cast<size_t>(got));
  }
  answer += buffer_.substr(0, wanted);
  buffer_.erase(0, wanted);
  return answer;
}

std::string Ask(int port, const std::string& verb, const std::string& target,
                const std::string& headers, const std::string& body) {
  HttpClient client(port);
  client.Send(absl::StrCat(verb, " ", target, " HTTP/1.1\r\nHost: localhost:", port, "\r\n",
                           headers, "Connection: close\r\nContent-Length: ", body.size(),
                           "\r\n\r\n", body));
  return client.ReadAll();
}

std::string Get(int port, const std::string& target, const std::string& headers) {
  return Ask(port, "GET", target, headers);
}

int StatusOf(const std::string& answer) {
  return answer.size() < 12 ? 0 : std::stoi(answer.substr(9, 3));
}

std::string BodyOf(const std::string& answer) {
  const size_t end = answer.find("\r\n\r\n");
  return end == std::string::npos ? "" : answer.substr(end + 4);
}

}  // namespace crescendo::dashboard
