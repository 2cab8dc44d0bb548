// The dialogue, driven with strings. A transcript is played line by line:
//
//   S: 220 mx        the server says; lines in a row arrive together, "." parts them
//   C: EHLO me       the dialogue writes
//   ! send | quit | eof | timeout | tls ok | unwritten     what else happens
//   = opened         the dialogue reports
//   ? handshake      the dialogue asks for TLS
#include "smtp_client/session/dialogue.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace crescendo::smtp {
namespace {

struct Given {
  TlsPolicy tls = TlsPolicy::kOpportunistic;
  Mail mail = {"a@x.example", "b@y.example", "Subject: s\r\n\r\nt\r\n"};
  bool chunking = false;
};

std::string Show(const DialogueEvent& event) {
  switch (event.kind) {
    case DialogueEvent::Kind::kOpened:
      return event.tls ? "opened with TLS" : "opened";
    case DialogueEvent::Kind::kSent:
      break;
    case DialogueEvent::Kind::kClosed:
      return absl::StrCat(event.local_failure ? "closed by us" : "closed",
                          event.tls_failed ? " without TLS" : "",
                          event.reply.code != 0 ? " after " : "",
                          event.reply.code != 0 ? event.reply.ToString() : "",
                          event.detail.empty() ? "" : ": ", event.detail);
  }
  const SendOutcome& outcome = event.outcome;
  std::string what = "in doubt";
  if (outcome.result == SendOutcome::Result::kNotTransferred) what = "not transferred";
  if (outcome.result == SendOutcome::Result::kReply) {
    what = absl::StrCat(outcome.reply.ToString(), " at ", SmtpStageName(outcome.reply.stage));
  }
  return absl::StrCat("sent: ", what, outcome.usable ? ", usable" : "");
}

class Player {
 public:
  explicit Player(const Given& setup) : setup_(setup), dialogue_(OptionsOf(setup)) {
    dialogue_.Connected();
  }

  // Feeds the inputs among `lines`; gives all lines as they should have been.
  std::string Play(const std::vector<std::string>& lines) {
    for (const std::string& line : lines) {
      absl::string_view rest = line;
      if (absl::ConsumePrefix(&rest, "S: ")) {
        absl::StrAppend(&said_, rest, "\r\n");
        out_.push_back(line);
        continue;
      }
      Hear();
      if (line == ".") out_.push_back(line);
      if (absl::ConsumePrefix(&rest, "! ")) {
        out_.push_back(line);
        Do(rest);
      }
    }
    Hear();
    return absl::StrJoin(out_, "\n");
  }

  // Hears exactly these bytes; gives only what they bring about.
  std::string Say(absl::string_view bytes) {
    out_.clear();
    said_ = std::string(bytes);
    Hear();
    return absl::StrJoin(std::exchange(out_, {}), "\n");
  }

 private:
  static DialogueOptions OptionsOf(const Given& setup) {
    DialogueOptions options;
    options.ehlo_name = "me";
    options.tls = setup.tls;
    options.chunking = setup.chunking;
    return options;
  }

  void Hear() {
    if (said_.empty()) return;
    dialogue_.Receive(said_);
    said_.clear();
    Settle();
  }

  void Do(absl::string_view what) {
    if (what == "send") dialogue_.Send(setup_.mail);
    if (what == "quit") dialogue_.Quit();
    if (what == "eof") dialogue_.Ended("connection closed");
    if (what == "timeout") dialogue_.Ended("no reply in 5m");
    if (what == "tls ok") dialogue_.HandshakeDone("TLSv1.3");
    if (what == "unwritten") written_ = false;
    if (what == "written") {
      written_ = true;
      dialogue_.Written();
    }
    Settle();
  }

  void Settle() {
    while (dialogue_.has_output()) {
      std::string output;
      dialogue_.TakeOutput(&output);
      for (const absl::string_view line :
           absl::StrSplit(absl::StripSuffix(output, "\r\n"), "\r\n")) {
        out_.push_back(absl::StrCat("C: ", line));
      }
      if (written_) dialogue_.Written();
    }
    while (std::optional<DialogueEvent> event = dialogue_.NextEvent()) {
      out_.push_back(absl::StrCat("= ", Show(*event)));
    }
    if (dialogue_.wait() == Wait::kHandshake) out_.push_back("? handshake");
  }

  const Given setup_;
  Dialogue dialogue_;
  std::string said_;
  std::vector<std::string> out_;
  bool written_ = true;
};

struct Case {
  const char* name;
  const char* transcript;
  Given setup = {};
};

void PlayAll(const std::vector<Case>& cases, absl::string_view before = "") {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const std::vector<std::string> lines =
        absl::StrSplit(absl::StrCat(before, c.transcript), '\n', absl::SkipWhitespace());
    EXPECT_EQ(Player(c.setup).Play(lines), absl::StrJoin(lines, "\n"));
  }
}

