#include "cmd/crescendo/streams.h"

#include <unistd.h>

#include <cerrno>
#include <streambuf>

#include "absl/strings/str_cat.h"

namespace crescendo::cli {
namespace {

absl::string_view Sequence(Style style) {
  switch (style) {
    case Style::kPlain:
      return "";
    case Style::kHeader:
      return "\x1b[1m";
    case Style::kGood:
      return "\x1b[32m";
    case Style::kBusy:
      return "\x1b[33m";
    case Style::kBad:
      return "\x1b[31m";
    case Style::kFaint:
      return "\x1b[2m";
  }
  return "";
}

}  // namespace

std::string Paint(const Streams& streams, Style style, absl::string_view text) {
  if (!streams.colour || style == Style::kPlain || text.empty()) return std::string(text);
  return absl::StrCat(Sequence(style), text, "\x1b[0m");
}

class FdStream::Buffer : public std::streambuf {
 public:
  explicit Buffer(int fd) : fd_(fd) { setp(bytes_, bytes_ + sizeof(bytes_)); }
  int error() const { return error_; }

 protected:
  int overflow(int character) override {
    if (sync() != 0) return traits_type::eof();
    if (character != traits_type::eof()) sputc(static_cast<char>(character));
    return traits_type::not_eof(character);
  }

  int sync() override {
    const char* from = pbase();
    while (from < pptr() && error_ == 0) {
      const ssize_t written = ::write(fd_, from, static_cast<size_t>(pptr() - from));
      if (written >= 0) {
        from += written;
      } else if (errno != EINTR) {
        error_ = errno;
      }
    }
    setp(bytes_, bytes_ + sizeof(bytes_));
    return error_ == 0 ? 0 : -1;
  }

 private:
  const int fd_;
  int error_ = 0;
  char bytes_[16 * 1024];
};

FdStream::FdStream(int fd)
    : buffer_(std::make_unique<Buffer>(fd)),
      stream_(std::make_unique<std::ostream>(buffer_.get())) {}
FdStream::~FdStream() { stream_->flush(); }
std::ostream& FdStream::stream() { return *stream_; }
int FdStream::error() const { return buffer_->error(); }

}  // namespace crescendo::cli
