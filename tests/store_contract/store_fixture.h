// store_fixture.h: one suite for every store, and the words its cases are written in.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/ports/store.h"

namespace crescendo::store {

// A fixed start of all time in these tests.
inline const absl::Time kStart = absl::FromCivil(absl::CivilDay(2026, 3, 2), absl::UTCTimeZone());
inline const absl::CivilDay kMonday(2026, 3, 2);
inline const absl::CivilDay kTuesday(2026, 3, 3);
inline const Lane kLane{EgressIpId("mta1-a"), ProviderId("gmail")};
inline const Lane kOtherLane{EgressIpId("mta1-b"), ProviderId("yahoo")};

// A private folder that is gone with the object.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  std::string Path(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// One of the stores under test.
struct StoreKind {
  std::string name;
  // A store over the file at `path`, if it is one with a file.
  std::function<std::unique_ptr<ports::Store>(const std::string& path)> open;
  bool durable = false;
};
std::vector<StoreKind> AllStores();
// nullptr, and a failed test, if it cannot be opened.
std::unique_ptr<ports::Store> OpenSqlite(const std::string& path);

// Shorthand for one write in a commit of its own.
ports::WriteResult CommitOne(ports::Store& store, ports::Write write);

// Puts the campaign in state kCancelled.
void Cancel(ports::Store& store, const std::string& campaign);
// Takes a cancelled campaign's deliveries off, `limit` rows a step. How many there were.
int64_t CancelAll(ports::Store& store, const std::string& campaign, absl::Time now,
                  int limit = 1000);

// A store with IPs mta1-a and mta1-b, pool `main`, and the campaigns `spring` and `autumn`.
class StoreTest : public testing::TestWithParam<StoreKind> {
 protected:
  void SetUp() override;
  ports::Store& store() { return *store_; }
  // Closes the store and opens it again; nothing for one without a file.
  void Reopen();

  ports::WriteResult Do(ports::Write write) { return CommitOne(store(), std::move(write)); }
  // A row per address, all of the same score, as the next chunk of import "list".
  ports::AppendOutcome Import(const std::string& campaign,
                              const std::vector<std::string>& addresses);
  // Imports one recipient and returns its delivery.
  DeliveryId ImportOne(const std::string& campaign, const std::string& address);
  std::vector<ports::ClaimedDelivery> ClaimThem(std::vector<DeliveryId> ids,
                                                const Lane& lane = kLane,
                                                absl::CivilDay day = kMonday);
  Delivery Get(DeliveryId id);
  LedgerRow LedgerOf(const Lane& lane, absl::CivilDay day);
  CampaignCounts Counts(const std::string& campaign);
  std::vector<Event> AllEvents(const ports::EventFilter& filter = {});
  Campaign GetCampaign(const std::string& id);
  void Cancel(const std::string& campaign) { store::Cancel(store(), campaign); }

 private:
  TempFolder folder_;
  std::unique_ptr<ports::Store> store_;
};

ports::Put<EgressIp> NewIp(const std::string& id);
ports::Put<Pool> NewPool(const std::string& id, const std::vector<std::string>& ips);
ports::Put<Plan> NewPlan(const std::string& id, const std::string& ip);
ports::Put<Campaign> NewCampaign(const std::string& id, const std::string& pool);
Event NewEvent(EventType type, const std::string& text);
// An attempt from kLane on Monday that ended so.
ports::Settle NewSettle(DeliveryId id, ports::Settle::Slot slot, DeliveryState state);

MATCHER_P2(FailsWith, code, text, "") {
  *result_listener << arg.status;
  return arg.status.code() == code &&
         std::string(arg.status.message()).find(text) != std::string::npos;
}

}  // namespace crescendo::store
