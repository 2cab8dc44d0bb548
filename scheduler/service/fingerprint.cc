#include "scheduler/service/fingerprint.h"

#include <endian.h>

#include <algorithm>
#include <cstring>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "scheduler/base/random.h"

namespace crescendo::service {

uint64_t Fingerprint(absl::string_view bytes, uint64_t seed) {
  uint64_t hash = base::Random::Mix(seed ^ bytes.size());
  while (!bytes.empty()) {
    // Little-endian words, so that a store that moves to another machine knows them again.
    uint64_t word = 0;
    const size_t length = std::min(bytes.size(), sizeof(word));
    std::memcpy(&word, bytes.data(), length);
    hash = base::Random::Mix(hash ^ le64toh(word)) + 0x9e3779b97f4a7c15u;
    bytes.remove_prefix(length);
  }
  return hash;
}

uint64_t Fingerprint(const google::protobuf::MessageLite& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  return Fingerprint(bytes, Fingerprint(message.GetTypeName()));
}

}  // namespace crescendo::service
