#include "scheduler/dashboard/listener.h"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cctype>
#include <list>
#include <thread>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace crescendo::dashboard {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using net::awaitable;
using Error = boost::system::error_code;
using namespace net::experimental::awaitable_operators;  // NOLINT: operators only.

constexpr auto kAwait = net::as_tuple(net::use_awaitable);

// A page that is shown loads nothing from elsewhere, runs no text as a script, and is framed by
// nobody; and no other page reads what is answered here.
constexpr std::pair<const char*, const char*> kEveryAnswer[] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
     "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
};

Request ToRequest(const http::request<http::string_body>& message) {
  Request request;
  request.method = std::string(message.method_string());
  const std::string target(message.target());
  const size_t mark = target.find('?');
  request.path = target.substr(0, mark);
  if (mark != std::string::npos) request.query = target.substr(mark + 1);
  for (const auto& field : message) {
    request.headers[absl::AsciiStrToLower(std::string(field.name_string()))] =
        std::string(field.value());
  }
  request.body = message.body();
  return request;
}

template <class Body>
void SetHead(const Response& response, bool keep_alive, http::response<Body>* message) {
  message->result(static_cast<unsigned>(response.status));
  message->version(11);
  message->keep_alive(keep_alive);
  for (const auto& [name, value] : kEveryAnswer) message->set(name, value);
  if (!response.content_type.empty())
    message->set(http::field::content_type, response.content_type);
  for (const auto& [name, value] : response.headers) message->set(name, value);
}

// What a request that cannot be read is answered; 0: nothing.
int StatusOf(const Error& error) {
  if (error == http::error::header_limit) return 431;
  if (error == http::error::body_limit) return 413;
  // The client has gone; or was too slow, and its connection is closed already.
  if (error == http::error::end_of_stream || error == http::error::partial_message) return 0;
  return error.category() == make_error_code(http::error::bad_target).category() ? 400 : 0;
}

}  // namespace

class Listener::Impl {
 public:
  Impl(const ListenerOptions& options, Handler handler)
      : options_(options), handler_(std::move(handler)) {}
  ~Impl() { Stop(); }

  absl::Status Start() { return options_.host.empty() ? StartLocal() : StartTcp(); }

  void Stop() {
    if (!thread_.joinable()) return;
    net::post(io_, [this] {
      stopping_ = true;
      close_acceptor_();
      for (const auto& close : closers_) close();
    });
    thread_.join();
    if (!options_.socket_path.empty()) unlink(options_.socket_path.c_str());
  }

  int port() const { return port_; }
  int open() const { return open_; }

 private:
  using Closers = std::list<std::function<void()>>;

  absl::Status Unavailable(const std::string& where, const Error& error) const {
    return absl::UnavailableError(absl::StrCat("cannot listen on ", where, ": ", error.message()));
  }

  absl::Status StartTcp() {
    const std::string where = absl::StrCat(options_.host, ":", options_.port);
    Error error;
    const auto address = net::ip::make_address(options_.host, error);
    if (error) return Unavailable(where, error);
    const net::ip::tcp::endpoint endpoint(address, static_cast<uint16_t>(options_.port));
    auto acceptor = std::make_shared<net::ip::tcp::acceptor>(io_);
    acceptor->open(endpoint.protocol(), error);
    // After a restart, the port is free although old connections linger.
    if (!error) acceptor->set_option(net::socket_base::reuse_address(true), error);
    if (!error) acceptor->bind(endpoint, error);
    if (!error) acceptor->listen(net::socket_base::max_listen_connections, error);
    if (error) return Unavailable(where, error);
    port_ = acceptor->local_endpoint().port();
    Run(acceptor);
    return absl::OkStatus();
  }

  absl::Status StartLocal() {
    using Local = net::local::stream_protocol;
    const Local::endpoint endpoint(options_.socket_path);
    Error error;
    // What a daemon that was killed left behind; one that lives answers.
    Local::socket probe(io_);
    probe.connect(endpoint, error);
    if (error == net::error::connection_refused) unlink(options_.socket_path.c_str());
    auto acceptor = std::make_shared<Local::acceptor>(io_);
    acceptor->open(endpoint.protocol(), error);
    if (!error) acceptor->bind(endpoint, error);
    if (!error) acceptor->listen(net::socket_base::max_listen_connections, error);
    if (error) return Unavailable(options_.socket_path, error);
    chmod(options_.socket_path.c_str(), 0600);
    Run(acceptor);
    return absl::OkStatus();
  }

