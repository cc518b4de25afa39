# The functions that declare a folder of src/ as a library and its *_test.cc as a test program.

add_library(ntstack_options INTERFACE)
target_include_directories(ntstack_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(ntstack_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wold-style-cast -Wnon-virtual-dtor -Woverloaded-virtual -Werror
  # gcc 12 sees overlaps in std::string that are not there (its bug 105651).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # libstdc++ 12's own std::stable_sort uses a function that it marks deprecated.
  target_compile_options(ntstack_options INTERFACE -Wno-deprecated-declarations)
endif()
if(NTSTACK_SANITIZE)
  target_compile_options(ntstack_options INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(ntstack_options INTERFACE -fsanitize=address,undefined)
endif()
if(NTSTACK_FUZZ)
  target_compile_options(ntstack_options INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(ntstack_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(NTSTACK_COVERAGE)
  target_compile_options(ntstack_options INTERFACE -fprofile-instr-generate -fcoverage-mapping)
  target_compile_definitions(ntstack_options INTERFACE NTSTACK_COVERAGE)
  target_link_options(ntstack_options INTERFACE -fprofile-instr-generate)
endif()
if(WIN32)
  # One static program, ASLR and DEP on.
  target_compile_definitions(ntstack_options INTERFACE _WIN32_WINNT=0x0A00 NOMINMAX WIN32_LEAN_AND_MEAN UNICODE _UNICODE)
  target_link_options(ntstack_options INTERFACE -static -Wl,--dynamicbase,--nxcompat,--high-entropy-va,--no-insert-timestamp)
endif()

# Header-only libraries of Debian, given to a cross compiler without all of /usr/include.
if(CMAKE_CROSSCOMPILING)
  set(header_only ${CMAKE_BINARY_DIR}/header_only)
  file(MAKE_DIRECTORY ${header_only})
  foreach(name fmt CLI nlohmann)
    file(CREATE_LINK /usr/include/${name} ${header_only}/${name} SYMBOLIC)
  endforeach()
  target_include_directories(ntstack_options SYSTEM INTERFACE ${header_only})
endif()

add_library(ntstack_fmt STATIC ${CMAKE_SOURCE_DIR}/cmake/fmt.cc)
if(CMAKE_CROSSCOMPILING)
  target_include_directories(ntstack_fmt SYSTEM PRIVATE ${CMAKE_BINARY_DIR}/header_only)
endif()
target_link_libraries(ntstack_options INTERFACE ntstack_fmt)

# Unit tests run here; a cross build has the program and what tests/ says, no unit tests.
if(NTSTACK_TESTS AND NOT CMAKE_CROSSCOMPILING)
  enable_testing()
  find_package(GTest REQUIRED)
endif()

# Precompiled headers: for src/'s first folders, for its last (which share more headers), and for tests. A build takes a
# third of the time with them. They hide an include that is missing: the preset "clang" is without. ccache does not cache
# what is compiled with them: a build through it is without too.
set(ntstack_late_folders target stacks analysis report capture console) # and app, which says so itself
if(NTSTACK_PCH AND NOT CMAKE_CXX_COMPILER_LAUNCHER MATCHES "ccache")
  # gcc 12 forgets with them that std::string is a system's header, and sees overflows in it that are not there.
  target_compile_options(ntstack_options INTERFACE
    $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds>)
  set(precompiled <algorithm> <array> <cstdint> <expected> <filesystem> <functional> <map> <memory> <optional> <span>
    <string> <string_view> <unordered_map> <vector> <fmt/format.h>)
  set(precompiled_late ${precompiled} <chrono> <set> <variant> <nlohmann/json.hpp> <console/console.h> <stacks/walker.h>
    <symbols/symbolizer.h> <target/machine.h>)
  set(precompiled_tests ${precompiled} <chrono> <set> <variant> <gtest/gtest.h> <stacks/walker.h> <symbols/symbolizer.h>
    <target/machine.h>)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/precompiled.cc CONTENT "")
  function(ntstack_precompiled_headers name)
    add_library(${name} OBJECT ${CMAKE_BINARY_DIR}/precompiled.cc)
    target_link_libraries(${name} PRIVATE ntstack_options)
    target_precompile_headers(${name} PRIVATE ${ARGN})
  endfunction()
  ntstack_precompiled_headers(ntstack_precompiled ${precompiled})
  ntstack_precompiled_headers(ntstack_precompiled_late ${precompiled_late})
  if(NTSTACK_TESTS AND NOT CMAKE_CROSSCOMPILING)
    ntstack_precompiled_headers(ntstack_precompiled_tests ${precompiled_tests})
    target_link_libraries(ntstack_precompiled_tests PRIVATE GTest::gtest)
  endif()
endif()
function(ntstack_precompile target from)
  if(TARGET ${from})
    target_precompile_headers(${target} REUSE_FROM ${from})
  endif()
endfunction()

# ntstack_folder(NAME deps...): the library ntstack_NAME of all *.cc here and in the folder's own folders that are no tests,
# and NAME_test. Folders "windows" and "elsewhere" are taken by whoever builds for that.
function(ntstack_folder name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc ${CMAKE_CURRENT_SOURCE_DIR}/*/*.cc)
  list(FILTER sources EXCLUDE REGEX "/(windows|elsewhere)/[^/]*$")
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  set(libraries ntstack_options)
  foreach(dependency ${ARGN})
    list(APPEND libraries ntstack_${dependency})
  endforeach()
  if(sources)
    add_library(ntstack_${name} STATIC ${sources})
    target_link_libraries(ntstack_${name} PUBLIC ${libraries})
    if(name IN_LIST ntstack_late_folders)
      ntstack_precompile(ntstack_${name} ntstack_precompiled_late)
    else()
      ntstack_precompile(ntstack_${name} ntstack_precompiled)
    endif()
  else()
    add_library(ntstack_${name} INTERFACE)
    target_link_libraries(ntstack_${name} INTERFACE ${libraries})
  endif()
  if(NTSTACK_TESTS AND tests)
    ntstack_test(${name}_test SOURCES ${tests} LIBRARIES ntstack_${name})
  endif()
endfunction()

# ntstack_test(NAME SOURCES ... LIBRARIES ...): a GoogleTest program, one ctest entry.
# Tests find the shared real files through NTSTACK_DATA and skip where it is absent.
function(ntstack_test name)
  if(CMAKE_CROSSCOMPILING)
    return()
  endif()
  cmake_parse_arguments(arg "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LIBRARIES} ntstack_options GTest::gtest_main)
  ntstack_precompile(${name} ntstack_precompiled_tests)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  # Tests are compiled to be run once: at -O3 they take a quarter longer to compile, and run no faster.
  if(CMAKE_BUILD_TYPE STREQUAL "Release")
    target_compile_options(${name} PRIVATE -O1)
  endif()
  target_compile_definitions(${name} PRIVATE
    NTSTACK_SOURCE_DIR="${CMAKE_SOURCE_DIR}" NTSTACK_BINARY_DIR="${CMAKE_BINARY_DIR}")
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES TIMEOUT 900)
endfunction()