TEST(Dialogue, Opens) {
  PlayAll({
      {"plain",
       "S: 220 mx\nC: EHLO me\nS: 250 mx\n= opened\n! quit\nC: QUIT\nS: 221 bye\n= closed"},
      {"a multi-line banner", "S: 220-mx\nS: 220 hello\nC: EHLO me\nS: 250 mx\n= opened"},
      {"HELO for an old server",
       "S: 220 mx\nC: EHLO me\nS: 502 what\nC: HELO me\nS: 250 mx\n= opened"},
      {"HELO refused too",
       "S: 220 mx\nC: EHLO me\nS: 550 no\nC: HELO me\nS: 550 no way\nC: QUIT\n! eof\n"
       "= closed after 550 no way"},
      {"HELO busy",
       "S: 220 mx\nC: EHLO me\nS: 500 what\nC: HELO me\nS: 421 bye\n= closed after 421 bye"},
      {"EHLO deferred",
       "S: 220 mx\nC: EHLO me\nS: 451 4.3.0 later\nC: QUIT\nS: 221 bye\n= closed after 451 4.3.0 "
       "later"},
      {"a banner that refuses",
       "S: 554 5.7.1 listed\nC: QUIT\nS: 221 bye\n= closed after 554 5.7.1 "
       "listed"},
      {"a banner that is busy", "S: 421 4.7.0 busy\n= closed after 421 4.7.0 busy"},
      {"a banner that is not 220", "S: 250 mx\n= closed: unexpected reply to connect: 250 mx"},
      {"not SMTP", "S: SSH-2.0-OpenSSH\n= closed: no SMTP reply to connect: SSH-2.0-OpenSSH"},
      {"EHLO answered with 354",
       "S: 220 mx\nC: EHLO me\nS: 354 go\n= closed: unexpected reply to EHLO: 354 go"},
      {"a second banner, late",
       "S: 220 mx\nC: EHLO me\nS: 220 mx\n= closed: unexpected reply to EHLO: 220 mx"},
      {"421 to EHLO", "S: 220 mx\nC: EHLO me\nS: 421 bye\n= closed after 421 bye"},
      {"no banner", "! timeout\n= closed: no reply in 5m"},
      {"the reply before EHLO", "S: 220 mx\nS: 250 mx\n= closed: a reply before EHLO: 250 mx"},
      {"closed by us early", "! quit\n= closed: closed before it was ready"},
      {"421 while idle",
       "S: 220 mx\nC: EHLO me\nS: 250 mx\n= opened\nS: 421 4.4.2 idle\n= closed "
       "after 421 4.4.2 idle"},
      {"250 while idle",
       "S: 220 mx\nC: EHLO me\nS: 250 mx\n= opened\nS: 250 what\n= closed: an unasked reply: 250 "
       "what"},
      {"the end while idle",
       "S: 220 mx\nC: EHLO me\nS: 250 mx\n= opened\n! eof\n= closed: connection closed"},
  });
}

TEST(Dialogue, StartsTlsAsThePolicySays) {
  const Given never{TlsPolicy::kNever}, required{TlsPolicy::kRequired},
      verified{TlsPolicy::kVerified};
  PlayAll(
      {
          {"offered, wished for",
           "S: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\n? handshake\n! tls ok\nC: EHLO "
           "me\nS: 250 mx\n= opened with TLS"},
          {"offered again inside TLS",
           "S: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\n? handshake\n! tls ok\nC: EHLO "
           "me\nS: 250-mx\nS: 250 STARTTLS\n= opened with TLS"},
          {"not offered, wished for", "S: 250 mx\n= opened"},
          {"offered, never", "S: 250-mx\nS: 250 STARTTLS\n= opened", never},
          {"not offered, required",
           "S: 250 mx\nC: QUIT\nS: 221 bye\n= closed without TLS: the server does not offer "
           "STARTTLS",
           required},
          {"not offered, verified",
           "S: 250 mx\nC: QUIT\nS: 221 bye\n= closed without TLS: the server does not offer "
           "STARTTLS",
           verified},
          {"no HELO where TLS is required",
           "S: 502 what\nC: QUIT\nS: 221 bye\n= closed without TLS after 502 what", required},
          {"HELO where TLS is there already",
           "S: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\n? handshake\n! tls ok\nC: EHLO "
           "me\nS: 500 what\nC: HELO me\nS: 250 mx\n= opened with TLS",
           required},
          {"454, wished for", "S: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 454 no\n= opened"},
          {"454, required",
           "S: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 454 no\nC: QUIT\nS: 221 bye\n= closed "
           "without TLS after 454 no",
           required},
          {"421", "S: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 421 no\n= closed after 421 no"},
          {"250 is not 220",
           "S: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 250 go\n= closed: unexpected reply to "
           "STARTTLS: 250 go"},
          {"bytes after the 220",
           "S: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nS: 250 evil\n= closed: bytes after "
           "the reply to STARTTLS: injected?"},
          {"a 220 before we asked",
           "S: 250-mx\nS: 250 STARTTLS\nS: 220 go\n= closed: a reply before STARTTLS: 220 go"},
          {"what was offered in the clear is forgotten",
           "S: 250-mx\nS: 250-STARTTLS\nS: 250-SIZE 1\nS: 250 PIPELINING\nC: STARTTLS\nS: 220 go\n"
           "? handshake\n! tls ok\nC: EHLO me\nS: 250 mx\n= opened with TLS\n! send\nC: MAIL "
           "FROM:<a@x.example>"},
          {"the handshake fails",
           "S: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\n? handshake\n! eof\n= closed: "
           "connection closed"},
      },
      "S: 220 mx\nC: EHLO me\n");
}

