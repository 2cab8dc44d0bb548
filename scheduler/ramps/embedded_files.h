// embedded_files.h: the files of data/, as providers/embed.cmake compiles them in.
#pragma once

#include <cstddef>

namespace crescendo::ramps {

struct EmbeddedFile {
  const char* name;  // "classic.textproto"
  const char* text;
};
extern const EmbeddedFile kEmbeddedFiles[];  // By name, ascending.
extern const size_t kEmbeddedFileCount;

}  // namespace crescendo::ramps