  template <class Acceptor>
  void Run(std::shared_ptr<Acceptor> acceptor) {
    close_acceptor_ = [acceptor] {
      Error ignored;
      acceptor->close(ignored);
    };
    net::co_spawn(io_, Accept(acceptor), net::detached);
    thread_ = std::thread([this] { io_.run(); });
  }

  template <class Acceptor>
  awaitable<void> Accept(std::shared_ptr<Acceptor> acceptor) {
    using Protocol = typename Acceptor::protocol_type;
    while (!stopping_) {
      auto [error, socket] = co_await acceptor->async_accept(kAwait);
      if (stopping_) co_return;
      if (error) {
        // Out of descriptors, most likely: those who wait are served when there are some again.
        net::steady_timer pause(io_, std::chrono::milliseconds(100));
        co_await pause.async_wait(kAwait);
        continue;
      }
      auto stream = std::make_shared<beast::basic_stream<Protocol>>(std::move(socket));
      if (open_ >= options_.max_connections) {
        net::co_spawn(io_, Refuse(stream), net::detached);
      } else {
        net::co_spawn(io_, Serve(stream), net::detached);
      }
    }
  }

  template <class Stream>
  void Limit(Stream& stream, absl::Duration limit) {
    stream.expires_after(absl::ToChronoMilliseconds(limit));
  }

  // At most as many of these wait as there are connections: then nobody is told any more.
  template <class Stream>
  awaitable<void> Refuse(std::shared_ptr<Stream> stream) {
    if (refusing_ >= options_.max_connections) co_return;
    ++refusing_;
    Limit(*stream, absl::Seconds(1));
    const Response full{.status = 503,
                        .body = absl::StrCat("all ", options_.max_connections,
                                             " connections are taken (http.max_connections)\n")};
    co_await Write(*stream, full, /*keep_alive=*/false, /*head_only=*/false);
    stream->close();
    --refusing_;
  }

  template <class Stream>
  awaitable<void> Serve(std::shared_ptr<Stream> stream) {
    ++open_;
    const Closers::iterator closer = closers_.insert(closers_.end(), [stream] { stream->close(); });
    beast::flat_buffer buffer;
    bool more = true;
    while (more && !stopping_) more = co_await ServeOne(*stream, buffer);
    Error ignored;
    stream->socket().shutdown(net::socket_base::shutdown_send, ignored);
    stream->close();
    closers_.erase(closer);
    --open_;
  }

  // False: the connection is to be closed.
  template <class Stream>
  awaitable<bool> ServeOne(Stream& stream, beast::flat_buffer& buffer) {
    http::request_parser<http::string_body> parser;
    parser.header_limit(static_cast<uint32_t>(options_.head_bytes));
    parser.body_limit(options_.body_bytes);
    Limit(stream, options_.request_limit);
    auto [error, bytes] = co_await http::async_read(stream, buffer, parser, kAwait);
    if (error) {
      const int status = StatusOf(error);
      if (status == 0 || stopping_) co_return false;
      const Response fault{.status = status, .body = absl::StrCat(error.message(), "\n")};
      Limit(stream, absl::Seconds(1));
      co_await Write(stream, fault, /*keep_alive=*/false, /*head_only=*/false);
      co_return false;
    }
    const auto& message = parser.get();
    const bool head_only = message.method() == http::verb::head;
    const bool keep_alive = message.keep_alive();
    // RFC 9112 §3.2: one Host, and no more; an absolute or other target is for proxies.
    Response response;
    if (message.count(http::field::host) != 1 || !message.target().starts_with("/")) {
      response = {.status = 400, .body = "one Host header and a target that begins with /\n"};
    } else {
      Request request = ToRequest(message);
      stream.expires_never();
      response = co_await Ask(std::move(request));
    }
    if (response.feed == nullptr) {
      Limit(stream, options_.answer_limit);
      const bool written = co_await Write(stream, response, keep_alive, head_only);
      co_return written&& keep_alive;
    }
    co_await WriteFeed(stream, response, head_only);
    co_return false;
  }