constexpr char kOpen[] =
    "S: 220 mx\nC: EHLO me\nS: 250 mx\n= opened\n! send\nC: MAIL "
    "FROM:<a@x.example>\n";
constexpr char kPipelined[] =
    "S: 220 mx\nC: EHLO me\nS: 250-mx\nS: 250 PIPELINING\n= opened\n! send\n"
    "C: MAIL FROM:<a@x.example>\nC: RCPT TO:<b@y.example>\nC: DATA\n";

TEST(Dialogue, SendsOneCommandAtATime) {
  PlayAll(
      {
          {"accepted",
           "S: 250 a\nC: RCPT TO:<b@y.example>\nS: 250 b\nC: DATA\nS: 354 c\nC: Subject: s\nC: \n"
           "C: t\nC: .\nS: 250 2.0.0 d\n= sent: 250 2.0.0 d at end of data, usable\n! send\n"
           "C: MAIL FROM:<a@x.example>"},
          {"251 will do", "S: 250 a\nC: RCPT TO:<b@y.example>\nS: 251 b\nC: DATA"},
          {"MAIL refused: no RSET after it",
           "S: 451 no\n= sent: 451 no at MAIL, usable\n! send\nC: MAIL FROM:<a@x.example>"},
          {"RCPT refused: RSET before the next",
           "S: 250 a\nC: RCPT TO:<b@y.example>\nS: 550 5.1.1 b\n= sent: 550 5.1.1 b at RCPT, "
           "usable\n! send\nC: RSET\nS: 250 c\nC: MAIL FROM:<a@x.example>\nS: 250 a\nC: RCPT "
           "TO:<b@y.example>"},
          {"DATA refused",
           "S: 250 a\nC: RCPT TO:<b@y.example>\nS: 250 b\nC: DATA\nS: 451 c\n= sent: 451 c at "
           "DATA, "
           "usable\n! send\nC: RSET"},
          {"the message refused",
           "S: 250 a\nC: RCPT TO:<b@y.example>\nS: 250 b\nC: DATA\nS: 354 c\nC: Subject: s\nC: \n"
           "C: t\nC: .\nS: 554 5.7.1 spam\n= sent: 554 5.7.1 spam at end of data, usable\n! send\n"
           "C: MAIL FROM:<a@x.example>"},
          {"421 to MAIL",
           "S: 421 4.7.28 a\n= sent: 421 4.7.28 a at MAIL\n= closed: ended with 421 4.7.28 a"},
          {"354 to MAIL",
           "S: 354 go\n= sent: not transferred\n= closed: unexpected reply to MAIL: 354 go"},
          {"250 to DATA",
           "S: 250 a\nC: RCPT TO:<b@y.example>\nS: 250 b\nC: DATA\nS: 250 c\n= sent: not "
           "transferred\n= closed: unexpected reply to DATA: 250 c"},
          {"two replies to one command",
           "S: 250 a\nS: 250 b\n= sent: not transferred\n= closed: a reply before RCPT: 250 b"},
          {"RSET refused says nothing about the message",
           "S: 250 a\nC: RCPT TO:<b@y.example>\nS: 550 b\n= sent: 550 b at RCPT, usable\n! send\n"
           "C: RSET\nS: 550 c\n= sent: not transferred\n= closed: unexpected reply to RSET: 550 c"},
          {"Close waits for the transaction",
           "! quit\nS: 250 a\nC: RCPT TO:<b@y.example>\nS: 550 b\nC: QUIT\n= sent: 550 b at RCPT\n"
           "S: 221 bye\n= closed"},
      },
      kOpen);
}

