// One webhook's events: in order, each at least once, whatever its receiver does.
#include "scheduler/webhooks/courier.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "scheduler/base/real_clock.h"
#include "scheduler/webhooks/signature.h"

namespace crescendo::webhooks {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Events of a daemon, and a receiver that answers as it is told.
class World : public Poster {
 public:
  // Answers in the order of the requests; then 200.
  std::vector<PostAnswer> answers;
  int64_t first = 1;  // The oldest event that is kept.

  void Happen(int count) {
    base::MutexLock lock(&mu_);
    last_ += count;
  }

  PostAnswer Post(const PostRequest& request, absl::FunctionRef<bool()>) override {
    base::MutexLock lock(&mu_);
    requests_.push_back(request);
    changed_.NotifyAll();
    if (answers.empty()) return {.code = 200};
    PostAnswer answer = answers.front();
    answers.erase(answers.begin());
    return answer;
  }

  CourierEdges Edges() {
    CourierEdges edges;
    edges.read = [this](const EventSelection& selection, EventId after,
                        int limit) -> absl::StatusOr<EventBatch> {
      base::MutexLock lock(&mu_);
      EventBatch batch;
      batch.first = EventId(first);
      batch.read = EventId(last_);
      for (int64_t id = std::max(after.value() + 1, first); id <= last_; ++id) {
        Event event;
        event.id = EventId(id);
        event.type = id % 2 == 0 ? EventType::kBounced : EventType::kAccepted;
        const auto& types = selection.types;
        if (!types.empty() && std::find(types.begin(), types.end(), event.type) == types.end()) {
          continue;
        }
        batch.events.push_back(event);
        if (static_cast<int>(batch.events.size()) == limit) {
          batch.read = event.id;
          break;
        }
      }
      return batch;
    };
    edges.move = [this](const WebhookId&, EventId delivered, int64_t lost) {
      base::MutexLock lock(&mu_);
      kept_ = {delivered.value(), lost};
      changed_.NotifyAll();
      return absl::OkStatus();
    };
    edges.pause = [this](const Webhook& webhook) {
      base::MutexLock lock(&mu_);
      paused_ = webhook.state_reason;
      changed_.NotifyAll();
    };
    edges.body = [](const Webhook&, absl::Span<const Event> events) {
      return absl::StrJoin(events, " ", [](std::string* out, const Event& event) {
        absl::StrAppend(out, event.id.value());
      });
    };
    edges.poster = this;
    edges.clock = clock_.get();
    return edges;
  }

  // What is durable: the last event that was taken, and how many were lost.
  void WaitForKept(int64_t delivered) {
    base::MutexLock lock(&mu_);
    while (kept_.first != delivered) changed_.Wait(&mu_);
  }
  void WaitForRequests(size_t count) {
    base::MutexLock lock(&mu_);
    while (requests_.size() < count) changed_.Wait(&mu_);
  }
  std::string WaitForPause() {
    base::MutexLock lock(&mu_);
    while (paused_.empty()) changed_.Wait(&mu_);
    return paused_;
  }
  std::vector<std::string> Bodies() {
    base::MutexLock lock(&mu_);
    std::vector<std::string> bodies;
    for (const PostRequest& request : requests_) bodies.push_back(request.body);
    return bodies;
  }
  std::vector<PostRequest> Requests() {
    base::MutexLock lock(&mu_);
    return requests_;
  }
  int64_t lost() {
    base::MutexLock lock(&mu_);
    return kept_.second;
  }

