// Where tests find files: the project's own, and real files that may be absent.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace ntstack::tests {

inline std::filesystem::path source_dir() { return NTSTACK_SOURCE_DIR; }
inline std::filesystem::path binary_dir() { return NTSTACK_BINARY_DIR; }

// Real dumps, images and PDBs beside the project (NTSTACK_DATA names another place).
inline std::filesystem::path data_dir() {
  if (const char* named = std::getenv("NTSTACK_DATA")) return named;
  return source_dir().parent_path() / "shared" / "data";
}

// What scripts/fetch-test-images.sh fetched (NTSTACK_FETCHED names another place).
inline std::filesystem::path fetched_dir() {
  if (const char* named = std::getenv("NTSTACK_FETCHED")) return named;
  return source_dir() / "build" / "fetched";
}
// Images of Microsoft's compiler and linker, most with their PDBs beside them.
inline std::filesystem::path node_pty_x64() {
  return fetched_dir() / "node-pty-1.1.0/prebuilds/win32-x64";
}
inline std::filesystem::path node_pty_arm64() {
  return fetched_dir() / "node-pty-1.1.0/prebuilds/win32-arm64";
}

}  // namespace ntstack::tests

// Skips the test, by name, where a real file is not at hand.
#define NTSTACK_NEED_DATA(variable, relative)                                       \
  const std::filesystem::path variable = ::ntstack::tests::data_dir() / (relative); \
  if (!std::filesystem::exists(variable)) GTEST_SKIP() << "not at hand: " << (relative)

// The same for a folder of what is fetched.
#define NTSTACK_NEED_FETCHED(folder)    \
  if (!std::filesystem::exists(folder)) \
  GTEST_SKIP() << "not at hand: node-pty's " << (folder).filename().string()
