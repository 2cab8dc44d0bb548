// CheckStore finds what does not agree, and changes nothing.
#include "store/sqlite/check.h"

#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "store/sqlite/database.h"
#include "store/sqlite/migrate.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/store_contract/describe.h"
#include "tests/store_contract/random_writes.h"
#include "tests/store_contract/store_fixture.h"

namespace crescendo::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class CheckTest : public testing::Test {
 protected:
  // A store of schema `version` with the rows of its testdata.
  // `old`: as before schema 2, which does not give pages back.
  void Make(size_t version, bool old = false) {
    std::filesystem::remove(path_);
    auto database = Database::Open(path_, {}).value();
    if (old) {
      ASSERT_TRUE(database->Exec("PRAGMA auto_vacuum = NONE; PRAGMA journal_mode = WAL").ok());
    }
    ASSERT_TRUE(Migrate(database.get(), AllMigrations().first(version)).ok());
    std::ifstream rows(absl::StrCat(CRESCENDO_SOURCE_DIR, "/tests/store_contract/testdata/",
                                    absl::Dec(version, absl::kZeroPad4), ".sql"));
    std::stringstream sql;
    sql << rows.rdbuf();
    const absl::Status status = database->Exec(sql.str());
    ASSERT_TRUE(status.ok()) << status;
  }
  void Exec(const std::string& sql) {
    auto database = Database::Open(path_, {}).value();
    ASSERT_TRUE(database->Exec("PRAGMA foreign_keys = OFF").ok());
    const absl::Status status = database->Exec(sql);
    ASSERT_TRUE(status.ok()) << status;
  }
  // The checks that found a fault, and what they say.
  std::vector<std::string> Faulty() {
    const auto results = CheckStore(path_);
    EXPECT_TRUE(results.ok()) << results.status();
    std::vector<std::string> names;
    said_.clear();
    for (const CheckResult& result : *results) {
      if (result.ok) continue;
      names.push_back(result.check);
      absl::StrAppend(&said_, result.check, ": ", result.detail, "\n");
    }
    return names;
  }

  TempFolder folder_;
  const std::string path_ = folder_.Path("crescendo.db");
  std::string said_;
};

TEST_F(CheckTest, EveryVersionsRowsAreSound) {
  for (size_t version = 1; version <= AllMigrations().size(); ++version) {
    SCOPED_TRACE(version);
    Make(version);
    EXPECT_THAT(Faulty(), ElementsAre()) << said_;
    std::unique_ptr<ports::Store> upgraded = OpenSqlite(path_);
    upgraded.reset();
    EXPECT_THAT(Faulty(), ElementsAre()) << said_;
  }
}

