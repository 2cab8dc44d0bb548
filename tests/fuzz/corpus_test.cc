// Every file of the corpus keeps every promise: seeds by hand, and what fuzzing once found.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/fuzz/properties.h"

namespace crescendo::fuzz {
namespace {

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

class Corpus : public ::testing::TestWithParam<Property> {};

TEST_P(Corpus, KeepsItsPromises) {
  const std::filesystem::path folder =
      std::filesystem::path(CRESCENDO_SOURCE_DIR) / "tests/fuzz/corpus" / GetParam().name;
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string input = ReadFile(entry.path());
    ASSERT_EQ(GetParam().check(input), absl::OkStatus()) << entry.path();
    // A part of a good input is an input, too.
    for (size_t end = 0; end < std::min<size_t>(input.size(), 64); ++end) {
      ASSERT_EQ(GetParam().check(input.substr(0, end)), absl::OkStatus())
          << "the first " << end << " bytes of " << entry.path();
    }
    ++files;
  }
  EXPECT_GE(files, 5) << folder;
}

INSTANTIATE_TEST_SUITE_P(Fuzz, Corpus, ::testing::ValuesIn(kProperties),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace crescendo::fuzz
