#include "cmd/crescendo-sandbox/data_reader.h"

#include <openssl/evp.h>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "scheduler/base/check.h"

namespace crescendo::sandbox {
namespace {

constexpr absl::string_view kCrLf = "\r\n";
constexpr absl::string_view kMessageId = "message-id:";
constexpr size_t kMaxHeaderLine = 998;
constexpr size_t kDigestBytes = 8;

}  // namespace

class DataReader::Hash {
 public:
  Hash() : context_(EVP_MD_CTX_new()) {
    CRESCENDO_CHECK(context_ != nullptr);
    CRESCENDO_CHECK(EVP_DigestInit_ex(context_, EVP_sha256(), nullptr) == 1);
  }
  ~Hash() { EVP_MD_CTX_free(context_); }
  Hash(const Hash&) = delete;
  Hash& operator=(const Hash&) = delete;

  void Add(absl::string_view bytes) { EVP_DigestUpdate(context_, bytes.data(), bytes.size()); }
  std::string Finish() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    CRESCENDO_CHECK(EVP_DigestFinal_ex(context_, digest, nullptr) == 1);
    return absl::BytesToHexString(
        absl::string_view(reinterpret_cast<const char*>(digest), kDigestBytes));
  }

 private:
  EVP_MD_CTX* const context_;
};

DataReader::DataReader() : hash_(std::make_unique<Hash>()) {}
DataReader::~DataReader() = default;
DataReader::DataReader(DataReader&&) noexcept = default;
DataReader& DataReader::operator=(DataReader&&) noexcept = default;

size_t DataReader::Take(absl::string_view bytes) {
  size_t taken = 0;
  while (!done_) {
    const size_t end = bytes.find(kCrLf, taken);
    if (end == absl::string_view::npos) break;
    Line(bytes.substr(taken, end + kCrLf.size() - taken));
    taken = end + kCrLf.size();
    line_start_ = true;
  }
  // A long piece without a line end must not pile up; its last octet may be the CR of a CRLF, and
  // a short one may be the final dot.
  const absl::string_view rest = bytes.substr(taken);
  if (done_ || rest.size() <= kMaxHeaderLine + kCrLf.size()) return taken;
  Line(rest.substr(0, rest.size() - 1));
  line_start_ = false;
  return bytes.size() - 1;
}

void DataReader::Line(absl::string_view line) {
  if (line_start_ && line == ".\r\n") {
    done_ = true;
    return;
  }
  if (line_start_ && !line.empty() && line[0] == '.') line.remove_prefix(1);
  size_ += static_cast<int64_t>(line.size());
  hash_->Add(line);
  if (in_header_ && line_start_) HeaderLine(line);
}

void DataReader::HeaderLine(absl::string_view line) {
  if (line == kCrLf) {
    in_header_ = false;
    return;
  }
  const bool folded = line[0] == ' ' || line[0] == '\t';
  if (!folded) in_message_id_ = absl::StartsWithIgnoreCase(line, kMessageId);
  if (!in_message_id_ || !message_id_.empty()) return;
  if (!folded) line.remove_prefix(kMessageId.size());
  message_id_ = std::string(absl::StripAsciiWhitespace(line).substr(0, kMaxHeaderLine));
}

std::string DataReader::Digest() { return hash_->Finish(); }

}  // namespace crescendo::sandbox
