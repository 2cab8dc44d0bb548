# Writes OUTPUT, a source file that holds the text of FILES (separated by commas) as string literals.
# Run by the build: cmake -D OUTPUT=… -D FILES=… -P embed.cmake
string(REPLACE "," ";" files "${FILES}")
set(entries "")
set(count 0)
foreach(file IN LISTS files)
  get_filename_component(name "${file}" NAME)
  file(READ "${file}" text)
  string(APPEND entries "    {\"${name}\", R\"__data__(${text})__data__\"},\n")
  math(EXPR count "${count} + 1")
endforeach()
file(WRITE "${OUTPUT}"
"// Written by embed.cmake from scheduler/providers/data. Do not edit.
#include \"scheduler/providers/embedded_files.h\"

namespace crescendo::providers {

const EmbeddedFile kEmbeddedFiles[] = {
${entries}};
const size_t kEmbeddedFileCount = ${count};

}  // namespace crescendo::providers
")
