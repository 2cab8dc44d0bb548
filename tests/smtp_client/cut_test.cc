// L4 at every byte: a session is cut (FIN, RST) or left waiting after each raw byte of either side,
// and each message's outcome must be the one that the bytes which got through allow:
//
//   its final reply got through                       that reply
//   its 354 did (with BDAT: the reply to RCPT),
//     and the client acted on it                      in doubt
//   neither                                           not transferred: a retry risks nothing
//
// Only the moment of a go-ahead is open: who cuts there may or may not see the message leave.
#include <gtest/gtest.h>

#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <ostream>
#include <set>

#include "absl/strings/str_cat.h"
#include "tests/support/smtp_cut_server.h"
#include "tests/support/smtp_harness.h"

namespace crescendo::testing {
namespace {

using ports::TransportEvent;
using Side = SmtpCut::Side;
using Way = SmtpCut::Way;

constexpr char kMessage[] = "Subject: hi\r\n\r\n.dot\r\n";

struct Sweep {
  std::string name;
  TlsPolicy tls;
  std::vector<std::string> keywords;
  int messages;
  Way way = Way::kFin;
  Side side = Side::kServer;
};

// A session's part of the sweep, as the client saw it.
struct Told {
  int asked = 0;  // Messages given to the client.
  bool opened = false;
  bool closed = false;
  std::vector<TransportEvent> sent;
};

// "" if `sent` is what the core should have been told of message number `index`.
std::string Fault(const TransportEvent& sent, const SmtpCutSession& seen, size_t index, Way way) {
  using Result = TransportEvent::SentResult;
  const SmtpCutSession::Message message =
      index < seen.messages.size() ? seen.messages[index] : SmtpCutSession::Message();
  const bool begun = seen.read > message.asked_after || way == Way::kStall;
  Result want = Result::kNotTransferred;
  if (message.answered) {
    want = Result::kReply;
  } else if (message.asked && (begun || sent.result == Result::kInDoubt)) {
    want = Result::kInDoubt;
  }
  if (sent.result == want && (want != Result::kReply || sent.reply.code == 250)) return "";
  return absl::StrCat("message ", index, ": ", Describe(sent), "; asked for it: ", message.asked,
                      ", read its dot: ", message.dot_read, ", answered: ", message.answered);
}

class CutSweep : public ::testing::TestWithParam<Sweep> {
 protected:
  // Sockets of both ends are in this process.
  static constexpr size_t kAtOnce = 400;
  // More sessions than these do not talk at one time, so that none is late by our own doing.
  static constexpr int kTalking = 32;

  static smtp::SmtpTransportOptions Options(Way way) {
    rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = std::min<rlim_t>(files.rlim_max, 4096);
    setrlimit(RLIMIT_NOFILE, &files);
    smtp::SmtpTransportOptions options = SmtpHarness::FastOptions();
    options.accepted_transcripts.count = options.other_transcripts.count = 1;
    options.chunking = true;
    options.tls_sessions = 0;  // Every session has as many bytes.
    if (way != Way::kStall) return options;
    smtp::Deadlines& d = options.deadlines;
    for (absl::Duration* limit : {&d.banner, &d.ehlo, &d.start_tls, &d.handshake, &d.mail, &d.rcpt,
                                  &d.data, &d.data_block, &d.final_dot, &d.rset, &d.quit}) {
      *limit = absl::Seconds(2);
    }
    return options;
  }

  CutSweep()
      : certificate_(MakeCertificate("mx.test")),
        smtp_(Options(GetParam().way)),
        server_(GetParam().tls == TlsPolicy::kNever ? nullptr : &certificate_, GetParam().keywords,
                [this] { smtp_.Post(Wake()); }) {}

  // Not of any connection: a session has been cut, so another may begin.
  static TransportEvent Wake() {
    TransportEvent event;
    event.connection = ConnectionId(-1);
    return event;
  }

  void Open(int session, const SmtpCut& cut) {
    server_.Expect(session, cut);
    ports::OpenConnection request = smtp_.OpenTo(server_.port(), session, GetParam().tls);
    request.source_address = SmtpCutServer::SourceOf(session);
    told_[session];
    open_.insert(session);
    smtp_.transport().Open(request);
  }

  // Carries one event on. False if none came.
  bool Step() {
    const TransportEvent event = smtp_.Next();
    if (event.connection == Wake().connection) return true;
    const int session = static_cast<int>(event.connection.value());
    if (told_.find(session) == told_.end()) return false;
    Told& told = told_[session];
    switch (event.kind) {
      case TransportEvent::Kind::kOpened:
        told.opened = true;
        break;
      case TransportEvent::Kind::kSent:
        told.sent.push_back(event);
        if (!event.connection_usable) return true;
        break;
      case TransportEvent::Kind::kClosed:
        EXPECT_FALSE(event.local_failure) << Describe(event);
        EXPECT_FALSE(told.closed) << "closed twice";
        told.closed = true;
        open_.erase(session);
        return true;
    }
    if (told.asked < GetParam().messages) {
      ++told.asked;
      smtp_.Send(session, session * 10 + told.asked, kMessage);
    } else {
      smtp_.transport().Close(event.connection);
    }
    return true;
  }

