# Writes a C++ source with the report page's parts as strings: cmake -DFOLDER=... -DTO=... -P embed_page.cmake
set(text "// Made of src/report/page by cmake/embed_page.cmake.\n#include \"report/page_parts.h\"\n\nnamespace ntstack::report {\n")
foreach(part html css js)
  file(READ ${FOLDER}/page.${part} content HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${content}")
  string(APPEND text "namespace { constexpr unsigned char k_${part}[] = {${bytes}}; }\n"
    "std::string_view page_${part}() { return {reinterpret_cast<const char*>(k_${part}), sizeof k_${part}}; }\n")
endforeach()
string(APPEND text "}  // namespace ntstack::report\n")
file(WRITE ${TO} "${text}")
