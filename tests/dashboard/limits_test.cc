// What a client may make the listener hold, and what it hears beyond that.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "tests/dashboard/dashboard_rig.h"

namespace crescendo::dashboard {
namespace {

using testing::HasSubstr;

class LimitsTest : public DashboardTest {
 protected:
  LimitsTest() : DashboardTest({.max_connections = 8, .request_limit = absl::Milliseconds(200)}) {}
};

constexpr char kFine[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

TEST_F(LimitsTest, BrokenRequestsAreRefused) {
  const std::string long_text(70'000, 'x');
  struct Case {
    const char* name;
    std::string bytes;
    int status;  // 0: closed without a word.
  };
  for (const Case& c : {
           Case{"no HTTP", "EHLO mail.example\r\n\r\n", 400},
           Case{"bytes", std::string("\x16\x03\x01\x02\x00\x01\x00\x01", 8) + "\r\n\r\n", 400},
           Case{"no version", "GET /healthz\r\n\r\n", 400},
           Case{"HTTP/2 by surprise", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
           Case{"no Host", "GET /healthz HTTP/1.1\r\n\r\n", 400},
           Case{"two Hosts", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n", 400},
           Case{"a foreign Host", "GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403},
           Case{"an absolute target",
                "GET http://localhost/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
           Case{"a tunnel", "CONNECT localhost:25 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
           Case{"a long head", absl::StrCat("GET /", long_text, " HTTP/1.1\r\n"), 431},
           Case{"a long body",
                "POST /api/v1/plans/a:pause HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
                "70000\r\n\r\n",
                413},
           Case{"two lengths",
                "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: "
                "2\r\n\r\nx",
                400},
           Case{"a negative length",
                "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400},
           Case{"length and chunks",
                "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: "
                "chunked\r\n\r\n0\r\n\r\n",
                400},
           Case{"a folded header",
                "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\r\n\tb\r\n\r\n", 200},
           Case{"a header without a name",
                "GET /healthz HTTP/1.1\r\nHost: localhost\r\n: x\r\n\r\n", 400},
           Case{"a blank before the colon", "GET /healthz HTTP/1.1\r\nHost : localhost\r\n\r\n",
                400},
           Case{"NUL in the target",
                absl::StrCat("GET /", std::string(1, '\0'), " HTTP/1.1\r\nHost: localhost\r\n\r\n"),
                400},
           Case{"cut in the head", "GET /healthz HTTP/1.1\r\nHost: lo", 0},
           Case{"cut in the body",
                "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nab", 0},
           Case{"nothing", "", 0},
       }) {
    SCOPED_TRACE(c.name);
    HttpClient client(port_);
    client.Send(c.bytes);
    client.EndSending();
    const std::string answer = client.ReadAll();
    EXPECT_EQ(StatusOf(answer), c.status) << answer;
  }
  EXPECT_EQ(StatusOf(Get(port_, "/healthz")), 200) << "and the next is served";
}

TEST_F(LimitsTest, AConnectionServesMany) {
  HttpClient client(port_);
  client.Send(absl::StrCat(kFine, kFine, kFine));  // At once.
  for (int i = 0; i < 3; ++i) EXPECT_EQ(BodyOf(client.ReadAnswer()), "ok\n");
  client.Send("GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(BodyOf(client.ReadAll()), "ok\n") << "HTTP/1.0 ends it";
}

TEST_F(LimitsTest, WhoIsSlowIsClosed) {
  HttpClient client(port_);
  client.Send("GET /healthz HTTP/1.1\r\n");
  EXPECT_EQ(client.ReadAll(), "");
  HttpClient idle(port_);
  EXPECT_EQ(idle.ReadAll(), "");
}

TEST_F(LimitsTest, OneConnectionTooManyIsTold) {
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (int i = 0; i < 8; ++i) {
    auto& client = clients.emplace_back(std::make_unique<HttpClient>(port_));
    client->Send("GET /api/v1/events:stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_THAT(client->ReadUntil("\r\n\r\n"), HasSubstr("200 OK"));
  }
  HttpClient one_more(port_);
  EXPECT_THAT(one_more.ReadAll(), HasSubstr("all 8 connections are taken (http.max_connections)"));
  clients.pop_back();
  while (dashboard_->open_connections() > 7) std::this_thread::yield();
  EXPECT_EQ(StatusOf(Get(port_, "/healthz")), 200);
}

TEST(Listening, ATakenAddressIsNamed) {
  const Listener::Handler handler = [](Request, Responder responder) { responder.Send({}); };
  const auto first = Listener::Start({.host = "127.0.0.1"}, handler);
  ASSERT_TRUE(first.ok());
  const auto second = Listener::Start({.host = "127.0.0.1", .port = (*first)->port()}, handler);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr(absl::StrCat("cannot listen on 127.0.0.1:", (*first)->port())));
}

TEST(Listening, ASocketFileIsTheOwnersAndOutlivesAKill) {
  const Listener::Handler handler = [](Request, Responder responder) { responder.Send({}); };
  const std::string path = absl::StrCat(testing::TempDir(), "/crescendo-http-", getpid(), ".sock");
  {
    const auto first = Listener::Start({.socket_path = path}, handler);
    ASSERT_TRUE(first.ok()) << first.status();
    struct stat info;
    ASSERT_EQ(stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
    EXPECT_FALSE(Listener::Start({.socket_path = path}, handler).ok()) << "it lives";
  }
  EXPECT_NE(access(path.c_str(), F_OK), 0);
  // What a killed one leaves.
  const int dead = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{.sun_family = AF_UNIX};
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(dead, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  close(dead);
  EXPECT_TRUE(Listener::Start({.socket_path = path}, handler).ok());
}

}  // namespace
}  // namespace crescendo::dashboard