TEST(Dialogue, Pipelines) {
  PlayAll(
      {
          {"accepted, the body only after 354",
           "S: 250 a\nS: 250 b\nS: 354 c\nC: Subject: s\nC: \nC: t\nC: .\nS: 250 d\n= sent: 250 d "
           "at end of data, usable"},
          {"replies one by one",
           "S: 250 a\n.\nS: 250 b\n.\nS: 354 c\nC: Subject: s\nC: \nC: t\nC: .\nS: 250 d\n= sent: "
           "250 d at end of data, usable"},
          {"RCPT refused, DATA too: RSET goes with the next group",
           "S: 250 a\nS: 550 5.1.1 b\nS: 503 c\n= sent: 550 5.1.1 b at RCPT, usable\n! send\n"
           "C: RSET\nC: MAIL FROM:<a@x.example>\nC: RCPT TO:<b@y.example>\nC: DATA\nS: 250 r\n"
           "S: 250 a\nS: 250 b\nS: 354 c\nC: Subject: s\nC: \nC: t\nC: .\nS: 250 d\n= sent: 250 d "
           "at end of data, usable\n! send\nC: MAIL FROM:<a@x.example>\nC: RCPT "
           "TO:<b@y.example>\nC: DATA"},
          {"RCPT refused, DATA accepted: a lone dot",
           "S: 250 a\nS: 550 b\nS: 354 c\nC: .\nS: 554 no recipients\n= sent: 550 b at RCPT, "
           "usable\n! send\nC: MAIL FROM:<a@x.example>\nC: RCPT TO:<b@y.example>\nC: DATA"},
          {"MAIL refused, the rest follows",
           "S: 550 a\nS: 503 b\nS: 503 c\n= sent: 550 a at MAIL, usable"},
          {"MAIL refused, the rest accepted: no dot for whoever that is",
           "S: 451 a\nS: 250 b\nS: 354 c\n= sent: 451 a at MAIL\n= closed: ended with 451 a"},
          {"a refusal, then the end: the refusal stands",
           "S: 250 a\nS: 550 b\n! eof\n= sent: 550 b at RCPT\n= closed: connection closed"},
          {"a refusal, then 421",
           "S: 250 a\nS: 452 b\nS: 421 c\n= sent: 452 b at RCPT\n= closed: ended with 452 b"},
          {"421 to MAIL", "S: 421 a\n= sent: 421 a at MAIL\n= closed: ended with 421 a"},
          {"421 to RCPT", "S: 250 a\nS: 421 b\n= sent: 421 b at RCPT\n= closed: ended with 421 b"},
          {"421 to DATA",
           "S: 250 a\nS: 250 b\nS: 421 c\n= sent: 421 c at DATA\n= closed: ended with 421 c"},
          {"421 to the message",
           "S: 250 a\nS: 250 b\nS: 354 c\nC: Subject: s\nC: \nC: t\nC: .\nS: 421 d\n= sent: 421 d "
           "at end of data\n= closed: ended with 421 d"},
          {"the reply to the message before the message",
           "S: 250 a\nS: 250 b\nS: 354 c\nS: 250 d\n= sent: not transferred\n= closed: a reply "
           "before end of data: 250 d"},
          {"garbage to RCPT",
           "S: 250 a\nS: hello\n= sent: not transferred\n= closed: no SMTP reply to RCPT: hello"},
      },
      kPipelined);
}

// L4: what is in doubt, and what is not, depends on whether the final dot left.
TEST(Dialogue, IsInDoubtOnlyAfterTheFinalDot) {
  constexpr char kBody[] = "C: Subject: s\nC: \nC: t\nC: .\n";
  const std::string taken = absl::StrCat("S: 250 a\nS: 250 b\nS: 354 c\n", kBody);
  const std::string untaken = absl::StrCat("! unwritten\nS: 250 a\nS: 250 b\nS: 354 c\n", kBody);
  const auto play = [](const std::string& transcript) {
    PlayAll({{"", transcript.c_str()}}, kPipelined);
  };
  play("! eof\n= sent: not transferred\n= closed: connection closed");
  play("S: 250 a\n! timeout\n= sent: not transferred\n= closed: no reply in 5m");
  play(untaken + "! eof\n= sent: not transferred\n= closed: connection closed");
  play(untaken + "S: 452 full\n= sent: 452 full at end of data\n= closed: ended with 452 full");
  play(untaken + "S: 250 d\n! written\n= sent: 250 d at end of data, usable");
  play(untaken + "S: 250 d\n! eof\n= sent: in doubt\n= closed: connection closed");
  play(taken + "! eof\n= sent: in doubt\n= closed: connection closed");
  play(taken + "! timeout\n= sent: in doubt\n= closed: no reply in 5m");
  play(taken +
       "S: 354 again\n= sent: in doubt\n= closed: unexpected reply to end of data: 354 "
       "again");
  play(taken + "S: garbage\n= sent: in doubt\n= closed: no SMTP reply to end of data: garbage");
}

