// Which dialogues are kept, and for how long.
#include "smtp_client/delivery/transcript_shelf.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace crescendo::smtp {
namespace {

std::shared_ptr<const std::string> Opening() {
  return std::make_shared<const std::string>("220\n");
}

TEST(TranscriptShelf, AFloodOfAcceptedOnesPushesOutNoRefusal) {
  TranscriptShelf shelf({.count = 3, .bytes = 1000}, {.count = 2, .bytes = 1000});
  shelf.Put(DeliveryId(1), /*accepted=*/false, Opening(), "550\n");
  for (int id = 2; id <= 100; ++id) shelf.Put(DeliveryId(id), true, Opening(), "250\n");
  EXPECT_EQ(shelf.Find(DeliveryId(1)), "220\n550\n");
  EXPECT_EQ(shelf.Find(DeliveryId(97)), "");
  EXPECT_EQ(shelf.Find(DeliveryId(98)), "220\n250\n");
  shelf.Put(DeliveryId(101), false, nullptr, "421\n");
  shelf.Put(DeliveryId(102), false, nullptr, "451\n");
  EXPECT_EQ(shelf.Find(DeliveryId(1)), "") << "two others are newer";
  EXPECT_EQ(shelf.Find(DeliveryId(101)), "421\n");
}

TEST(TranscriptShelf, KeepsTheLatestOfADelivery) {
  TranscriptShelf shelf({.count = 2, .bytes = 1000}, {.count = 2, .bytes = 1000});
  shelf.Put(DeliveryId(1), false, Opening(), "450\n");
  shelf.Put(DeliveryId(2), false, Opening(), "451\n");
  shelf.Put(DeliveryId(1), true, Opening(), "250\n");
  EXPECT_EQ(shelf.Find(DeliveryId(1)), "220\n250\n") << "it moved to the other shelf";
  // Its place among the refused ones is free, and its return makes it the newest.
  shelf.Put(DeliveryId(3), false, Opening(), "452\n");
  EXPECT_EQ(shelf.Find(DeliveryId(2)), "220\n451\n");
  shelf.Put(DeliveryId(2), false, Opening(), "453\n");
  shelf.Put(DeliveryId(4), false, Opening(), "454\n");
  EXPECT_EQ(shelf.Find(DeliveryId(3)), "");
  EXPECT_EQ(shelf.Find(DeliveryId(2)), "220\n453\n");
}

TEST(TranscriptShelf, HoldsItsBounds) {
  struct Case {
    const char* name;
    ShelfRoom room;
    int kept;  // Of five with 14 bytes each, openings counted.
  };
  for (const Case& c : {Case{"by count", {.count = 2, .bytes = 1000}, 2},
                        Case{"by bytes", {.count = 100, .bytes = 3 * 14}, 3},
                        Case{"one byte short", {.count = 100, .bytes = 3 * 14 - 1}, 2},
                        Case{"none fits", {.count = 100, .bytes = 13}, 0},
                        Case{"no count", {.count = 0, .bytes = 1000}, 0},
                        Case{"no bytes", {.count = 100, .bytes = 0}, 0}}) {
    SCOPED_TRACE(c.name);
    TranscriptShelf shelf({.count = 0, .bytes = 0}, c.room);
    for (int id = 1; id <= 5; ++id) {
      shelf.Put(DeliveryId(id), false, Opening(), absl::StrCat("refused ", id, "\n"));
    }
    for (int id = 1; id <= 5; ++id) {
      EXPECT_EQ(shelf.Find(DeliveryId(id)).empty(), id <= 5 - c.kept) << id;
    }
  }
}

}  // namespace
}  // namespace crescendo::smtp