TEST_F(CheckTest, FindsWhatDoesNotAgree) {
  struct Case {
    const char* name;
    const char* sql;
    const char* check;
    const char* says;
  };
  for (const Case& c : {
           Case{"a count too many", "UPDATE campaign_counts SET bounced = 1", "counts",
                "campaign 1 counts 1 BOUNCED; there are 0"},
           Case{"a pruned one that is not counted", "UPDATE campaign_counts SET pruned_expired = 1",
                "counts", "counts 0 EXPIRED; there are 1"},
           Case{"a lost delivery",
                "UPDATE deliveries SET address = 'z@x.example', id = 3, state = 5"
                " WHERE id = 1",
                "counts", "ACCEPTED"},
           Case{"an orphan claim", "DELETE FROM deliveries WHERE id = 2", "claims",
                "delivery 2 is claimed but does not exist"},
           Case{"a claim of what has ended", "UPDATE deliveries SET state = 6 WHERE id = 2",
                "claims", "delivery 2 is claimed but has ended"},
           Case{"a claim without a slot", "UPDATE ledger SET claimed = 0", "ledger",
                "day 2026-03-02 says 0 in flight; there are 1"},
           Case{"a day that is not there", "UPDATE ledger SET day = 1", "ledger",
                "its day is not in the ledger"},
           Case{"an acceptance that the ledger lacks", "UPDATE ledger SET accepted = 0", "ledger",
                "lane mta1-a × gmail has 1 accepted deliveries; the ledger says 0"},
           Case{"an acceptance too many", "UPDATE ledger SET accepted = 9", "ledger",
                "the ledger says 9 accepted; the campaigns count 3"},
           Case{"a doubt that the ledger lacks", "UPDATE deliveries SET in_doubt_count = 1",
                "ledger", "0 in doubt"},
           Case{"a delivery outside its campaign's ids",
                "UPDATE campaign_counts SET"
                " first_delivery = 2",
                "deliveries", "delivery 1 is not among the ids"},
           Case{"a delivery of no campaign", "UPDATE deliveries SET campaign = 7 WHERE id = 1",
                "deliveries", "campaign 7, which is missing"},
           Case{"a delivery of no domain", "UPDATE deliveries SET domain = 7", "deliveries",
                "domain 7, which is missing"},
           Case{"an event that is gone",
                "INSERT INTO events SELECT 11, time_us, type, 1, 2, NULL,"
                " NULL, 3, 1, 9, 0, NULL, '', NULL, NULL, NULL FROM events",
                "events", "events 9 to 11 are 2 events"},
           Case{"a history of another delivery", "UPDATE events SET delivery = 2", "events",
                "delivery 1 names event 9, which is not about it"},
           Case{"a history that goes in circles", "UPDATE events SET previous = 9", "events",
                "event 9 follows event 9"},
           Case{"an event number given twice", "UPDATE sqlite_sequence SET seq = 5", "events",
                "event 9 is newer than the last one given, 5"},
           Case{"a hole in the labels", "UPDATE labels SET key = 9 WHERE key = 3", "names",
                "label 9 has place 3"},
           Case{"a label that is not there", "UPDATE deliveries SET pinned_ip = 44", "names",
                "deliveries use label 44 of 3"},
           Case{"an event's label that is not there", "UPDATE events SET pool = 44", "names",
                "events use label 44"},
           Case{"a recipient that no address leads to", "DELETE FROM delivery_addresses",
                "addresses", "delivery 1 is not in the index by address"},
           Case{"an address of another",
                "UPDATE deliveries SET address = 'c@x.example' WHERE id = 1", "addresses",
                "delivery 1 is not in the index by address"},
           Case{"an address of nothing", "INSERT INTO delivery_addresses VALUES (7, 44)",
                "addresses", "names delivery 44, which does not exist"},
           Case{"signals of nobody", "UPDATE delivery_signals SET delivery = 44", "signals",
                "signals are of delivery 44, which is missing"},
           Case{"the same recipient twice", "UPDATE deliveries SET address = 'a@x.example'",
                "addresses", "deliveries 1 and 2 of campaign 1 have the same address"},
           Case{"a segment that is not there",
                "UPDATE delivery_variables SET segment = 7, position = 0, length = 9", "variables",
                "delivery 2: variables are to be in"},
           Case{"more in a segment than there is", "INSERT INTO variable_segments VALUES (1, 0, 2)",
                "variables", "segment 1 counts 2; there are 0"},
           Case{"a reference to nothing", "DELETE FROM pools", "references",
                "campaigns refers to a row of pools that is missing"},
       }) {
    SCOPED_TRACE(c.name);
    Make(AllMigrations().size());
    Exec(c.sql);
    EXPECT_THAT(Faulty(), testing::Contains(c.check)) << said_;
    EXPECT_THAT(said_, HasSubstr(c.says));
  }
}

// Two days of one lane: on Monday one of each outcome, and one that ended on Tuesday; on Tuesday
// two accepted ones.
class RecountTest : public CheckTest {
 protected:
  void SetUp() override {
    using Slot = ports::Settle::Slot;
    std::unique_ptr<ports::Store> store = OpenSqlite(path_);
    for (const ports::Write& write :
         {ports::Write(NewIp("mta1-a")), ports::Write(NewPool("main", {"mta1-a"})),
          ports::Write(NewCampaign("spring", "main"))}) {
      ASSERT_TRUE(CommitOne(*store, write).status.ok());
    }
    ports::AppendRecipients append;
    append.campaign = CampaignId("spring");
    append.import = ImportId("list");
    append.now = kStart;
    for (int i = 1; i <= 8; ++i) {
      append.rows.push_back({absl::StrCat("u", i, "@x.example"), 0.5, {}});
    }
    ASSERT_TRUE(CommitOne(*store, append).status.ok());
    int64_t next = 1;
    const auto end = [&](absl::CivilDay day, Slot slot, DeliveryState state, int days_later) {
      const DeliveryId id(next++);
      ASSERT_TRUE(CommitOne(*store, ports::Claim{kLane, day, {id}, kStart}).status.ok());
      ports::Settle settle = NewSettle(id, slot, state);
      settle.claim_day = day;
      settle.settle_day = day + days_later;
      Event event = NewEvent(EventType::kAccepted, "250 ok");
      event.egress_ip = kLane.egress_ip;
      event.provider = kLane.provider;
      event.delivery = id;
      event.time = absl::FromCivil(settle.settle_day, absl::UTCTimeZone());
      settle.events = {event};
      ASSERT_TRUE(CommitOne(*store, settle).status.ok());
    };
    end(kMonday, Slot::kAccepted, DeliveryState::kAccepted, 0);
    end(kMonday, Slot::kRefused, DeliveryState::kBounced, 0);
    end(kMonday, Slot::kInDoubt, DeliveryState::kDeferred, 0);
    end(kMonday, Slot::kDeferred, DeliveryState::kDeferred, 1);
    end(kMonday, Slot::kAccepted, DeliveryState::kAccepted, 1);
    end(kMonday + 1, Slot::kAccepted, DeliveryState::kAccepted, 0);
    end(kMonday + 1, Slot::kAccepted, DeliveryState::kAccepted, 0);
    ASSERT_TRUE(CommitOne(*store, ports::Claim{kLane, kMonday + 1, {DeliveryId(next)}, kStart})
                    .status.ok());
  }
  // As they were before the damage.
  std::string Days() {
    auto database = Database::Open(path_, {}).value();
    Statement read(database.get(),
                   "SELECT claimed || accepted || refused || in_doubt || deferred || carried ||"
                   " events_gone FROM ledger ORDER BY day");
    Rows rows = read.Query();
    std::string days;
    while (rows.Next()) absl::StrAppend(&days, rows.Text(0), " ");
    return days;
  }
};