  // A message may have been given to a connection that had just closed: it has a kSent, too.
  bool Settled() const {
    return std::all_of(told_.begin(), told_.end(), [](const auto& entry) {
      return entry.second.closed && entry.second.sent.size() == size_t(entry.second.asked);
    });
  }

  const TestCertificate certificate_;
  SmtpHarness smtp_;
  SmtpCutServer server_;
  std::map<int, Told> told_;
  std::set<int> open_;
};

TEST_P(CutSweep, TellsTheTruthAtEveryByte) {
  const Sweep& sweep = GetParam();
  Open(0, SmtpCut());
  while (!Settled()) ASSERT_TRUE(Step());
  const SmtpCutSession whole = server_.Seen(0);
  ASSERT_EQ(whole.messages.size(), size_t(sweep.messages));
  ASSERT_TRUE(whole.messages.back().answered);
  // Signatures differ in length from handshake to handshake.
  const int slack = sweep.tls == TlsPolicy::kNever ? 1 : 8;
  const int last = static_cast<int>(sweep.side == Side::kServer ? whole.sent : whole.read) + slack;

  int hangs = 0, wrong = 0, next = 1;
  const auto talking = [&] {
    return std::count_if(open_.begin(), open_.end(),
                         [&](int session) { return !server_.Seen(session).cut; });
  };
  while (next <= last || !Settled()) {
    while (next <= last && open_.size() < kAtOnce && talking() < kTalking) {
      Open(next, {sweep.way, sweep.side, size_t(next - 1)});
      ++next;
    }
    if (!Step()) {
      ++hangs;
      break;
    }
  }
  int cuts = 0, outcomes[3] = {};
  for (const auto& [session, told] : told_) {
    const SmtpCutSession seen = server_.Seen(session);
    cuts += seen.cut;
    EXPECT_LE(seen.connections, sweep.tls == TlsPolicy::kOpportunistic ? 2 : 1);
    for (size_t i = 0; i < told.sent.size(); ++i) {
      ++outcomes[int(told.sent[i].result)];
      const std::string fault = Fault(told.sent[i], seen, i, sweep.way);
      EXPECT_EQ(fault, "") << "cut after byte " << session - 1;
      wrong += !fault.empty();
    }
  }
  EXPECT_EQ(hangs, 0);
  EXPECT_GE(cuts, last - 2 * slack) << "some cuts were never reached";
  for (const int count : outcomes) EXPECT_GT(count, 0);
  std::printf(
      "byte offsets, %s: offsets tried %d, hangs %d, wrong %d (replies %d, not transferred "
      "%d, in doubt %d)\n",
      sweep.name.c_str(), cuts, hangs, wrong, outcomes[0], outcomes[1], outcomes[2]);
}

std::vector<Sweep> Sweeps() {
  const std::vector<std::string> plain = {"SIZE 1000000"},
                                 pipelined = {"SIZE 1000000", "PIPELINING"},
                                 chunking = {"PIPELINING", "CHUNKING"};
  std::vector<Sweep> all;
  for (const Sweep& session : {
           Sweep{"PlainOne", TlsPolicy::kNever, pipelined, 1},
           Sweep{"PlainTwo", TlsPolicy::kNever, pipelined, 2},
           Sweep{"PlainTwoByCommand", TlsPolicy::kNever, plain, 2},
           Sweep{"PlainTwoByBdat", TlsPolicy::kNever, chunking, 2},
           Sweep{"TlsOne", TlsPolicy::kRequired, pipelined, 1},
           Sweep{"TlsTwo", TlsPolicy::kRequired, pipelined, 2},
           // Cut in the handshake, it starts anew in the clear, where nothing is cut.
           Sweep{"TlsWished", TlsPolicy::kOpportunistic, plain, 1},
       }) {
    for (const auto& [way, way_name] :
         {std::pair(Way::kFin, "Fin"), {Way::kReset, "Reset"}, {Way::kStall, "Stall"}}) {
      for (const auto& [side, side_name] :
           {std::pair(Side::kServer, "OfServer"), {Side::kClient, "OfClient"}}) {
        Sweep sweep = session;
        sweep.name += absl::StrCat(way_name, side_name);
        sweep.way = way;
        sweep.side = side;
        all.push_back(std::move(sweep));
      }
    }
  }
  return all;
}

void PrintTo(const Sweep& sweep, std::ostream* out) { *out << sweep.name; }

INSTANTIATE_TEST_SUITE_P(All, CutSweep, ::testing::ValuesIn(Sweeps()),
                         [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace crescendo::testing
