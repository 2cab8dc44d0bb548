#include "cmd/crescendo/keyboard.h"

#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include "absl/strings/string_view.h"

namespace crescendo::cli {

struct RawTerminal::Saved {
  termios settings;
};

RawTerminal::RawTerminal() : saved_(nullptr) {
  termios settings;
  if (tcgetattr(STDIN_FILENO, &settings) != 0) return;
  saved_ = new Saved{settings};
  settings.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  settings.c_cc[VMIN] = 0;
  settings.c_cc[VTIME] = 0;
  tcsetattr(STDIN_FILENO, TCSANOW, &settings);
}

RawTerminal::~RawTerminal() {
  if (saved_ != nullptr) tcsetattr(STDIN_FILENO, TCSANOW, &saved_->settings);
  delete saved_;
}

std::optional<Key> RawTerminal::Read(absl::Duration wait) {
  pollfd input{STDIN_FILENO, POLLIN, 0};
  // Without a terminal nobody presses a key.
  const int count =
      poll(&input, saved_ == nullptr ? 0 : 1, static_cast<int>(absl::ToInt64Milliseconds(wait)));
  if (count <= 0) return std::nullopt;
  char bytes[16];
  const ssize_t size = read(STDIN_FILENO, bytes, sizeof(bytes));
  // The terminal is gone.
  if (size <= 0) return Key::kQuit;
  return KeyOf(bytes, static_cast<size_t>(size));
}

Key KeyOf(const char* bytes, size_t size) {
  const absl::string_view key(bytes, size);
  const struct {
    absl::string_view bytes;
    Key key;
  } kKeys[] = {
      {"q", Key::kQuit},      {"Q", Key::kQuit},         {"s", Key::kOrder},
      {" ", Key::kFreeze},    {"k", Key::kUp},           {"j", Key::kDown},
      {"\x1b[A", Key::kUp},   {"\x1bOA", Key::kUp},      {"\x1b[B", Key::kDown},
      {"\x1bOB", Key::kDown}, {"\x1b[5~", Key::kPageUp}, {"\x1b[6~", Key::kPageDown},
      {"g", Key::kHome},      {"\x1b[H", Key::kHome},    {"\x1b[1~", Key::kHome},
      {"G", Key::kEnd},       {"\x1b[F", Key::kEnd},     {"\x1b[4~", Key::kEnd},
      {"\x1b", Key::kQuit},
  };
  for (const auto& known : kKeys) {
    if (known.bytes == key) return known.key;
  }
  return Key::kOther;
}

}  // namespace crescendo::cli
