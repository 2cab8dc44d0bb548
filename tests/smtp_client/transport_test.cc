// The transport over real sockets, against a scripted server on loopback.
#include "smtp_client/delivery/smtp_transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/smtp_harness.h"
#include "tests/support/smtp_script_server.h"

namespace crescendo::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const SmtpScript kEnvelope = {Read("MAIL FROM:<news@example.com>"), Read("RCPT TO:<ann@"),
                              Read("DATA"), Say("250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 go\r\n")};
const SmtpScript kBody = {ReadMessage(), Say("250 2.0.0 queued as 1\r\n")};
const SmtpScript kGoodbye = {Read("QUIT"), Say("221 bye\r\n"), Cut()};

TEST(SmtpTransport, SendsTwoMessagesOverOneConnection) {
  SmtpScriptServer server(
      {Greeting({"PIPELINING"}) + kEnvelope + kBody + kEnvelope + kBody + kGoodbye});
  SmtpHarness smtp;
  smtp.Open(server.port());
  EXPECT_EQ(Describe(smtp.Next()), "opened");
  for (const int delivery : {7, 8}) {
    smtp.Send(1, delivery, "Subject: hi\r\n\r\n.dot\r\n");
    const ports::TransportEvent sent = smtp.Next();
    EXPECT_EQ(Describe(sent), "sent, reply 250 at end of data, usable");
    EXPECT_EQ(sent.delivery, DeliveryId(delivery));
  }
  smtp.transport().Close(ConnectionId(1));
  EXPECT_EQ(Describe(smtp.Next()), "closed");
  EXPECT_THAT(server.messages(), ElementsAre("Subject: hi\r\n\r\n..dot\r\n.\r\n",
                                             "Subject: hi\r\n\r\n..dot\r\n.\r\n"));
  EXPECT_THAT(smtp.transport().Transcript(DeliveryId(7)), HasSubstr("< 250 2.0.0 queued as 1\n"));
  EXPECT_EQ(smtp.transport().Transcript(DeliveryId(9)), "");
}

}  // namespace
}  // namespace crescendo::testing
