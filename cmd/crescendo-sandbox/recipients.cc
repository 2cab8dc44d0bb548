#include "cmd/crescendo-sandbox/recipients.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "cmd/crescendo-sandbox/csv.h"
#include "cmd/crescendo-sandbox/timestamp.h"
#include "scheduler/base/check.h"
#include "scheduler/base/random.h"

namespace crescendo::sandbox {
namespace {

struct Share {
  const char* domain;
  double percent;
};
// Company domains share the rest by Zipf's law, in this order.
constexpr Share kMailboxProviders[] = {
    {"gmail.com", 43},  {"googlemail.com", 2}, {"yahoo.com", 11},  {"aol.com", 3},
    {"hotmail.com", 8}, {"outlook.com", 6},    {"live.com", 2},    {"icloud.com", 6},
    {"gmx.de", 3.5},    {"web.de", 2.5},       {"comcast.net", 3}, {"orange.fr", 2},
};
constexpr const char* kCompanies[] = {
    "caspian-freight.example",    "brightwater-logistics.example", "greycliff-school.example",
    "falkenried-werke.example",   "northgate-robotics.example",    "harborview-legal.example",
    "lumenhaus-studio.example",   "oakmere-council.example",       "tidewater-foods.example",
    "cedarpoint-dental.example",  "alderbrook-clinic.example",     "kestrel-optics.example",
    "saltmarsh-energy.example",   "mistral-assurances.example",    "papaya-travel.example",
    "fjordkraft-tools.example",   "union-station-press.example",   "quarry-lane-books.example",
    "emberline-ceramics.example", "vinegar-hill-cafe.example",
};

struct Name {
  const char* shown;
  const char* in_address;
};
constexpr Name kFirstNames[] = {
    {"Anna", "anna"},        {"James", "james"},       {"Maria", "maria"},    {"Wei", "wei"},
    {"Zoë", "zoe"},          {"Lukas", "lukas"},       {"Fatima", "fatima"},  {"John", "john"},
    {"Priya", "priya"},      {"Olivia", "olivia"},     {"Noah", "noah"},      {"Emma", "emma"},
    {"José", "jose"},        {"Chloé", "chloe"},       {"Jürgen", "juergen"}, {"Aiko", "aiko"},
    {"Peter", "peter"},      {"Sofia", "sofia"},       {"Omar", "omar"},      {"Grace", "grace"},
    {"Liam", "liam"},        {"Hannah", "hannah"},     {"Mateo", "mateo"},    {"Ingrid", "ingrid"},
    {"Łukasz", "lukasz"},    {"Nina", "nina"},         {"David", "david"},    {"Yuki", "yuki"},
    {"Sarah", "sarah"},      {"Björn", "bjoern"},      {"Leila", "leila"},    {"Thomas", "thomas"},
    {"Mary Ann", "maryann"}, {"Sam \"Sunny\"", "sam"}, {"Lee, Jr.", "lee"},   {"D'Arcy", "darcy"},
};
constexpr const char* kLastNames[] = {
    "smith",   "mueller", "garcia",  "chen",   "martin",   "rossi",  "novak",   "kim",
    "johnson", "dubois",  "schmidt", "patel",  "lopez",    "tanaka", "brown",   "weber",
    "moreau",  "silva",   "nguyen",  "hansen", "kowalski", "wright", "fischer", "bernard",
    "ali",     "jones",   "becker",  "costa",  "lind",     "walker", "hoffman", "laurent",
    "ivanov",  "clark",   "wagner",  "petit",  "sato",     "murphy", "keller",  "reyes",
};

template <class T, size_t kCount>
const T& Pick(base::Random& random, const T (&items)[kCount]) {
  return items[random.Below(kCount)];
}

std::string PickDomain(base::Random& random) {
  double draw = random.Between(0, 100);
  for (const Share& share : kMailboxProviders) {
    if (draw < share.percent) return share.domain;
    draw -= share.percent;
  }
  double weights = 0;
  for (size_t i = 0; i < std::size(kCompanies); ++i) weights += 1.0 / static_cast<double>(i + 1);
  double left = random.Between(0, weights);
  for (size_t i = 0; i < std::size(kCompanies); ++i) {
    left -= 1.0 / static_cast<double>(i + 1);
    if (left < 0) return kCompanies[i];
  }
  return kCompanies[0];
}

std::string LocalPart(base::Random& random, const Name& first, const char* last) {
  switch (random.Below(4)) {
    case 0:
      return absl::StrCat(first.in_address, ".", last);
    case 1:
      return absl::StrCat(first.in_address, last, random.Below(100));
    case 2:
      return absl::StrCat(std::string(1, first.in_address[0]), last, 1950 + random.Below(60));
    default:
      return absl::StrCat(first.in_address, "_", last, random.Below(1000));
  }
}

// Whole seconds, as such exports have them.
absl::Time Ago(base::Random& random, absl::Time as_of, double min_days, double max_days) {
  const double seconds = random.Between(min_days, max_days) * 24 * 3600;
  return as_of - absl::Seconds(static_cast<int64_t>(seconds) + 1);
}

// Many have few, few have many.
int64_t LongTail(base::Random& random, double mean) {
  return 1 + static_cast<int64_t>(-mean * std::log(1 - random.Unit()));
}

EngagementSignals MakeSignals(base::Random& random, absl::Time as_of) {
  struct Class {
    double percent, min_days, max_days, clicks, opens, click_share;
  };
  constexpr Class kClasses[] = {
      {12, 0.05, 10, 12, 40, 1.0},  // Very engaged.
      {20, 3, 35, 4, 20, 0.8},      // Engaged.
      {22, 20, 95, 2, 8, 0.5},      // Now and then.
      {20, 90, 400, 1, 4, 0.3},     // Fading.
      {8, 0.5, 60, 0, 30, 0.0},     // A privacy proxy opens everything, nobody clicks.
      {6, 400, 1200, 1, 2, 0.1},    // Long gone.
  };
  EngagementSignals signals;
  signals.subscribe_time = Ago(random, as_of, 1, 1500);
  double draw = random.Between(0, 100);
  for (const Class& kind : kClasses) {
    draw -= kind.percent;
    if (draw >= 0) continue;
    signals.last_open_time = Ago(random, as_of, kind.min_days, kind.max_days);
    signals.open_count = LongTail(random, kind.opens);
    if (random.Unit() < kind.click_share) {
      // Who clicks has opened; the last open is often that very moment.
      signals.last_click_time =
          *signals.last_open_time - absl::Seconds(static_cast<int64_t>(random.Below(1 << 20)));
      signals.click_count = LongTail(random, kind.clicks);
      signals.open_count = std::max(signals.open_count, signals.click_count);
    }
    const absl::Time oldest = signals.last_click_time.value_or(*signals.last_open_time);
    signals.subscribe_time = std::min(*signals.subscribe_time, oldest - absl::Hours(1));
    return signals;
  }
  return signals;  // Never.
}

std::string TimeOrNever(const std::optional<absl::Time>& time) {
  if (!time.has_value()) return "";
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", *time, absl::UTCTimeZone());
}

}  // namespace

std::vector<RecipientRow> MakeRecipients(int64_t count, uint64_t seed, absl::Time as_of) {
  CRESCENDO_CHECK(count >= 0);
  base::Random random(base::Random::Mix(seed));
  absl::flat_hash_set<std::string> taken;
  std::vector<RecipientRow> rows;
  rows.reserve(static_cast<size_t>(count));
  while (static_cast<int64_t>(rows.size()) < count) {
    const Name& first = Pick(random, kFirstNames);
    std::string local = LocalPart(random, first, Pick(random, kLastNames));
    const std::string domain = PickDomain(random);
    // A large list runs out of names; whoever comes late gets a number, as at the providers.
    if (!taken.insert(absl::StrCat(local, "@", domain)).second) {
      absl::StrAppend(&local, ".", rows.size());
      taken.insert(absl::StrCat(local, "@", domain));
    }
    rows.push_back({absl::StrCat(local, "@", domain), first.shown, MakeSignals(random, as_of)});
  }
  return rows;
}

std::string RecipientsCsv(const std::vector<RecipientRow>& rows) {
  std::string csv =
      "email,first_name,last_open_time,last_click_time,open_count,click_count,subscribe_time\n";
  for (const RecipientRow& row : rows) {
    absl::StrAppend(&csv, CsvField(row.email), ",", CsvField(row.first_name), ",",
                    TimeOrNever(row.signals.last_open_time), ",",
                    TimeOrNever(row.signals.last_click_time), ",");
    absl::StrAppend(&csv, row.signals.open_count, ",", row.signals.click_count, ",",
                    TimeOrNever(row.signals.subscribe_time), "\n");
  }
  return csv;
}

}  // namespace crescendo::sandbox
