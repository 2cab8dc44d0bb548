// embedded_files.h: the files of data/, as embed.cmake compiles them in.
#pragma once

#include <cstddef>

namespace crescendo::providers {

struct EmbeddedFile {
  const char* name;  // "gmail.textproto"
  const char* text;
};
extern const EmbeddedFile kEmbeddedFiles[];  // By name, ascending.
extern const size_t kEmbeddedFileCount;

}  // namespace crescendo::providers