TEST_F(RecountTest, FindsEachDayThatIsNotWhatTheEventsTell) {
  ASSERT_THAT(Faulty(), ElementsAre()) << said_;
  ASSERT_EQ(Days(), "0211100 1200010 ");
  struct Case {
    const char *name, *damage, *repair, *says;
  };
  for (const Case& c : {
           Case{"an acceptance too few", "UPDATE ledger SET accepted = 1 WHERE accepted = 2",
                "UPDATE ledger SET accepted = 2",
                "on 2026-03-02 says 1 accepted where the events tell of 2"},
           Case{"one of the other day", "UPDATE ledger SET accepted = 4 - accepted - refused",
                "UPDATE ledger SET accepted = 2", "2026-03-02 says 1 accepted"},
           Case{"a refusal too many", "UPDATE ledger SET refused = refused + 1 WHERE carried",
                "UPDATE ledger SET refused = refused - 1 WHERE carried",
                "on 2026-03-03 says 1 refused where the events tell of 0"},
           Case{"a doubt too few",
                "UPDATE ledger SET in_doubt = 0; UPDATE deliveries SET"
                " in_doubt_count = 0",
                "UPDATE ledger SET in_doubt = refused; UPDATE deliveries SET in_doubt_count = 1"
                " WHERE id = 3",
                "says 0 in doubt where the events tell of 1"},
           Case{"a deferral too many", "UPDATE ledger SET deferred = 7 WHERE deferred",
                "UPDATE ledger SET deferred = 1 WHERE deferred",
                "says 7 deferred where the events tell of 1"},
           Case{"a carried one that is not", "UPDATE ledger SET carried = 0",
                "UPDATE ledger SET carried = claimed",
                "on 2026-03-03 says 0 carried where the events tell of 1"},
           Case{"two at once", "UPDATE ledger SET refused = 5, deferred = 6 WHERE deferred",
                "UPDATE ledger SET refused = 1, deferred = 1 WHERE deferred",
                "says 5 refused where the events tell of 1 and 6 deferred where the events tell of "
                "1"},
           Case{"an event that lost its slot", "UPDATE events SET claim_day = NULL WHERE id = 2",
                "UPDATE events SET claim_day = 20514 WHERE id = 2",
                "says 1 refused where the events tell of 0"},
           Case{"an event of another lane", "UPDATE events SET provider = egress_ip WHERE id = 2",
                "UPDATE events SET provider = (SELECT provider FROM ledger) WHERE id = 2",
                "events tell of 2026-03-02, which the ledger has not"},
           Case{"a claim too many", "UPDATE ledger SET claimed = claimed + 1 WHERE carried",
                "UPDATE ledger SET claimed = claimed - 1 WHERE carried",
                "day 2026-03-03 says 2 in flight; there are 1"},
       }) {
    SCOPED_TRACE(c.name);
    Exec(c.damage);
    EXPECT_THAT(Faulty(), testing::Contains("ledger")) << said_;
    EXPECT_THAT(said_, HasSubstr(c.says));
    Exec(c.repair);
    ASSERT_THAT(Faulty(), ElementsAre()) << said_;
  }
}

