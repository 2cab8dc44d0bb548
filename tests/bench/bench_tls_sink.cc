// bench_tls_sink: a receiver on loopback that offers STARTTLS, takes everything and drops it, as
// Postfix's smtp-sink does for sessions in the clear. Prints its port; serves until it is killed.
#include <array>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/redirect_error.hpp>
#include <asio/ssl.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include "absl/strings/match.h"
#include "tests/support/smtp_script_server.h"

namespace crescendo::testing {
namespace {

using asio::redirect_error;
using asio::use_awaitable;
using Tcp = asio::ip::tcp;
using TlsStream = asio::ssl::stream<Tcp::socket&>;

constexpr absl::string_view kEndOfData = "\r\n.\r\n";

// What the server says to the bytes it was given.
class SinkSession {
 public:
  // Appends the replies to `out`. Stops behind a STARTTLS, and says so.
  bool Take(absl::string_view bytes, std::string* out) {
    read_.append(bytes.data(), bytes.size());
    size_t taken = 0;
    while (true) {
      const absl::string_view rest = absl::string_view(read_).substr(taken);
      const size_t end = rest.find(in_data_ ? kEndOfData : "\r\n");
      if (end == absl::string_view::npos) break;
      taken += end + (in_data_ ? kEndOfData.size() : 2);
      if (std::exchange(in_data_, false)) {
        *out += "250 2.0.0 Ok\r\n";
      } else if (Answer(rest.substr(0, end), out)) {
        read_.clear();
        return true;
      }
    }
    if (in_data_ && read_.size() - taken > kEndOfData.size()) taken = read_.size() - 4;
    read_.erase(0, taken);
    return false;
  }

 private:
  bool Answer(absl::string_view line, std::string* out) {
    if (absl::StartsWith(line, "EHLO")) {
      *out += "250-sink.example\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 8BITMIME\r\n";
    } else if (line == "STARTTLS") {
      *out += "220 2.0.0 Ready\r\n";
      return true;
    } else if (line == "DATA") {
      *out += "354 End data with <CR><LF>.<CR><LF>\r\n";
      in_data_ = true;
    } else {
      *out += line == "QUIT" ? "221 2.0.0 Bye\r\n" : "250 2.0.0 Ok\r\n";
    }
    return false;
  }

  std::string read_;
  bool in_data_ = false;
};

// Until the client goes, or asks for TLS.
template <class Stream>
asio::awaitable<bool> Talk(Stream* stream, std::string greeting) {
  SinkSession session;
  std::array<char, 65536> inbox;
  std::string outbox = std::move(greeting);
  bool start_tls = false;
  while (true) {
    asio::error_code error;
    if (!outbox.empty()) {
      co_await asio::async_write(*stream, asio::buffer(outbox),
                                 redirect_error(use_awaitable, error));
      if (error || start_tls) co_return !error;
      outbox.clear();
    }
    const size_t bytes =
        co_await stream->async_read_some(asio::buffer(inbox), redirect_error(use_awaitable, error));
    if (error) co_return false;
    start_tls = session.Take(absl::string_view(inbox.data(), bytes), &outbox);
  }
}

asio::awaitable<void> Serve(Tcp::socket socket, asio::ssl::context* context) {
  socket.set_option(Tcp::no_delay(true));
  const bool start_tls = co_await Talk(&socket, "220 sink.example ESMTP\r\n");
  if (!start_tls) co_return;
  TlsStream tls(socket, *context);
  asio::error_code error;
  co_await tls.async_handshake(TlsStream::server, redirect_error(use_awaitable, error));
  if (!error) co_await Talk(&tls, "");
}

asio::awaitable<void> Accept(Tcp::acceptor* acceptor, asio::ssl::context* context) {
  while (true) {
    Tcp::socket socket = co_await acceptor->async_accept(use_awaitable);
    asio::co_spawn(acceptor->get_executor(), Serve(std::move(socket), context), asio::detached);
  }
}

int Main() {
  const TestCertificate certificate = MakeCertificate("mx.sink.example");
  asio::ssl::context context(asio::ssl::context::tls_server);
  context.use_certificate_chain(asio::buffer(certificate.certificate));
  context.use_private_key(asio::buffer(certificate.key), asio::ssl::context::pem);
  asio::io_context io(1);
  Tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
  std::printf("%d\n", acceptor.local_endpoint().port());
  std::fflush(stdout);
  asio::co_spawn(io, Accept(&acceptor, &context), asio::detached);
  io.run();
  return 0;
}

}  // namespace
}  // namespace crescendo::testing

int main() { return crescendo::testing::Main(); }