  awaitable<Response> Ask(Request request) {
    co_return co_await net::async_initiate<const net::use_awaitable_t<>&, void(Response)>(
        [this](auto completion, Request asked) {
          handler_(std::move(asked),
                   Responder([this, completion = std::move(completion)](Response response) mutable {
                     net::post(io_, [completion = std::move(completion),
                                     response = std::move(response)]() mutable {
                       completion(std::move(response));
                     });
                   }));
        },
        net::use_awaitable, std::move(request));
  }

  template <class Stream>
  awaitable<bool> Write(Stream& stream, const Response& response, bool keep_alive, bool head_only) {
    if (head_only) {
      http::response<http::empty_body> message;
      SetHead(response, keep_alive, &message);
      message.content_length(response.body.size());
      http::response_serializer<http::empty_body> serializer(message);
      auto [error, bytes] = co_await http::async_write_header(stream, serializer, kAwait);
      co_return !error;
    }
    http::response<http::string_body> message;
    SetHead(response, keep_alive, &message);
    message.body() = response.body;
    message.prepare_payload();
    auto [error, bytes] = co_await http::async_write(stream, message, kAwait);
    co_return !error;
  }

  // The body ends with the connection.
  template <class Stream>
  awaitable<void> WriteFeed(Stream& stream, const Response& response, bool head_only) {
    http::response<http::empty_body> message;
    SetHead(response, /*keep_alive=*/false, &message);
    message.set(http::field::cache_control, "no-store");
    http::response_serializer<http::empty_body> serializer(message);
    Limit(stream, options_.answer_limit);
    auto [error, bytes] = co_await http::async_write_header(stream, serializer, kAwait);
    const auto bell = std::make_shared<net::steady_timer>(io_);
    response.feed->Open([this, weak = std::weak_ptr(bell)] {
      net::post(io_, [weak] {
        if (const auto rung = weak.lock()) rung->cancel();
      });
    });
    while (!error && !head_only && !stopping_) {
      std::optional<std::string> piece = response.feed->Take();
      if (!piece.has_value()) break;
      if (piece->empty()) {
        // Nothing that is posted runs between Take and this wait, so no ring is missed.
        bell->expires_after(absl::ToChronoMilliseconds(options_.heartbeat));
        stream.expires_never();
        auto first = co_await (bell->async_wait(kAwait) ||
                               stream.socket().async_wait(net::socket_base::wait_read, kAwait));
        if (first.index() == 1) break;  // It hung up, or says what nobody asked for.
        const bool rung = std::get<0>(std::get<0>(first)) == net::error::operation_aborted;
        if (rung) continue;
        piece = ":\n\n";
      }
      Limit(stream, options_.answer_limit);
      auto [failed, written] = co_await net::async_write(stream, net::buffer(*piece), kAwait);
      error = failed;
    }
    response.feed->Close();
  }

  const ListenerOptions options_;
  const Handler handler_;
  net::io_context io_{1};
  // The listener's thread only.
  std::function<void()> close_acceptor_;
  Closers closers_;
  bool stopping_ = false;
  int refusing_ = 0;

  std::atomic<int> open_ = 0;
  int port_ = 0;
  std::thread thread_;
};

absl::StatusOr<std::unique_ptr<Listener>> Listener::Start(const ListenerOptions& options,
                                                          Handler handler) {
  auto impl = std::make_unique<Impl>(options, std::move(handler));
  if (const absl::Status status = impl->Start(); !status.ok()) return status;
  return std::unique_ptr<Listener>(new Listener(std::move(impl)));
}

Listener::Listener(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Listener::~Listener() = default;
void Listener::Stop() { impl_->Stop(); }
int Listener::port() const { return impl_->port(); }
int Listener::open_connections() const { return impl_->open(); }

}  // namespace crescendo::dashboard