TEST_F(RecountTest, LeavesOutTheDaysWhoseEventsArePruned) {
  {
    std::unique_ptr<ports::Store> store = OpenSqlite(path_);
    ports::Prune prune;
    prune.events_before = absl::FromCivil(kMonday + 1, absl::UTCTimeZone());
    prune.limit = 2;
    ASSERT_TRUE(CommitOne(*store, prune).status.ok());
  }
  EXPECT_THAT(Faulty(), ElementsAre()) << said_;
  EXPECT_EQ(Days(), "0211101 1200010 ") << "Monday's are gone in part";
  Exec("UPDATE ledger SET refused = 9");
  EXPECT_THAT(Faulty(), ElementsAre("ledger"));
  EXPECT_THAT(said_, testing::Not(HasSubstr("2026-03-02")));
  EXPECT_THAT(said_, HasSubstr("2026-03-03 says 9 refused"));
}

TEST_F(CheckTest, RandomWritesLeaveNothingToFind) {
  std::unique_ptr<ports::Store> store = OpenSqlite(path_);
  RandomWrites writes(3);
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 60; ++i) {
      std::vector<ports::WriteResult> results;
      ASSERT_TRUE(store->Commit(writes.Next(*store), &results).ok());
    }
    store.reset();
    EXPECT_THAT(Faulty(), ElementsAre()) << said_;
    store = OpenSqlite(path_);
  }
}

TEST_F(CheckTest, ChangesNothingNotEvenWhatACrashLeft) {
  Make(AllMigrations().size());
  std::unique_ptr<ports::Store> store = OpenSqlite(path_);
  ASSERT_TRUE(CommitOne(*store, NewIp("mta1-b")).status.ok());
  // What a crash leaves: the file and its WAL.
  const std::string crashed = folder_.Path("crashed.db");
  std::filesystem::copy_file(path_, crashed);
  std::filesystem::copy_file(path_ + "-wal", crashed + "-wal");
  store.reset();
  const auto bytes = [](const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const std::string file = bytes(crashed), wal = bytes(crashed + "-wal");
  ASSERT_GT(wal.size(), 0u);
  const std::vector<CheckResult> results = CheckStore(crashed).value();
  for (const CheckResult& result : results) EXPECT_TRUE(result.ok) << result.detail;
  EXPECT_EQ(bytes(crashed), file);
  EXPECT_EQ(bytes(crashed + "-wal"), wal);
  EXPECT_TRUE(CheckStore(path_).ok());
  EXPECT_FALSE(std::filesystem::exists(path_ + "-wal"));
}

TEST_F(CheckTest, RefusesWhatIsInUseOrNotThereOrNotOurs) {
  EXPECT_TRUE(absl::IsNotFound(CheckStore(path_).status()));
  EXPECT_FALSE(std::filesystem::exists(path_)) << "it was made";
  std::unique_ptr<ports::Store> store = OpenSqlite(path_);
  EXPECT_TRUE(absl::IsFailedPrecondition(CheckStore(path_).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(CompactStore(path_)));
  store.reset();
  const std::string text = folder_.Path("letter.txt");
  std::ofstream(text) << std::string(9000, 'x');
  const auto results = CheckStore(text);
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_FALSE(results->at(0).ok);
  EXPECT_THAT(results->at(0).detail, HasSubstr("nor any SQLite database"));
}

TEST_F(CheckTest, CompactsAFileThatDidNotGivePagesBack) {
  const auto pragma = [&](const std::string& name) {
    return Database::Open(path_, {}).value()->QueryInt("PRAGMA " + name).value();
  };
  Make(1, /*old=*/true);
  Exec("CREATE TABLE filler (x); INSERT INTO filler VALUES (zeroblob(1000000)); DROP TABLE filler");
  OpenSqlite(path_).reset();
  ASSERT_EQ(pragma("auto_vacuum"), 0) << "an upgrade does not rewrite the file";
  ASSERT_GT(pragma("freelist_count"), 200);
  const absl::Status compacted = CompactStore(path_);
  ASSERT_TRUE(compacted.ok()) << compacted;
  EXPECT_EQ(pragma("auto_vacuum"), 2);
  EXPECT_EQ(pragma("freelist_count"), 0);
  EXPECT_LT(std::filesystem::file_size(path_), 400'000u);
  EXPECT_THAT(Faulty(), ElementsAre()) << said_;
  EXPECT_EQ(RecountFault(*OpenSqlite(path_)), "");
}

}  // namespace
}  // namespace crescendo::store