// RFC 5321 §3.8. The reply decides the message if its turn has come, once; nothing follows it.
TEST(Dialogue, EndsWith421AtAnyStep) {
  constexpr char kToBody[] = "S: 250 a\nS: 250 b\nS: 354 c\nC: Subject: s\nC: \nC: t\nC: .\n";
  constexpr char kRefused[] =
      "S: 250 a\nC: RCPT TO:<b@y.example>\nS: 550 b\n= sent: 550 b at RCPT, usable\n";
  const std::string mailed = absl::StrCat(kOpen, "S: 250 a\nC: RCPT TO:<b@y.example>\n");
  const std::string data = absl::StrCat(mailed, "S: 250 b\nC: DATA\n");
  const std::string dot = absl::StrCat(data, "S: 354 c\nC: Subject: s\nC: \nC: t\nC: .\n");
  struct Step {
    const char* name;
    std::string before;
    const char* message;  // At which command it decides one; "": none is under way.
  };
  for (const Step& step : {
           Step{"banner", "", ""},
           Step{"EHLO", "S: 220 mx\nC: EHLO me\n", ""},
           Step{"HELO", "S: 220 mx\nC: EHLO me\nS: 500 what\nC: HELO me\n", ""},
           Step{"STARTTLS", "S: 220 mx\nC: EHLO me\nS: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\n", ""},
           Step{"EHLO in TLS",
                "S: 220 mx\nC: EHLO me\nS: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\n"
                "? handshake\n! tls ok\nC: EHLO me\n",
                ""},
           Step{"idle", "S: 220 mx\nC: EHLO me\nS: 250 mx\n= opened\n", ""},
           Step{"idle after a message", absl::StrCat(kOpen, kRefused), ""},
           Step{"MAIL", kOpen, "MAIL"},
           Step{"RCPT", mailed, "RCPT"},
           Step{"DATA", data, "DATA"},
           Step{"end of data", dot, "end of data"},
           Step{"RSET", absl::StrCat(kOpen, kRefused, "! send\nC: RSET\n"), "RSET"},
           Step{"MAIL of a group", kPipelined, "MAIL"},
           Step{"RCPT of a group", absl::StrCat(kPipelined, "S: 250 a\n"), "RCPT"},
           Step{"DATA of a group", absl::StrCat(kPipelined, "S: 250 a\nS: 250 b\n"), "DATA"},
           Step{"end of data of a group", absl::StrCat(kPipelined, kToBody), "end of data"},
           Step{"RSET of a group",
                absl::StrCat(kPipelined,
                             "S: 250 a\nS: 550 b\nS: 503 c\n= sent: 550 b at RCPT, "
                             "usable\n! send\nC: RSET\nC: MAIL FROM:<a@x.example>\n"
                             "C: RCPT TO:<b@y.example>\nC: DATA\n"),
                "RSET"},
       }) {
    const std::string end =
        *step.message == '\0' ? "S: 421 4.3.2 bye\n= closed after 421 4.3.2 bye"
                              : absl::StrCat("S: 421 4.3.2 bye\n= sent: 421 4.3.2 bye at ",
                                             step.message, "\n= closed: ended with 421 4.3.2 bye");
    PlayAll({{step.name, end.c_str()}}, step.before);
  }
}

TEST(Dialogue, TakesAnyReplyToQuit) {
  for (const char* reply : {"S: 221 bye", "S: 250 bye", "S: 421 bye", "S: 354 go", "S: 500 what",
                            "S: 221-so\nS: 221 long", "S: farewell", "! eof", "! timeout"}) {
    const std::string end = absl::StrCat(reply, "\n= closed");
    PlayAll({{reply, end.c_str()}},
            "S: 220 mx\nC: EHLO me\nS: 250 mx\n= opened\n! quit\nC: QUIT\n");
  }
}

