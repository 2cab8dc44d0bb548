// One property as a libFuzzer program: CRESCENDO_FUZZ_CHECK is its function.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "tests/fuzz/properties.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::Status status =
      crescendo::fuzz::CRESCENDO_FUZZ_CHECK({reinterpret_cast<const char*>(data), size});
  if (status.ok()) return 0;
  std::fprintf(stderr, "broken promise: %s\n", std::string(status.message()).c_str());
  std::abort();
}
