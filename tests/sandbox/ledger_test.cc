// The ledger as a file: what comes back, and what a kill leaves behind.
#include "cmd/crescendo-sandbox/ledger.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "cmd/crescendo-sandbox/files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sandbox/support.h"

namespace crescendo::sandbox {
namespace {

using ::testing::HasSubstr;

LedgerRecord Sample(int number) {
  LedgerRecord record;
  record.connection = 3;
  record.number = number;
  record.connected = StartTime();
  record.start = StartTime() + absl::Microseconds(1234567);
  record.end = StartTime() + absl::Seconds(2);
  record.provider = "gmail";
  record.source_ip = kIpA;
  record.ehlo_name = "mta1-a.example";
  record.mail_from = "news@shop.example";
  record.rcpt_to = absl::StrCat("u", number, "@gmail.com");
  record.message_id = "<\"odd\\id\"@shop.example>";
  record.digest = "0123456789abcdef";
  record.size = 1234;
  record.outcome = RecordOutcome::kTemporary;
  record.code = 421;
  record.reply = "421-4.7.28 a\n421 4.7.28 b";
  record.phase = std::string(kPhaseEndOfData);
  record.tls = true;
  return record;
}

TEST(Ledger, ALineSaysEverything) {
  EXPECT_EQ(ToJsonLine(Sample(7)),
            R"({"kind":"transaction","start":"2026-01-01T00:00:01.234567Z",)"
            R"("end":"2026-01-01T00:00:02.000000Z","provider":"gmail","source_ip":"127.0.10.1",)"
            R"("ehlo":"mta1-a.example","mail_from":"news@shop.example","rcpt_to":"u7@gmail.com",)"
            R"("outcome":"temporary","code":421,"reply":"421-4.7.28 a\n421 4.7.28 b",)"
            R"("phase":"end_of_data","message_id":"<\"odd\\id\"@shop.example>","size":1234,)"
            R"("digest":"0123456789abcdef","kept":false,"dropped_by":"","tls":true,)"
            R"("connection":3,"number":7,"connected":"2026-01-01T00:00:00.000000Z"})"
            "\n");
}

TEST(Ledger, ComesBackAsItWasWritten) {
  TempFolder folder;
  const std::string path = folder.File("l");
  ASSERT_TRUE(Ledger::Open(path).value()->Append({Sample(1), Sample(2)}).ok());
  ASSERT_TRUE(Ledger::Open(path).value()->Append({Sample(3)}).ok());  // A later run adds to it.
  const std::vector<LedgerRecord> records = ReadLedger(path).value();
  ASSERT_EQ(records.size(), 3u);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ToJsonLine(records[i]), ToJsonLine(Sample(i + 1)));
}

TEST(Ledger, StaysUtf8WhateverASenderSays) {
  LedgerRecord record = Sample(1);
  record.ehlo_name = "\xff\xfe";
  const absl::StatusOr<LedgerRecord> back = ParseLedgerLine(ToJsonLine(record));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->ehlo_name, "\xef\xbf\xbd\xef\xbf\xbd");
}

TEST(Ledger, ATornLastLineIsCutOff) {
  TempFolder folder;
  const std::string path = folder.File("l");
  const std::string whole = ToJsonLine(Sample(1));
  ASSERT_TRUE(ReplaceFile(path, whole + ToJsonLine(Sample(2)).substr(0, 50)).ok());
  EXPECT_EQ(ReadLedger(path).value().size(), 1u) << "a reader waits for the rest";
  ASSERT_TRUE(Ledger::Open(path).value()->Append({Sample(3)}).ok());
  EXPECT_EQ(ReadFile(path).value(), whole + ToJsonLine(Sample(3)));
}

TEST(Ledger, ABrokenLineIsNamed) {
  TempFolder folder;
  const std::string path = folder.File("l");
  const std::string line = ToJsonLine(Sample(1));
  ASSERT_TRUE(ReplaceFile(path, line + "{\"kind\":\"transaction\"}\n" + line).ok());
  const absl::Status status = ReadLedger(path).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("ledger line 2: "));
}

TEST(Ledger, AReaderFollowsAFileThatGrows) {
  TempFolder folder;
  const std::string path = folder.File("l");
  const std::unique_ptr<Ledger> ledger = Ledger::Open(path).value();
  const std::unique_ptr<LedgerReader> reader = LedgerReader::Open(path).value();
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(reader->Next().value().has_value());
    ASSERT_TRUE(ledger->Append({Sample(i)}).ok());
    EXPECT_EQ(reader->Next().value()->number, i);
  }
}

TEST(Ledger, AKillLosesNothingThatAppendReturnedFor) {
  TempFolder folder;
  const std::string path = folder.File("l");
  int acknowledged[2];
  ASSERT_EQ(pipe(acknowledged), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const std::unique_ptr<Ledger> ledger = Ledger::Open(path).value();
    for (int i = 1;; ++i) {
      if (!ledger->Append({Sample(i)}).ok()) _exit(1);
      if (write(acknowledged[1], &i, sizeof(i)) != sizeof(i)) _exit(1);
    }
  }
  close(acknowledged[1]);
  int last = 0;
  while (last < 500) ASSERT_EQ(read(acknowledged[0], &last, sizeof(last)), 4);
  ASSERT_EQ(kill(child, SIGKILL), 0);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  while (read(acknowledged[0], &last, sizeof(last)) == sizeof(last)) {
  }
  close(acknowledged[0]);
  Ledger::Open(path).value();
  const std::vector<LedgerRecord> records = ReadLedger(path).value();
  ASSERT_GE(static_cast<int>(records.size()), last);
  ASSERT_LE(static_cast<int>(records.size()), last + 1);
  for (size_t i = 0; i < records.size(); ++i) EXPECT_EQ(records[i].number, static_cast<int>(i) + 1);
}

TEST(Ledger, WhatDoesNotFitIsTakenBackAndNotAccepted) {
  TempFolder folder;
  const std::string path = folder.File("l");
  // In a child: a limit on file size cannot be taken back, and stands for a full disk.
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const std::unique_ptr<Ledger> ledger = Ledger::Open(path).value();
    const rlimit limit = {1000, 1000};
    setrlimit(RLIMIT_FSIZE, &limit);
    const bool first = ledger->Append({Sample(1)}).ok();
    const absl::Status second = ledger->Append({Sample(2)});
    _exit(first && second.code() == absl::StatusCode::kResourceExhausted ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(ReadFile(path).value(), ToJsonLine(Sample(1)));
}

}  // namespace
}  // namespace crescendo::sandbox