// What RSET is answered is about the session: the message has not been offered yet.
TEST(Dialogue, TakesNoReplyToRsetForTheMessages) {
  const std::string before = absl::StrCat(
      kOpen,
      "S: 250 a\nC: RCPT TO:<b@y.example>\nS: 550 b\n= sent: 550 b at RCPT, usable\n! send\n"
      "C: RSET\n");
  PlayAll({{"another 2yz", "S: 200 ok\nC: MAIL FROM:<a@x.example>"}}, before);
  for (const char* reply : {"221 bye", "354 go", "451 later", "500 what", "550 no"}) {
    const std::string end = absl::StrCat(
        "S: ", reply, "\n= sent: not transferred\n= closed: unexpected reply to RSET: ", reply);
    PlayAll({{reply, end.c_str()}}, before);
  }
  PlayAll(
      {{"garbage", "S: hello\n= sent: not transferred\n= closed: no SMTP reply to RSET: hello"}},
      before);
}

// A reply of the wrong kind means that one side has lost count: nothing more is matched to it.
TEST(Dialogue, EndsOnAReplyOfAnotherKind) {
  struct Step {
    const char* at;
    std::string replies;  // Good ones, before it.
    std::vector<const char*> wrong;
    const char* result;
  };
  const char* const kSafe = "not transferred";
  for (const Step& step : {
           Step{"MAIL", "", {"354 go", "220 mx", "221 bye", "300 more"}, kSafe},
           Step{"RCPT", "S: 250 a\n", {"354 go", "220 mx", "221 bye", "300 more"}, kSafe},
           Step{"DATA",
                "S: 250 a\nS: 250 b\n",
                {"250 ok", "220 mx", "221 bye", "200 ok", "300 more"},
                kSafe},
           Step{"end of data",
                "S: 250 a\nS: 250 b\nS: 354 c\nC: Subject: s\nC: \nC: t\nC: .\n",
                {"354 go", "220 mx", "221 bye", "300 more"},
                "in doubt"},
       }) {
    for (const char* wrong : step.wrong) {
      const std::string end =
          absl::StrCat(step.replies, "S: ", wrong, "\n= sent: ", step.result,
                       "\n= closed: unexpected reply to ", step.at, ": ", wrong);
      PlayAll({{step.at, end.c_str()}}, kPipelined);
    }
  }
}

// Bytes that were there before a command left are no answer to it, be they only half a line.
TEST(Dialogue, MatchesNoReplyToALaterCommand) {
  struct Case {
    const char* name;
    std::string before;
    std::string said;  // At once.
    const char* want;
  };
  const std::string data =
      absl::StrCat(kOpen, "S: 250 a\nC: RCPT TO:<b@y.example>\nS: 250 b\nC: DATA\n");
  for (const Case& c : {
           Case{"EHLO", "", "220 mx\r\n250", "closed: a reply begun before EHLO"},
           Case{"STARTTLS", "S: 220 mx\nC: EHLO me\n", "250-mx\r\n250 STARTTLS\r\n22",
                "closed: a reply begun before STARTTLS"},
           Case{"HELO", "S: 220 mx\nC: EHLO me\n", "500 what\r\n2",
                "closed: a reply begun before EHLO"},
           Case{"RCPT", kOpen, "250 a\r\n250-b\r\n", "closed: a reply begun before RCPT"},
           Case{"the message", data, "354 c\r\n25", "closed: a reply begun before message"},
           Case{"the message, after a group", kPipelined,
                "250 a\r\n250 b\r\n354 c\r\n250-queued\r\n",
                "closed: a reply begun before message"},
       }) {
    SCOPED_TRACE(c.name);
    Player player({});
    const std::vector<std::string> lines = absl::StrSplit(c.before, '\n', absl::SkipWhitespace());
    player.Play(lines);
    const std::string end = player.Say(c.said);
    EXPECT_EQ(
        end,
        absl::StrCat(
            "= ", c.before.find("! send") == std::string::npos ? "" : "sent: not transferred\n= ",
            c.want));
  }
  Player idle({});
  idle.Play({"S: 220 mx", ".", "S: 250 mx"});
  EXPECT_EQ(idle.Say("42"), "");
  EXPECT_EQ(idle.Play({"! send"}),
            "! send\n= sent: not transferred\n= closed: a reply begun before MAIL");
}

