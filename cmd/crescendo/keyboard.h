// keyboard.h: single keys from a terminal, while a view fills it.
#pragma once

#include <functional>
#include <optional>

#include "absl/time/time.h"

namespace crescendo::cli {

enum class Key { kOther, kQuit, kOrder, kFreeze, kUp, kDown, kPageUp, kPageDown, kHome, kEnd };

// Waits so long at most for one; none came: nullopt.
using ReadKey = std::function<std::optional<Key>(absl::Duration)>;

// While it lives the terminal on stdin gives keys at once and does not echo them. Ctrl-C stays a
// signal. Nothing is changed where stdin is no terminal.
class RawTerminal {
 public:
  RawTerminal();
  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

  // Returns early also when a signal interrupts it.
  std::optional<Key> Read(absl::Duration wait);

 private:
  struct Saved;
  Saved* saved_;  // Null: stdin is no terminal.
};

// What the bytes of one key press mean: "q", "\x1b[A".
Key KeyOf(const char* bytes, size_t size);

}  // namespace crescendo::cli
