# Writes OUTPUT, a source file that holds the text of FILES (separated by commas) as string literals.
# Run by the build: cmake -D OUTPUT=… -D FILES=… [-D ROOM=ramps] -P embed.cmake, ROOM in scheduler/.
if(NOT DEFINED ROOM)
  set(ROOM providers)
endif()
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
"// Written by embed.cmake from scheduler/${ROOM}/data. Do not edit.
#include \"scheduler/${ROOM}/embedded_files.h\"

namespace crescendo::${ROOM} {

const EmbeddedFile kEmbeddedFiles[] = {
${entries}};
const size_t kEmbeddedFileCount = ${count};

}  // namespace crescendo::${ROOM}
")