 private:
  const std::unique_ptr<base::Clock> clock_ = base::NewRealClock();
  base::Mutex mu_;
  base::CondVar changed_;
  int64_t last_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<PostRequest> requests_ ABSL_GUARDED_BY(mu_);
  std::pair<int64_t, int64_t> kept_ ABSL_GUARDED_BY(mu_);
  std::string paused_ ABSL_GUARDED_BY(mu_);
};

Webhook NewWebhook() {
  Webhook webhook;
  webhook.id = WebhookId("crm");
  webhook.url = "https://shop.example/hook";
  webhook.secret = NewSecret();
  return webhook;
}

constexpr CourierOptions kQuick = {3, absl::Milliseconds(1), absl::Milliseconds(4)};

TEST(Courier, TellsAllInOrderAndGoesOnWhenMoreHappens) {
  World world;
  world.Happen(7);
  Courier courier(NewWebhook(), kQuick, world.Edges());
  world.WaitForKept(7);
  world.Happen(1);
  courier.Wake();
  world.WaitForKept(8);
  EXPECT_THAT(world.Bodies(), ElementsAre("1 2 3", "4 5 6", "7", "8"));
}

TEST(Courier, BeginsBehindWhatWasTaken) {
  World world;
  world.Happen(5);
  Webhook webhook = NewWebhook();
  webhook.delivered = EventId(3);
  Courier courier(webhook, kQuick, world.Edges());
  world.WaitForKept(5);
  EXPECT_THAT(world.Bodies(), ElementsAre("4 5"));
}

// What happened meanwhile does not change what is repeated.
TEST(Courier, RepeatsTheSameRequestUntilItIsTaken) {
  for (const PostAnswer& answer :
       {PostAnswer{.code = 503, .fault = "busy"}, PostAnswer{.fault = "connection refused"},
        PostAnswer{.code = 302}, PostAnswer{.code = 404}, PostAnswer{.code = 100}}) {
    SCOPED_TRACE(answer.code);
    World world;
    world.answers = {answer, answer, answer};
    world.Happen(2);
    Courier courier(NewWebhook(), kQuick, world.Edges());
    world.WaitForRequests(1);
    world.Happen(1);
    courier.Wake();
    world.WaitForKept(3);
    EXPECT_THAT(world.Bodies(), ElementsAre("1 2", "1 2", "1 2", "1 2", "3"));
    EXPECT_EQ(courier.status().failures, 0);
    EXPECT_THAT(courier.status().last_fault,
                HasSubstr(answer.code == 0 ? answer.fault : absl::StrCat("HTTP ", answer.code)));
  }
}

TEST(Courier, WaitsAsLongAsItIsAskedTo) {
  World world;
  world.answers = {{.code = 429, .fault = "", .retry_after = absl::Hours(7)}};
  world.Happen(1);
  Courier courier(NewWebhook(), kQuick, world.Edges());
  world.WaitForRequests(1);
  while (courier.status().failures == 0) std::this_thread::yield();
  const absl::Duration wait = courier.status().next_try - base::NewRealClock()->Now().wall;
  EXPECT_GT(wait, absl::Minutes(55));
  EXPECT_LE(wait, absl::Hours(1));
  // An operator need not wait.
  courier.Change(NewWebhook());
  world.WaitForKept(1);
}

TEST(Courier, TellsOfTheSelectedOnes) {
  World world;
  world.Happen(5);
  Webhook webhook = NewWebhook();
  webhook.selection.types = {EventType::kBounced};
  Courier courier(webhook, kQuick, world.Edges());
  world.WaitForKept(5);
  EXPECT_THAT(world.Bodies(), ElementsAre("2 4"));
}

TEST(Courier, CountsWhatRetentionTookAway) {
  World world;
  world.Happen(9);
  world.first = 6;
  Webhook webhook = NewWebhook();
  webhook.delivered = EventId(2);
  Courier courier(webhook, kQuick, world.Edges());
  world.WaitForKept(9);
  EXPECT_THAT(world.Bodies(), ElementsAre("6 7 8", "9"));
  EXPECT_EQ(world.lost(), 3);
  EXPECT_EQ(courier.status().webhook.lost, 3);
}

TEST(Courier, GoneIsTheEndUntilItIsResumed) {
  World world;
  world.answers = {{.code = 410}};
  world.Happen(1);
  Webhook webhook = NewWebhook();
  Courier courier(webhook, kQuick, world.Edges());
  EXPECT_THAT(world.WaitForPause(), HasSubstr("410"));
  EXPECT_TRUE(courier.status().webhook.paused);
  courier.Change(webhook);
  world.WaitForKept(1);
  EXPECT_THAT(world.Bodies(), ElementsAre("1", "1"));
}

TEST(Courier, APausedOneIsToldNothing) {
  World world;
  world.Happen(2);
  Webhook webhook = NewWebhook();
  webhook.paused = true;
  Courier courier(webhook, kQuick, world.Edges());
  courier.Wake();
  webhook.paused = false;
  webhook.selection.types = {EventType::kBounced};
  courier.Change(webhook);
  world.WaitForKept(2);
  EXPECT_THAT(world.Bodies(), ElementsAre("2"));
}

// Of Standard Webhooks' own documentation.
TEST(Signature, IsThatOfStandardWebhooks) {
  EXPECT_EQ(Sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek",
                 1614265330, "{\"test\": 2432232314}")
                .value(),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  for (const char* secret : {"", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!"}) {
    EXPECT_FALSE(Sign(secret, "id", 1, "").ok()) << secret;
  }
  EXPECT_THAT(NewSecret(), StartsWith("whsec_"));
  EXPECT_NE(NewSecret(), NewSecret());
}

TEST(Courier, SignsEachRequest) {
  World world;
  world.Happen(2);
  const Webhook webhook = NewWebhook();
  Courier courier(webhook, kQuick, world.Edges());
  world.WaitForKept(2);
  const PostRequest request = world.Requests()[0];
  std::map<std::string, std::string> headers(request.headers.begin(), request.headers.end());
  EXPECT_EQ(headers["webhook-id"], "crm-1-2");
  EXPECT_EQ(headers["webhook-signature"],
            Sign(webhook.secret, "crm-1-2", std::stoll(headers["webhook-timestamp"]), request.body)
                .value());
}

}  // namespace
}  // namespace crescendo::webhooks
