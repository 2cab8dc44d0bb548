#include "smtp_client/net/connection.h"

#include <algorithm>
#include <utility>

#include <netinet/in.h>

#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/detail/socket_option.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>

#include "absl/strings/str_cat.h"

namespace crescendo::smtp {
namespace {

using asio::redirect_error;
using asio::use_awaitable;
using asio::ip::tcp;

// One huge message must not hold its memory for as long as the connection lives.
constexpr size_t kKeptOutbox = 256 << 10;

// With it, bind() takes no port: connect() picks one that is free for this very destination, so a
// source address is not limited to one range of ports over all destinations.
using BindAddressNoPort = asio::detail::socket_option::boolean<IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT>;

std::string Name(const Peer& peer) {
  return absl::StrCat(peer.host_name, " [", peer.host_address, "]:", peer.port);
}

// A failed connect() that says something about this machine, not about the peer.
bool IsLocal(const asio::error_code& error) {
  return error == asio::error::address_in_use || error.value() == EADDRNOTAVAIL ||
         error == asio::error::no_descriptors || error == asio::error::no_buffer_space ||
         error == asio::error::no_memory || error == asio::error::access_denied ||
         error.value() == EPERM || error == asio::error::network_unreachable ||
         error == asio::error::network_down;
}

std::string Lost(Wait wait, const asio::error_code& error) {
  const std::string how =
      error == asio::error::eof ? "connection closed by the server" : error.message();
  return absl::StrCat(how, ", at ", WaitName(wait));
}

std::string TimedOut(Wait wait, absl::Duration limit, bool whole_transaction) {
  if (whole_transaction) {
    return absl::StrCat("transaction not done in ", absl::FormatDuration(limit), ", at ",
                        WaitName(wait));
  }
  const std::string in = absl::StrCat(" in ", absl::FormatDuration(limit));
  switch (wait) {
    case Wait::kConnect:
      return absl::StrCat("no connection", in);
    case Wait::kBanner:
      return absl::StrCat("no banner", in);
    case Wait::kHandshake:
      return absl::StrCat("TLS handshake not done", in);
    case Wait::kDataBlock:
      return absl::StrCat("no block of the message taken", in);
    default:
      return absl::StrCat("no reply to ", WaitName(wait), in);
  }
}

// The one place that asks what time it is: network deadlines are kept in the machine's time.
asio::steady_timer::time_point After(absl::Duration limit) {
  if (limit == absl::InfiniteDuration()) return asio::steady_timer::time_point::max();
  return asio::steady_timer::clock_type::now() + absl::ToChronoNanoseconds(limit);
}

}  // namespace

Connection::Connection(asio::io_context& io, TlsClient& tls, const Deadlines& deadlines,
                       size_t transcript_bytes, Peer peer, Listener listener)
    : tls_client_(tls),
      deadlines_(deadlines),
      transcript_bytes_(transcript_bytes),
      peer_(std::move(peer)),
      listener_(std::move(listener)),
      socket_(io),
      watchdog_(io) {
  StartDialogue("");
}

void Connection::StartDialogue(std::string downgraded) {
  DialogueOptions options;
  options.ehlo_name = peer_.ehlo_name;
  options.tls = downgraded.empty() ? peer_.tls : TlsPolicy::kNever;
  options.downgraded = std::move(downgraded);
  options.chunking = peer_.chunking;
  options.reply_limits = peer_.reply_limits;
  options.peer = absl::StrCat(Name(peer_), " from ", peer_.source_address);
  options.transcript_bytes = transcript_bytes_;
  options.observer = peer_.observer;
  options.one_by_one = peer_.one_by_one;
  dialogue_ = std::make_unique<Dialogue>(std::move(options));
}

void Connection::Start() {
  opening_deadline_ = After(deadlines_.opening);
  asio::co_spawn(socket_.get_executor(), Run(shared_from_this()), asio::detached);
}

void Connection::Send(Mail mail) {
  transaction_deadline_ = After(deadlines_.transaction);
  dialogue_->Send(std::move(mail));
  Pump();
}

void Connection::Quit() {
  dialogue_->Quit();
  Pump();
}

void Connection::Abort(absl::string_view detail) {
  dialogue_->Ended(detail);
  Pump();
}

asio::awaitable<void> Connection::Run(std::shared_ptr<Connection> self) {
  self->Pump();
  while (self->dialogue_->wait() != Wait::kNothing) {
    switch (self->dialogue_->wait()) {
      case Wait::kConnect:
        co_await self->Connect();
        break;
      case Wait::kHandshake:
        co_await self->ShakeHands();
        break;
      default:
        co_await self->Read();
        break;
    }
    self->Pump();
  }
}

bool Connection::OpenSocket(tcp::endpoint* remote) {
  asio::error_code error;
  const auto source = asio::ip::make_address(peer_.source_address, error);
  if (error) {
    dialogue_->Ended(absl::StrCat("\"", peer_.source_address, "\" is no source address"), true);
    return false;
  }
  *remote = tcp::endpoint(asio::ip::make_address(peer_.host_address, error), peer_.port);
  if (error) {
    dialogue_->Ended(absl::StrCat("\"", peer_.host_address, "\" is no address"), true);
    return false;
  }
  socket_.open(remote->protocol(), error);
  if (error) {
    dialogue_->Ended(absl::StrCat("cannot open a socket: ", error.message()), true);
    return false;
  }
  asio::error_code ignored;  // An old kernel without the option only has fewer ports.
  socket_.set_option(BindAddressNoPort(true), ignored);
  socket_.bind(tcp::endpoint(source, 0), error);
  if (error) {
    dialogue_->Ended(absl::StrCat("cannot bind ", peer_.source_address, ": ", error.message()),
                     true);
    return false;
  }
  return true;
}

asio::awaitable<void> Connection::Connect() {
  tcp::endpoint remote;
  if (!OpenSocket(&remote)) co_return;
  asio::error_code error;
  co_await socket_.async_connect(remote, redirect_error(use_awaitable, error));
  if (error) {
    dialogue_->Ended(absl::StrCat("cannot connect to ", Name(peer_), ": ", error.message()),
                     IsLocal(error));
    co_return;
  }
  asio::error_code ignored;
  socket_.set_option(tcp::no_delay(true), ignored);
  if (dialogue_->wait() == Wait::kConnect) dialogue_->Connected();
}

asio::awaitable<void> Connection::ShakeHands() {
  if (writing_) {
    dialogue_->Ended("a reply before STARTTLS was sent");
    co_return;
  }
  tls_ = tls_client_.Wrap(socket_,
                          TlsPeer{peer_.host_name, peer_.host_address, peer_.port, peer_.tls_names,
                                  /*resume=*/peer_.on_tls == nullptr},
                          peer_.tls);
  asio::error_code error;
  co_await tls_->async_handshake(TlsStream::client, redirect_error(use_awaitable, error));
  if (dialogue_->wait() != Wait::kHandshake) co_return;  // Closed meanwhile.
  if (error) {
    HandshakeFailed(error);
  } else {
    if (peer_.on_tls) peer_.on_tls(tls_client_.Inspect(*tls_, peer_.host_name));
    dialogue_->HandshakeDone(DescribeTls(*tls_));
  }
}

void Connection::HandshakeFailed(const asio::error_code& error) {
  std::string fault = tls_client_.Fault(*tls_, error);
  if (!handshake_fault_.empty()) fault = std::move(handshake_fault_);
  // Whoever answers in the clear may have been made to, and must not gain the mail by it.
  if (IsPlainText(error)) return dialogue_->Ended(kInjected);
  if (peer_.tls != TlsPolicy::kOpportunistic) return dialogue_->HandshakeFailed(fault);
  // TLS was only wished for (RFC 7435): once more, on a new connection, in the clear.
  if (peer_.observer != nullptr) {
    peer_.observer->OnNote(absl::StrCat(fault, "; once more, in the clear"));
  }
  asio::error_code ignored;
  socket_.close(ignored);
  tls_.reset();
  StartDialogue(std::move(fault));
}

asio::awaitable<void> Connection::Read() {
  asio::error_code error;
  size_t bytes = 0;
  if (tls_ != nullptr) {
    bytes =
        co_await tls_->async_read_some(asio::buffer(inbox_), redirect_error(use_awaitable, error));
  } else {
    bytes = co_await socket_.async_read_some(asio::buffer(inbox_),
                                             redirect_error(use_awaitable, error));
  }
  if (bytes > 0) dialogue_->Receive(absl::string_view(inbox_.data(), bytes));
  if (error) End(Lost(dialogue_->wait(), error));
}

void Connection::End(std::string detail) {
  if (!writing_ || write_failed_ || dialogue_->wait() != Wait::kDataBlock) {
    return dialogue_->Ended(detail);
  }
  // The last of the message may have left, and the news of that may be behind this one (L4).
  if (ending_) return;
  ending_ = std::move(detail);
  asio::error_code ignored;
  socket_.cancel(ignored);
}

void Connection::Pump() {
  while (std::optional<DialogueEvent> event = dialogue_->NextEvent()) {
    listener_(*std::move(event));
  }
  if (dialogue_->wait() == Wait::kNothing) return Close();
  KeepDeadline();
  if (writing_ || !dialogue_->has_output()) return;
  outbox_.clear();
  written_ = block_ = 0;
  dialogue_->TakeOutput(&outbox_);
  writing_ = true;
  WriteSome();
}

void Connection::WriteSome() {
  const auto rest = asio::buffer(outbox_) + written_;
  auto done = [self = shared_from_this()](const asio::error_code& error, size_t bytes) {
    self->OnWritten(error, bytes);
  };
  if (tls_ != nullptr) {
    tls_->async_write_some(rest, std::move(done));
  } else {
    socket_.async_write_some(rest, std::move(done));
  }
}

void Connection::OnWritten(const asio::error_code& error, size_t bytes) {
  if (dialogue_->wait() == Wait::kNothing) return;
  // What the server said before it stopped taking our bytes may still be on its way to the reader,
  // who will also see the end. writing_ stays set, for nothing more can be written.
  if (error && !ending_) {
    write_failed_ = true;
    return SetDeadline(deadlines_.quit);
  }
  written_ += bytes;
  if (ending_) {
    if (written_ == outbox_.size()) dialogue_->Written();
    dialogue_->Ended(*ending_);
    return Pump();
  }
  if (written_ < outbox_.size()) {
    dialogue_->WrittenInPart();
    if (written_ - block_ >= deadlines_.block_bytes) {
      block_ = written_;
      SetDeadline(deadlines_.For(dialogue_->wait()));
    }
    if (dialogue_->wait() == Wait::kNothing) return Pump();
    return WriteSome();
  }
  writing_ = false;
  if (outbox_.capacity() > kKeptOutbox) outbox_ = std::string();
  dialogue_->Written();
  Pump();
}

void Connection::Close() {
  watchdog_.cancel();
  asio::error_code ignored;
  socket_.close(ignored);
}

void Connection::KeepDeadline() {
  const Wait wait = dialogue_->wait();
  const int progress = dialogue_->progress();
  if (wait == watched_wait_ && progress == watched_progress_) return;
  watched_wait_ = wait;
  watched_progress_ = progress;
  SetDeadline(deadlines_.For(wait));
}

void Connection::SetDeadline(absl::Duration limit) {
  deadline_ = After(limit);
  if (dialogue_->wait() >= Wait::kRset && dialogue_->wait() <= Wait::kFinalDot) {
    deadline_ = std::min(deadline_, transaction_deadline_);
  }
  if (dialogue_->wait() <= Wait::kHandshake) deadline_ = std::min(deadline_, opening_deadline_);
  // A timer that rings too early sets itself anew; only one that rings too late must be moved.
  if (deadline_ == TimePoint::max()) return;
  if (!watching_ || watchdog_.expiry() > deadline_) Watch();
}

void Connection::Watch() {
  watching_ = true;
  watchdog_.expires_at(deadline_);
  watchdog_.async_wait([self = shared_from_this()](const asio::error_code& error) {
    if (!error) self->OnWatch();
  });
}

void Connection::OnWatch() {
  watching_ = false;
  const Wait wait = dialogue_->wait();
  if (wait == Wait::kNothing || deadline_ == TimePoint::max()) return;
  if (After(absl::ZeroDuration()) < deadline_) return Watch();
  if (deadline_ == opening_deadline_) {
    End(absl::StrCat("not opened in ", absl::FormatDuration(deadlines_.opening), ", at ",
                     WaitName(wait)));
    return Pump();
  }
  if (wait == Wait::kHandshake) {
    deadline_ = TimePoint::max();
    handshake_fault_ = TimedOut(wait, deadlines_.handshake, /*whole_transaction=*/false);
    asio::error_code ignored;
    socket_.close(ignored);  // Which ShakeHands() takes for a handshake that failed.
    return;
  }
  const bool whole = deadline_ == transaction_deadline_;
  End(TimedOut(wait, whole ? deadlines_.transaction : deadlines_.For(wait), whole));
  Pump();
}

}  // namespace crescendo::smtp
