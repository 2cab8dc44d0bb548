// One POST, over real sockets of loopback.
#include "scheduler/webhooks/http_post.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace crescendo::webhooks {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Takes one request, and answers it with `answer`; "": never, until the peer goes.
class OneAnswer {
 public:
  explicit OneAnswer(std::string answer) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(socket_, 1), 0);
    socklen_t size = sizeof(address);
    getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    url_ = absl::StrCat("http://127.0.0.1:", ntohs(address.sin_port), "/hook");
    thread_ = std::thread([this, answer = std::move(answer)] { Serve(answer); });
  }
  ~OneAnswer() {
    shutdown(socket_, SHUT_RDWR);
    thread_.join();
    close(socket_);
  }
  const std::string& url() const { return url_; }
  // After the answer.
  const std::string& request() const { return request_; }

 private:
  void Serve(const std::string& answer) {
    const int peer = accept(socket_, nullptr, nullptr);
    if (peer < 0) return;
    char bytes[4096];
    ssize_t count = 0;
    while (!absl::StrContains(request_, "{}") && (count = read(peer, bytes, sizeof(bytes))) > 0) {
      request_.append(bytes, static_cast<size_t>(count));
    }
    if (!answer.empty()) (void)!write(peer, answer.data(), answer.size());
    if (answer.empty()) {
      while (read(peer, bytes, sizeof(bytes)) > 0) {
      }
    }
    close(peer);
  }

  const int socket_;
  std::string url_, request_;
  std::thread thread_;
};

bool Never() { return false; }

TEST(HttpPost, GivesTheAnswer) {
  struct Case {
    const char* name;
    std::string answer;
    int code;
    const char* fault;
    absl::Duration retry_after;
  };
  for (const Case& c :
       {Case{"taken", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", absl::ZeroDuration()},
        Case{"later", "HTTP/1.1 503 Busy\r\nRetry-After: 90\r\nContent-Length: 4\r\n\r\nbusy", 503,
             "busy", absl::Seconds(90)},
        Case{"elsewhere", "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n", 302, "",
             absl::ZeroDuration()},
        Case{"endless", absl::StrCat("HTTP/1.1 200 OK\r\n\r\n", std::string(200'000, 'x')), 0,
             "writ", absl::ZeroDuration()},
        Case{"no HTTP", "220 smtp.example ready\r\n", 0, "HTTP/0.9", absl::ZeroDuration()}}) {
    SCOPED_TRACE(c.name);
    OneAnswer receiver(c.answer);
    const PostAnswer answer =
        NewPoster(absl::Seconds(30))->Post({receiver.url(), {{"webhook-id", "7"}}, "{}"}, Never);
    EXPECT_EQ(answer.code, c.code) << answer.fault;
    EXPECT_THAT(answer.fault, HasSubstr(c.fault));
    EXPECT_EQ(answer.retry_after, c.retry_after);
  }
}

TEST(HttpPost, SendsWhatItIsGiven) {
  auto receiver = std::make_unique<OneAnswer>("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(NewPoster(absl::Seconds(30))
                ->Post({receiver->url(), {{"webhook-id", "7"}}, "{}"}, Never)
                .code,
            200);
  EXPECT_THAT(receiver->request(),
              AllOf(StartsWith("POST /hook HTTP/1.1\r\n"), HasSubstr("\r\nwebhook-id: 7\r\n"),
                    HasSubstr("\r\n\r\n{}")));
}

TEST(HttpPost, EndsWhenItIsToldTo) {
  OneAnswer receiver("");
  const PostAnswer answer =
      NewPoster(absl::Minutes(5))->Post({receiver.url(), {}, "{}"}, [] { return true; });
  EXPECT_EQ(answer.code, 0);
}

TEST(HttpPost, HasALimit) {
  OneAnswer receiver("");
  const PostAnswer answer =
      NewPoster(absl::Milliseconds(50))->Post({receiver.url(), {}, "{}"}, Never);
  EXPECT_EQ(answer.code, 0);
  EXPECT_THAT(answer.fault, HasSubstr("timed out"));
}

TEST(CheckUrl, TellsWhatIsWrong) {
  struct Case {
    std::string url;
    const char* fault;  // "": fine.
  };
  for (const Case& c :
       {Case{"https://shop.example/hook?x=1", ""}, Case{"https://shop.example:8443/", ""},
        Case{"http://127.0.0.1:8080/hook", ""}, Case{"http://[::1]:8080/", ""},
        Case{"http://localhost/", ""}, Case{"http://shop.example/", "in the clear"},
        Case{"http://127.0.0.1.evil.example/", "in the clear"},
        Case{"ftp://shop.example/", "neither https nor http"},
        Case{"file:///etc/passwd", "neither https nor http"},
        Case{"https://ann:secret@shop.example/", "with a user"},
        Case{"https://shop.example/#x", "with a fragment"}, Case{"shop.example", "no address"},
        Case{"", "no address"}, Case{"https://shop.example/a b", "with a blank"},
        Case{"https://shop.example/\n", "with a blank"},
        Case{"https://" + std::string(3000, 'a'), "longer than 2000"}}) {
    SCOPED_TRACE(c.url);
    const absl::Status status = CheckUrl(c.url);
    EXPECT_EQ(status.ok(), c.fault[0] == '\0') << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.fault));
  }
}

}  // namespace
}  // namespace crescendo::webhooks
