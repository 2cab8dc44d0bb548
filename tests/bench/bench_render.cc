// bench_render: messages a second that are filled in and signed, on one thread.
//
//   bench_render WHAT BYTES SECONDS [KEY.pem…]
//
// WHAT is "rendered" (a text body with two variables), "variable" (the whole body is one), "parts"
// (text and HTML), "encoded" (UTF-8, quoted-printable), or "signed": the signature alone, of a
// message that is there. BYTES of each body. Counts processor time, as `openssl speed` does. Prints
// one JSON object.
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "scheduler/base/check.h"
#include "smtp_client/message/campaign_composer.h"

namespace crescendo {
namespace {

constexpr char kDomain[] = "shop.example";
const absl::Time kDate = absl::FromUnixSeconds(1770000000);

// Lines of about 70 bytes.
std::string Lines(size_t bytes, absl::string_view words) {
  std::string text;
  size_t line = 0;
  while (text.size() < bytes) {
    if (text.size() - line > 60) {
      text += "\r\n";
      line = text.size();
    }
    absl::StrAppend(&text, text.size() == line ? "" : " ", words);
  }
  return text;
}

struct Subject {
  Campaign campaign;
  smtp::Variables variables = {{"first_name", "Anna"}, {"token", "a8f7c2e1"}};
};

Subject MakeSubject(const std::string& what, size_t bytes) {
  Subject subject;
  Campaign& campaign = subject.campaign;
  campaign.id = CampaignId("spring");
  campaign.key = CampaignKey(1);
  campaign.pool = PoolId("main");
  campaign.from_name = "Shop News";
  campaign.from_address = absl::StrCat("news@", kDomain);
  campaign.subject = "Spring for {{first_name}}";
  campaign.list_unsubscribe = "<https://shop.example/u?{{token}}>, <mailto:u@shop.example>";
  campaign.feedback_sender_id = "shop1";
  campaign.text_body =
      absl::StrCat("Hello {{first_name|you}},\r\n", Lines(bytes, "spring is here, at last"));
  if (what == "variable") {
    campaign.text_body = "{{body}}";
    subject.variables.emplace_back("body", Lines(bytes, "spring is here, at last"));
  } else if (what == "parts") {
    campaign.html_body =
        absl::StrCat("<p>{{first_name|you}}</p>\r\n", Lines(bytes, "<b>spring</b> is here"));
  } else if (what == "encoded") {
    campaign.text_body =
        absl::StrCat("Hallo {{first_name}},\r\n", Lines(bytes, "endlich ist es Fr\xC3\xBChling"));
  }
  return subject;
}

template <class Make>
void Measure(double seconds, Make make) {
  make(1);  // What is set up once is set up now.
  int64_t messages = 0, bytes = 0;
  const std::clock_t start = std::clock();
  double passed = 0;
  while (passed < seconds) {
    for (int i = 0; i < 32; ++i) bytes += static_cast<int64_t>(make(++messages));
    passed = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  }
  std::printf("{\"per_second\": %.1f, \"bytes\": %.0f}\n", static_cast<double>(messages) / passed,
              static_cast<double>(bytes) / static_cast<double>(messages));
}

int Main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: bench_render WHAT BYTES SECONDS [KEY.pem...]\n");
    return 2;
  }
  const std::string what = argv[1];
  const Subject subject = MakeSubject(what, std::strtoul(argv[2], nullptr, 10));
  const double seconds = std::strtod(argv[3], nullptr);
  std::vector<smtp::dkim::KeySpec> specs;
  for (int i = 4; i < argc; ++i) specs.push_back({kDomain, absl::StrCat("s", i), argv[i]});
  auto table = smtp::dkim::KeyTable::Load(specs);
  if (!table.ok()) {
    std::fprintf(stderr, "%s\n", table.status().ToString().c_str());
    return 1;
  }
  smtp::dkim::Keyring keyring;
  keyring.Replace(*table);
  smtp::ComposerOptions options;
  if (!specs.empty() && what != "signed") options.keyring = &keyring;
  smtp::CampaignComposer composer(options);
  const auto compose = [&](int64_t number) {
    auto composed = composer.Compose(subject.campaign, DeliveryId(number), "anna@example.net",
                                     subject.variables, kDate);
    CRESCENDO_CHECK(composed.ok());
    return std::move(composed->message);
  };
  if (what != "signed") {
    Measure(seconds, [&](int64_t number) { return compose(number).size(); });
    return 0;
  }
  const std::string message = compose(1);
  smtp::dkim::Signer signer(&keyring);
  Measure(seconds, [&](int64_t number) {
    return signer.Sign(kDomain, message, kDate + absl::Seconds(number), absl::InfiniteFuture())
        .size();
  });
  return 0;
}

}  // namespace
}  // namespace crescendo

int main(int argc, char** argv) { return crescendo::Main(argc, argv); }
