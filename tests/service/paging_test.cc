// Lists in pages: nobody is left out or told twice, and a token is good for its request alone.
#include <functional>

#include "absl/strings/str_cat.h"
#include "tests/service/service_rig.h"

namespace crescendo::service {
namespace {

using absl::StatusCode;

struct Page {
  std::vector<std::string> names;
  std::string next;
};

class PagingTest : public ServiceTest {
 protected:
  void SetUp() override {
    ServiceTest::SetUp();
    for (int i = 0; i < 5; ++i) {
      const std::string id = absl::StrCat("n", i);
      ASSERT_TRUE(Ask(&EgressIps::CreateEgressIp,
                      absl::StrCat("egress_ip_id: '", id, "' egress_ip { address: '192.0.2.",
                                   50 + i, "' ehlo_name: 'a.example' }"))
                      .ok());
      ASSERT_TRUE(Ask(&Pools::CreatePool,
                      absl::StrCat("pool_id: '", id, "' pool { egress_ips: 'egressIps/", id, "' }"))
                      .ok());
      ASSERT_TRUE(Ask(&Plans::CreatePlan, absl::StrCat("plan_id: '", id,
                                                       "' target: 9 plan { "
                                                       "egress_ip: 'egressIps/",
                                                       id, "' }"))
                      .ok());
      ASSERT_TRUE(Ask(&Suppressions::CreateSuppression,
                      absl::StrCat("suppression { address: '", id, "@b.example' }"))
                      .ok());
      ASSERT_TRUE(
          Ask(&Lanes::PauseLane, absl::StrCat("name: 'egressIps/", id, "/lanes/gmail'")).ok());
      MakeCampaign(id);
    }
    ASSERT_TRUE(
        rig_.Import("n0", 1, {"a@x.test", "b@x.test", "c@x.test", "d@x.test", "e@x.test"}).ok());
  }
  // A list method, its request but the page, and the entries' field.
  template <class Method, class Entries>
  std::function<absl::StatusOr<Page>(const std::string&)> Lister(Method method,
                                                                 const std::string& request,
                                                                 Entries entries) {
    return [=, this](const std::string& page) -> absl::StatusOr<Page> {
      const auto answer = Ask(method, absl::StrCat(request, " ", page));
      if (!answer.ok()) return answer.status();
      Page result;
      for (const auto& entry : entries(*answer)) result.names.push_back(entry.name());
      result.next = answer->next_page_token();
      return result;
    };
  }
};

TEST_F(PagingTest, EveryListGivesEachEntryOnceInOrder) {
  struct Case {
    const char* name;
    std::function<absl::StatusOr<Page>(const std::string&)> list;
    bool by_name = true;
  };
  const std::vector<Case> cases = {
      {"egress IPs",
       Lister(&EgressIps::ListEgressIps, "", [](const auto& a) { return a.egress_ips(); })},
      {"pools", Lister(&Pools::ListPools, "", [](const auto& a) { return a.pools(); })},
      {"plans", Lister(&Plans::ListPlans, "", [](const auto& a) { return a.plans(); })},
      {"campaigns",
       Lister(&Campaigns::ListCampaigns, "", [](const auto& a) { return a.campaigns(); })},
      {"lanes",
       Lister(&Lanes::ListLanes, "parent: 'egressIps/-'", [](const auto& a) { return a.lanes(); })},
      {"suppressions",
       Lister(&Suppressions::ListSuppressions, "", [](const auto& a) { return a.suppressions(); })},
      {"providers",
       Lister(&Providers::ListProviders, "", [](const auto& a) { return a.providers(); })},
      {"deliveries", Lister(&Deliveries::ListDeliveries, "parent: 'campaigns/n0'",
                            [](const auto& a) { return a.deliveries(); })},
      {"events", Lister(&Events::ListEvents, "", [](const auto& a) { return a.events(); }), false}};
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto all = c.list("page_size: 1000");
    ASSERT_TRUE(all.ok()) << all.status();
    EXPECT_GE(all->names.size(), 2u);
    EXPECT_EQ(all->next, "") << "the last page has no token";
    if (c.by_name) {
      EXPECT_TRUE(std::is_sorted(all->names.begin(), all->names.end()));
    }
    EXPECT_EQ(c.list("page_size: 2147483647")->names, all->names) << "more than 1000 is 1000";
    for (const int size : {1, 2, static_cast<int>(all->names.size())}) {
      std::vector<std::string> got;
      std::string token;
      do {
        const auto page = c.list(absl::StrCat("page_size: ", size, " page_token: '", token, "'"));
        ASSERT_TRUE(page.ok()) << page.status();
        EXPECT_LE(page->names.size(), static_cast<size_t>(size));
        got.insert(got.end(), page->names.begin(), page->names.end());
        token = page->next;
      } while (!token.empty() && got.size() <= all->names.size());
      EXPECT_EQ(got, all->names) << "in pages of " << size;
    }
    const std::string token = c.list("page_size: 1")->next;
    EXPECT_TRUE(c.list(absl::StrCat("page_size: 2 page_token: '", token, "'")).ok())
        << "the size may change";
    std::string forged = token;
    forged[forged.size() / 2] = forged[forged.size() / 2] == 'A' ? 'B' : 'A';
    for (const Case& other : cases) {
      const std::string& used = other.name == c.name ? forged : token;
      EXPECT_THAT(other.list(absl::StrCat("page_token: '", used, "'")),
                  FailsWith(StatusCode::kInvalidArgument, "page_token"))
          << other.name;
    }
  }
}

TEST_F(PagingTest, ATokenIsGoodForItsFilterAlone) {
  const std::string token =
      Ask(&Deliveries::ListDeliveries, "parent: 'campaigns/n0' page_size: 1")->next_page_token();
  for (const char* other : {"parent: 'campaigns/n1'", "parent: 'campaigns/n0' state: QUEUED"}) {
    EXPECT_THAT(
        Ask(&Deliveries::ListDeliveries, absl::StrCat(other, " page_token: '", token, "'")),
        FailsWith(StatusCode::kInvalidArgument, "page_token was not given for this request"));
  }
}

TEST_F(PagingTest, AnEntryThatComesOrGoesBetweenPagesMovesNoOther) {
  const auto first = Ask(&Suppressions::ListSuppressions, "page_size: 2");
  ASSERT_TRUE(Ask(&Suppressions::DeleteSuppression, "name: 'suppressions/n1@b.example'").ok());
  ASSERT_TRUE(Ask(&Suppressions::CreateSuppression, "suppression { address: 'a@b.example' }").ok());
  const auto second =
      Ask(&Suppressions::ListSuppressions,
          absl::StrCat("page_size: 2 page_token: '", first->next_page_token(), "'"));
  ASSERT_EQ(second->suppressions_size(), 2);
  EXPECT_EQ(second->suppressions(0).address(), "n2@b.example");
}

}  // namespace
}  // namespace crescendo::service
