// A create that is sent again (AIP-155), also to a daemon that was started anew.
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/service/service_rig.h"

namespace crescendo::service {
namespace {

using absl::StatusCode;

// A store in a file of its own, gone with the object.
class FileStore {
 public:
  FileStore() {
    std::string folder = testing::TempDir() + "/crescendo-XXXXXX";
    EXPECT_NE(mkdtemp(folder.data()), nullptr);
    folder_ = folder;
    store_ = store::SqliteStore::Open(folder_ + "/store.db").value();
  }
  ~FileStore() {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }
  ports::Store* get() { return store_.get(); }

 private:
  std::string folder_;
  std::unique_ptr<ports::Store> store_;
};

struct HasFileStore {
  FileStore file;
};

class RequestIdTest : private HasFileStore, public ServiceTest {
 protected:
  RequestIdTest() : ServiceTest(file.get()) {}
  // The daemon must be gone before its store.
  void TearDown() override { StopDaemon(); }

  template <class Method>
  void ExpectOnce(Method method, const std::string& body, const std::string& other_body) {
    const auto ask = [&](const std::string& text) {
      return Ask(method, absl::StrCat(text, " request_id: 'once'"));
    };
    const auto first = ask(body);
    ASSERT_TRUE(first.ok()) << first.status();
    const std::string before = Everything();
    const auto check = [&] {
      const auto again = ask(body);
      ASSERT_TRUE(again.ok()) << again.status();
      EXPECT_EQ(again->DebugString(), first->DebugString());
      EXPECT_THAT(ask(other_body), FailsWith(StatusCode::kInvalidArgument, "request_id"));
      EXPECT_FALSE(Ask(method, body).ok()) << "without the id it is another request";
      EXPECT_EQ(Everything(), before) << "nothing is stored twice";
    };
    check();
    StopDaemon();
    StartDaemon();
    check();
  }
};

TEST_F(RequestIdTest, EgressIp) {
  ExpectOnce(&EgressIps::CreateEgressIp,
             "egress_ip_id: 'c' egress_ip { address: '192.0.2.9' ehlo_name: 'a.example' }",
             "egress_ip_id: 'c' egress_ip { address: '192.0.2.9' ehlo_name: 'b.example' }");
}

TEST_F(RequestIdTest, Pool) {
  ExpectOnce(&Pools::CreatePool, "pool_id: 'c' pool { egress_ips: 'egressIps/mta1-b' }",
             "pool_id: 'd' pool { egress_ips: 'egressIps/mta1-b' }");
}

// The IP has gone to another pool: the first answer stands all the same.
TEST_F(RequestIdTest, APoolWhoseMemberHasMovedOn) {
  const std::string body =
      "pool_id: 'c' pool { egress_ips: 'egressIps/mta1-b' } request_id: 'once'";
  ASSERT_TRUE(Ask(&Pools::CreatePool, body).ok());
  ASSERT_TRUE(Ask(&EgressIps::CreateEgressIp,
                  "egress_ip_id: 'd' egress_ip { address: '192.0.2.9' ehlo_name: 'a.example' }")
                  .ok());
  ASSERT_TRUE(Ask(&Pools::UpdatePool, "pool { name: 'pools/c' egress_ips: 'egressIps/d' }").ok());
  ASSERT_TRUE(Ask(&Pools::UpdatePool,
                  "pool { name: 'pools/main' egress_ips: ['egressIps/mta1-a', "
                  "'egressIps/mta1-b'] }")
                  .ok());
  const std::string before = Everything();
  EXPECT_EQ(Ask(&Pools::CreatePool, body)->egress_ips(0), "egressIps/d") << "as it is now";
  EXPECT_EQ(Everything(), before);
  // A new request with an id is checked as any other, and stores nothing.
  EXPECT_THAT(Ask(&Pools::CreatePool,
                  "pool_id: 'e' pool { egress_ips: 'egressIps/mta1-b' } request_id: 'another'"),
              FailsWith(StatusCode::kFailedPrecondition, "take it out there first"));
  EXPECT_EQ(Everything(), before);
}

TEST_F(RequestIdTest, Plan) {
  ExpectOnce(&Plans::CreatePlan, "plan_id: 'c' target: 9 plan { egress_ip: 'egressIps/mta1-a' }",
             "plan_id: 'd' target: 9 plan { egress_ip: 'egressIps/mta1-a' }");
}

TEST_F(RequestIdTest, Campaign) {
  const std::string body =
      "campaign_id: 'c' campaign { pool: 'pools/main' subject: 's' from_address: 'a@b.example' "
      "text_body: ";
  ExpectOnce(&Campaigns::CreateCampaign, body + "'t' }", body + "'u' }");
}

}  // namespace
}  // namespace crescendo::service