// RFC 3030. The last byte of the chunk is what the final dot is to DATA.
TEST(Dialogue, SendsOneLastChunkWhereBothSidesWish) {
  Given wish;
  wish.chunking = true;
  wish.mail.message = "Subject: s\r\n\r\n.t\r\n";
  const std::string open =
      "S: 220 mx\nC: EHLO me\nS: 250-mx\nS: 250-CHUNKING\nS: 250 PIPELINING\n= opened\n! send\n"
      "C: MAIL FROM:<a@x.example>\nC: RCPT TO:<b@y.example>\n";
  const std::string again = "! send\nC: MAIL FROM:<a@x.example>\nC: RCPT TO:<b@y.example>";
  const std::string reset = "! send\nC: RSET\nC: MAIL FROM:<a@x.example>\nC: RCPT TO:<b@y.example>";
  const std::string chunk = "S: 250 a\nS: 250 b\nC: BDAT 18 LAST\nC: Subject: s\nC: \nC: .t\n";
  const auto play = [&](const std::string& transcript) {
    PlayAll({{"", transcript.c_str(), wish}}, open);
  };
  play(chunk + "S: 250 d\n= sent: 250 d at end of data, usable\n" + again);
  play(chunk + "S: 554 d\n= sent: 554 d at end of data, usable\n" + reset);
  play(chunk + "S: 421 d\n= sent: 421 d at end of data\n= closed: ended with 421 d");
  play(chunk + "S: 354 d\n= sent: in doubt\n= closed: unexpected reply to end of data: 354 d");
  play(chunk + "! eof\n= sent: in doubt\n= closed: connection closed");
  play(chunk + "! timeout\n= sent: in doubt\n= closed: no reply in 5m");
  play("! unwritten\n" + chunk + "! eof\n= sent: not transferred\n= closed: connection closed");
  play("! unwritten\n" + chunk +
       "S: 552 d\n= sent: 552 d at end of data\n= closed: ended with "
       "552 d");
  play("! unwritten\n" + chunk + "S: 250 d\n! written\n= sent: 250 d at end of data, usable");
  play(
      "S: 250 a\nS: 250 b\nS: 250 c\n= sent: not transferred\n= closed: a reply before end of "
      "data: 250 c");
  play("S: 250 a\nS: 550 b\n= sent: 550 b at RCPT, usable\n" + reset);
  play("S: 451 a\nS: 503 b\n= sent: 451 a at MAIL, usable\n" + again);
  play("S: 451 a\nS: 250 b\n= sent: 451 a at MAIL, usable\n" + reset);
  PlayAll({{"one command at a time",
            "S: 220 mx\nC: EHLO me\nS: 250-mx\nS: 250 CHUNKING\n= opened\n! send\n"
            "C: MAIL FROM:<a@x.example>\nS: 250 a\nC: RCPT TO:<b@y.example>\nS: 250 b\n"
            "C: BDAT 18 LAST\nC: Subject: s\nC: \nC: .t\nS: 250 d\n= sent: 250 d at end of data, "
            "usable",
            wish},
           {"not offered",
            "S: 220 mx\nC: EHLO me\nS: 250 mx\n= opened\n! send\nC: MAIL FROM:<a@x.example>\n"
            "S: 250 a\nC: RCPT TO:<b@y.example>\nS: 250 b\nC: DATA",
            wish},
           {"not wished for",
            "S: 220 mx\nC: EHLO me\nS: 250-mx\nS: 250 CHUNKING\n= opened\n! send\n"
            "C: MAIL FROM:<a@x.example>\nS: 250 a\nC: RCPT TO:<b@y.example>\nS: 250 b\nC: DATA"}});
}

TEST(Dialogue, SendsNoMoreMessagesThanTheServerWants) {
  const std::string open =
      "S: 220 mx\nC: EHLO me\nS: 250-mx\nS: 250 LIMITS RCPTMAX=1 MAILMAX=2\n= opened\n";
  const std::string refused = "! send\nC: MAIL FROM:<a@x.example>\nS: 451 a\n";
  PlayAll({{"after two, refused or not",
            "! send\nC: MAIL FROM:<a@x.example>\nS: 451 a\nC: QUIT\n= sent: 451 a at MAIL\n"
            "S: 221 bye\n= closed"}},
          absl::StrCat(open, refused, "= sent: 451 a at MAIL, usable\n"));
  const Given bad{TlsPolicy::kOpportunistic, {"\n", "b@y", "S: s"}};
  const std::string ours =
      "! send\n= sent: 553 5.1.7 not sent: bad envelope sender: the address holds a control "
      "character at MAIL, usable\n";
  PlayAll({{"what we refuse ourselves is none of them", ours.c_str(), bad}},
          absl::StrCat(open, ours, ours));
}

