// L10 as a table: whatever a server says instead of a reply, at whatever step, and however it comes
// in pieces, the session is lost, and with it nothing: no message counts as delivered or refused.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "smtp_client/session/dialogue.h"

namespace crescendo::smtp {
namespace {

using Kind = DialogueEvent::Kind;
using Result = SendOutcome::Result;

constexpr char kEhlo[] = "220 mx\r\n";
constexpr char kOpen[] = "220 mx\r\n|250 mx\r\n";
constexpr char kGroup[] = "220 mx\r\n|250-mx\r\n250 PIPELINING\r\n";
constexpr char kChunk[] = "220 mx\r\n|250-mx\r\n250 CHUNKING\r\n";

// A step of a session: what the server has said before it, one part a turn.
struct Step {
  std::string name;
  Wait wait;
  std::string before;
  bool message;  // A message is under way, and this is what becomes of it.
  Result lost = Result::kNotTransferred;
  int refused_first = 0;  // Messages refused before, so that RSET comes next.
  bool quit = false;
};

std::vector<Step> Steps() {
  const std::string open = kOpen, group = kGroup, chunk = kChunk;
  const std::string starttls = "220 mx\r\n|250-mx\r\n250 STARTTLS\r\n";
  return {
      {"banner", Wait::kBanner, "", false},
      {"EHLO", Wait::kEhlo, kEhlo, false},
      {"HELO", Wait::kEhlo, std::string(kEhlo) + "|500 what\r\n", false},
      {"STARTTLS", Wait::kStartTls, starttls, false},
      {"idle", Wait::kIdle, open, false},
      {"MAIL", Wait::kMail, open, true},
      {"RCPT", Wait::kRcpt, open + "|250 a\r\n", true},
      {"DATA", Wait::kData, open + "|250 a\r\n|250 b\r\n", true},
      {"end of data", Wait::kFinalDot, open + "|250 a\r\n|250 b\r\n|354 c\r\n", true,
       Result::kInDoubt},
      {"MAIL of a group", Wait::kMail, group, true},
      {"RCPT of a group", Wait::kRcpt, group + "|250 a\r\n", true},
      {"DATA of a group", Wait::kData, group + "|250 a\r\n250 b\r\n", true},
      {"end of data of a group", Wait::kFinalDot, group + "|250 a\r\n250 b\r\n354 c\r\n", true,
       Result::kInDoubt},
      {"BDAT", Wait::kFinalDot, chunk + "|250 a\r\n|250 b\r\n", true, Result::kInDoubt},
      {"RSET", Wait::kRset, open + "|250 a\r\n|550 b\r\n", true, Result::kNotTransferred, 1},
      {"QUIT", Wait::kQuit, open, false, Result::kNotTransferred, 0, true},
  };
}

// A session brought to a step, and what the core has been told since.
class Session {
 public:
  explicit Session(const Step& step) : dialogue_(Options()) {
    dialogue_.Connected();
    int refused_first = step.refused_first;
    for (absl::string_view rest = step.before; !rest.empty();) {
      const size_t end = std::min(rest.find('|'), rest.size());
      Hear(rest.substr(0, end), end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (dialogue_.wait() == Wait::kIdle && (step.message || refused_first > 0)) {
        dialogue_.Send({"a@x.example", "b@y.example", "Subject: s\r\n\r\nt\r\n"});
        Settle();
      }
    }
    if (step.quit) dialogue_.Quit();
    Settle();
    events_.clear();
  }

  // Hears `bytes`, so many at a time.
  void Hear(absl::string_view bytes, size_t piece) {
    for (size_t at = 0; at < bytes.size() && !over(); at += piece) {
      dialogue_.Receive(bytes.substr(at, piece));
      Settle();
    }
  }
  void Send() {
    dialogue_.Send({"a@x.example", "b@y.example", "Subject: s\r\n\r\nt\r\n"});
    Settle();
  }
  void TimeOut() {
    dialogue_.Ended("no reply in time");
    Settle();
  }
  Wait wait() const { return dialogue_.wait(); }
  bool over() const { return dialogue_.wait() == Wait::kNothing; }
  const std::vector<DialogueEvent>& events() const { return events_; }

 private:
  static DialogueOptions Options() {
    DialogueOptions options;
    options.ehlo_name = "me";
    options.chunking = true;
    return options;
  }
  void Settle() {
    while (dialogue_.has_output()) {
      std::string output;
      dialogue_.TakeOutput(&output);
      dialogue_.Written();
    }
    while (std::optional<DialogueEvent> event = dialogue_.NextEvent()) {
      events_.push_back(*std::move(event));
    }
  }

  Dialogue dialogue_;
  std::vector<DialogueEvent> events_;
};

// "" if the session is lost at `step` and nothing was taken for an answer.
std::string Fault(const Step& step, const std::vector<DialogueEvent>& events) {
  if (events.size() != (step.message ? 2u : 1u)) return absl::StrCat(events.size(), " events");
  const DialogueEvent& closed = events.back();
  if (closed.kind != Kind::kClosed) return "not closed";
  if (closed.reply.code != 0) return "closed after " + closed.reply.ToString();
  if (closed.local_failure) return "taken for our own fault";
  if (closed.detail.empty() && !step.quit) return "it does not say why";
  if (!step.message) return "";
  const SendOutcome& outcome = events[0].outcome;
  if (events[0].kind != Kind::kSent) return "no kSent";
  if (outcome.result == Result::kReply) return "taken for " + outcome.reply.ToString();
  if (outcome.result != step.lost) return "in doubt or not, the wrong way";
  return outcome.usable ? "usable" : "";
}

struct Malformed {
  const char* name;
  std::string bytes;
};

std::vector<Malformed> AllMalformed() {
  using std::string;
  const auto lines = [](const string& line, int count) {
    string text;
    for (int i = 0; i < count; ++i) text += line;
    return text;
  };
  return {
      // Not even digits.
      {"an empty line", "\r\n"},
      {"LF alone", "\n"},
      {"CR alone", "\r"},
      {"an empty line first", "\r\n250 ok\r\n"},
      {"no code", "ok\r\n"},
      {"words alone", "Service not available\r\n"},
      {"a letter in the code", "2x0 ok\r\n"},
      {"O for 0", "25O ok\r\n"},
      {"one digit", "2 ok\r\n"},
      {"two digits", "25 ok\r\n"},
      {"four digits", "2500 ok\r\n"},
      {"a plus", "+250 ok\r\n"},
      {"a minus", "-250 ok\r\n"},
      {"hexadecimal", "0xFA ok\r\n"},
      {"digits of full width", "\xEF\xBC\x92\xEF\xBC\x95\xEF\xBC\x90 ok\r\n"},
      {"Arabic digits", "\xD9\xA2\xD9\xA5\xD9\xA0 ok\r\n"},
      // Codes that there are none of.
      {"code 000", "000 ok\r\n"},
      {"code 099", "099 ok\r\n"},
      {"code 1yz", "150 wait\r\n"},
      {"code 199", "199 wait\r\n"},
      {"code 600", "600 no\r\n"},
      {"code 999", "999 no\r\n"},
      // What stands around the code.
      {"a space before", " 250 ok\r\n"},
      {"a tab before", "\t250 ok\r\n"},
      {"a byte order mark",
       "\xEF\xBB\xBF"
       "250 ok\r\n"},
      {"a tab behind", "250\tok\r\n"},
      {"a colon behind", "250: ok\r\n"},
      {"an underscore behind", "250_ok\r\n"},
      {"an enhanced code alone", "2.0.0 ok\r\n"},
      {"a space of another kind", "250\xC2\xA0ok\r\n"},
      {"a code in quotes", "\"250 ok\"\r\n"},
      // Bytes that are no text.
      {"NUL first", string(1, '\0') + "250 ok\r\n"},
      {"NUL for the space", string("250\0ok\r\n", 8)},
      {"NUL in the code", string("25") + '\0' + "0 ok\r\n"},
      {"NULs alone", string(100, '\0') + "\r\n"},
      {"8-bit alone", string(100, '\xFF') + "\r\n"},
      {"a telnet negotiation",
       "\xFF\xFD\x18\xFF\xFD\x20"
       "250 ok\r\n"},
      {"an escape sequence first", "\x1b[2J250 ok\r\n"},
      // Lines that end otherwise, or never.
      {"bare CR", "250 ok\r"},
      {"CR within the code", "25\r0 ok\r\n"},
      {"CR behind the code", "250\r ok\r\n"},
      {"CR between lines", "250-a\r250 b\r"},
      {"no end", "250 ok"},
      {"a code and no end", "250"},
      {"half a code", "2"},
      {"other line ends",
       "250 a\xE2\x80\xA8"
       "250 b"},
      // More than one line, wrongly.
      {"never the last line", "250-a\r\n250-b\r\n"},
      {"another code of its class", "250-a\r\n251 b\r\n"},
      {"from yes to no", "250-a\r\n550 b\r\n"},
      {"from no to yes", "550-a\r\n250 b\r\n"},
      {"from no to later", "550-5.1.1 a\r\n450 4.2.0 b\r\n"},
      {"a line without code", "250-a\r\nb\r\n250 c\r\n"},
      {"an empty line inside", "250-a\r\n\r\n250 b\r\n"},
      {"a line cut in its code", "250-a\r\n25\r\n"},
      {"a folded line", "250-a\r\n b\r\n250 c\r\n"},
      // Too much.
      {"257 lines", lines("250-a\r\n", 257) + "250 b\r\n"},
      {"a line of 70 kB", "250 " + string(70000, 'a') + "\r\n"},
      {"70 kB without an end", string(70000, '2')},
      {"70 kB in lines", lines("250-" + string(1000, 'a') + "\r\n", 70) + "250 b\r\n"},
      // Other trades.
      {"HTTP", "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"},
      {"a page", "<!DOCTYPE html>\n<title>Sign in</title>\n"},
      {"SSH", "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"},
      {"POP3", "+OK ready\r\n"},
      {"IMAP", "* OK [CAPABILITY IMAP4rev1] ready\r\n"},
      {"IRC", ":irc.example 001 me :Welcome\r\n"},
      {"JSON", "{\"code\": 250}\r\n"},
      {"Redis", "-ERR unknown command\r\n"},
      {"MySQL", string("\x4a\x00\x00\x00\x0a"
                       "8.0.36\x00\x08\n",
                       14)},
      {"a TLS alert", string("\x15\x03\x01\x00\x02\x02\x28", 7)},
      {"a TLS hello", string("\x16\x03\x03\x00\x04\x02\x00\x00\x00\n", 10)},
      {"our own command back", "EHLO me\r\n"},
      {"a proxy's line", "PROXY TCP4 192.0.2.1 192.0.2.2 25 25\r\n"},
  };
}

TEST(MalformedReply, IsNeitherDeliveryNorRefusalAtAnyStep) {
  int tried = 0;
  for (const Step& step : Steps()) {
    for (const Malformed& m : AllMalformed()) {
      for (const size_t piece : {m.bytes.size(), size_t{1}, size_t{3}}) {
        Session session(step);
        ASSERT_EQ(session.wait(), step.wait) << step.name;
        session.Hear(m.bytes, piece);
        if (!session.over()) session.TimeOut();
        ASSERT_EQ(Fault(step, session.events()), "")
            << m.name << " at " << step.name << ", in pieces of " << piece;
        ++tried;
      }
    }
  }
  RecordProperty("tried", tried);
}

// What comes behind a good reply, before anything was asked, answers nothing that is asked later.
TEST(MalformedReply, BehindAGoodOneIsNoAnswer) {
  for (const Malformed& m : AllMalformed()) {
    SCOPED_TRACE(m.name);
    Session session({"end of data", Wait::kFinalDot,
                     std::string(kOpen) + "|250 a\r\n|250 b\r\n|354 c\r\n", true});
    session.Hear("250 taken\r\n" + m.bytes, m.bytes.size() + 11);
    ASSERT_FALSE(session.events().empty());
    EXPECT_EQ(session.events()[0].outcome.reply.code, 250) << "that one was answered";
    if (!session.over()) session.Send();
    if (!session.over()) session.TimeOut();
    ASSERT_TRUE(session.over());
    for (size_t i = 1; i < session.events().size(); ++i) {
      EXPECT_EQ(session.events()[i].reply.code, 0);
      EXPECT_EQ(session.events()[i].outcome.reply.code, 0);
    }
  }
}

// L11: a server that never stops talking is cut off soon, whatever it says and when.
TEST(MalformedReply, WithoutEndIsCutOffSoon) {
  constexpr size_t kRead = 4096, kMost = 100 << 20;
  for (const Step& step : Steps()) {
    for (const char* endless : {"250-more\r\n", "250 ok\r\n", "354 go\r\n", "450 no\r\n", "2",
                                "\r\n", "a", "250-2.0.0 \xC3\xA9\xFF\r\n"}) {
      SCOPED_TRACE(absl::StrCat(endless, " at ", step.name));
      std::string read;
      while (read.size() < kRead) read += endless;
      Session session(step);
      size_t heard = 0;
      while (!session.over() && heard < kMost) {
        session.Hear(read, read.size());
        heard += read.size();
      }
      EXPECT_LE(heard, ReplyLimits().reply_bytes + 2 * kRead);
    }
  }
}

// A 250 while the body is still being written is none for its end, whatever is written later.
TEST(MalformedReply, EarlyAcceptanceIsNotBelieved) {
  struct Case {
    const char* name;
    std::function<void(Dialogue&)> then;
  };
  for (const Case& c : {
           Case{"the body was not all written", [](Dialogue& d) { d.WrittenInPart(); }},
           Case{"and once more", [](Dialogue& d) { d.Receive("250 taken\r\n"); }},
       }) {
    SCOPED_TRACE(c.name);
    DialogueOptions options;
    options.ehlo_name = "me";
    Dialogue dialogue(options);
    dialogue.Connected();
    std::string output;
    const auto hear = [&](absl::string_view bytes) {
      dialogue.Receive(bytes);
      while (dialogue.has_output()) {
        dialogue.TakeOutput(&output);
        dialogue.Written();
      }
    };
    hear("220 mx\r\n");
    hear("250 mx\r\n");
    EXPECT_EQ(dialogue.NextEvent()->kind, Kind::kOpened);
    dialogue.Send({"a@x.example", "b@y.example", "Subject: s\r\n\r\nt\r\n"});
    hear("");
    hear("250 a\r\n");
    hear("250 b\r\n");
    dialogue.Receive("354 c\r\n");
    dialogue.TakeOutput(&output);
    dialogue.Receive("250 taken\r\n");
    EXPECT_FALSE(dialogue.NextEvent()) << "the news of the last bytes may be on its way";
    c.then(dialogue);
    const std::optional<DialogueEvent> sent = dialogue.NextEvent();
    ASSERT_TRUE(sent);
    EXPECT_EQ(sent->kind, Kind::kSent);
    EXPECT_EQ(sent->outcome.result, Result::kInDoubt);
    EXPECT_FALSE(sent->outcome.usable);
  }
}

}  // namespace
}  // namespace crescendo::smtp
