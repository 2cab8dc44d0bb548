// embedded_files.h: the files of page/, and Chart.js of the system, compiled in; see
// scheduler/providers/embed.cmake.
#pragma once

#include <cstddef>

namespace crescendo::dashboard {

struct EmbeddedFile {
  const char* name;
  const char* text;
};

extern const EmbeddedFile kEmbeddedFiles[];
extern const size_t kEmbeddedFileCount;

}  // namespace crescendo::dashboard