TEST(Dialogue, OffersOnlyWhatTheServerTakes) {
  const auto with = [](absl::string_view from, absl::string_view to, absl::string_view message) {
    return Given{TlsPolicy::kOpportunistic,
                 {std::string(from), std::string(to), std::string(message)}};
  };
  const auto open = [](absl::string_view keywords) {
    std::string lines = "S: 220 mx\nC: EHLO me\nS: 250-mx\n";
    for (const absl::string_view keyword : absl::StrSplit(keywords, ',')) {
      absl::StrAppend(&lines, "S: 250-", keyword, "\n");
    }
    return lines + "S: 250 HELP\n= opened\n! send\n";
  };
  const std::string refused =
      "= sent: 552 5.3.4 not sent: the message is 11 bytes long and the server takes 10 at MAIL, "
      "usable\n! quit\nC: QUIT";
  PlayAll({{"over SIZE", refused.c_str(), with("a@x", "b@y", "Subject: s\n")}}, open("SIZE 10"));
  PlayAll({{"within SIZE", "C: MAIL FROM:<a@x> SIZE=11", with("a@x", "b@y", "Subject: s\n")}},
          open("SIZE 11"));
  PlayAll({{"8-bit body", "C: MAIL FROM:<a@x> BODY=8BITMIME",
            with("a@x", "b@y", "S: s\r\n\r\n\xC3\xA9")},
           {"7-bit body", "C: MAIL FROM:<a@x>", with("a@x", "b@y", "S: s\r\n\r\ne")},
           {"8-bit address",
            "= sent: 553 5.6.7 not sent: the address is not ASCII and the server does not offer "
            "SMTPUTF8 at RCPT, usable",
            with("a@x", "\xC3\xA9@y", "S: s\r\n\r\ne")},
           {"a domain as A-labels", "C: MAIL FROM:<a@xn--bcher-kva.example>",
            with("a@xn--bcher-kva.example", "b@y", "S: s\r\n\r\ne")},
           {"8-bit sender",
            "= sent: 553 5.6.7 not sent: the envelope sender is not ASCII and the server does not "
            "offer SMTPUTF8 at MAIL, usable",
            with("\xC3\xA9@x", "b@y", "S: s\r\n\r\ne")},
           {"8-bit header",
            "= sent: 554 5.6.7 not sent: the message's header is not ASCII and the server does not "
            "offer SMTPUTF8 at MAIL, usable",
            with("a@x", "b@y", "S: \xC3\xA9\r\n\r\ne")}},
          open("8BITMIME"));
  PlayAll(
      {{"8-bit address", "C: MAIL FROM:<a@x> SMTPUTF8", with("a@x", "\xC3\xA9@y", "S: s\r\n\r\ne")},
       {"8-bit header", "C: MAIL FROM:<a@x> BODY=8BITMIME SMTPUTF8",
        with("a@x", "b@y", "S: \xC3\xA9\r\n\r\ne")},
       {"8-bit body only", "C: MAIL FROM:<a@x> BODY=8BITMIME",
        with("a@x", "b@y", "S: s\r\n\r\n\xC3\xA9")}},
      open("8BITMIME,SMTPUTF8"));
  PlayAll({{"8-bit body, 7-bit server",
            "= sent: 554 5.6.3 not sent: the message has 8-bit text and the server does not offer "
            "8BITMIME at MAIL, usable",
            with("a@x", "b@y", "S: s\r\n\r\n\xC3\xA9")},
           {"an address that breaks out",
            "= sent: 501 5.1.3 not sent: the address holds a control character at RCPT, usable",
            with("a@x", "b@y\r\nDATA", "S: s")},
           {"the null sender", "C: MAIL FROM:<>", with("", "b@y", "S: s")}},
          open("HELP"));
}

TEST(Dialogue, KeepsATranscriptOfBoundedSize) {
  DialogueOptions options;
  options.ehlo_name = "me";
  options.peer = "mx [192.0.2.1]:25 from 192.0.2.2";
  options.transcript_bytes = 120;
  Dialogue dialogue(options);
  const auto converse = [&](absl::string_view bytes) {
    dialogue.Receive(bytes);
    std::string out;
    dialogue.TakeOutput(&out);
    dialogue.Written();
  };
  dialogue.Connected();
  converse("220 mx\r\n");
  converse("250 mx\r\n");
  dialogue.Send({"a@x", "b@y", "secret"});
  converse("");
  converse("550 5.7.1 " + std::string(200, 'n') + "\r\n");
  dialogue.NextEvent();
  const std::optional<DialogueEvent> sent = dialogue.NextEvent();
  ASSERT_TRUE(sent.has_value());
  EXPECT_EQ(*sent->opening, "* mx [192.0.2.1]:25 from 192.0.2.2\n< 220 mx\n> EHLO me\n< 250 mx\n");
  EXPECT_EQ(sent->transcript, "> MAIL FROM:<a@x>\n...\n");
}

}  // namespace
}  // namespace crescendo::smtp
