// Runs an independent tool and takes what it prints: llvm-readobj and its like are what the
// decoders are checked against.
#pragma once

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#if defined(_WIN32)
#include <process.h>
#else
#include <sys/wait.h>
#include <unistd.h>
#endif

namespace ntstack::tests {

struct ToolResult {
  int exit_code = -1;  // -1: could not be started, or ended by a signal
  std::string out;     // standard output; add "2>&1" to the command for both
};

// Runs a shell command to its end. Its standard error goes where the test's goes.
inline ToolResult run(const std::string& command) {
  ToolResult result;
#if defined(_WIN32)
  std::FILE* pipe = ::_popen(command.c_str(), "rb");
#else
  std::FILE* pipe = ::popen(command.c_str(), "r");
#endif
  if (!pipe) return result;
  std::array<char, 65536> buffer;
  while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    result.out.append(buffer.data(), count);
  }
#if defined(_WIN32)
  result.exit_code = ::_pclose(pipe);
#else
  const int status = ::pclose(pipe);
  if (status != -1 && WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
#endif
  return result;
}

// The program of this name on PATH, or an empty path.
inline std::filesystem::path find_tool(std::string_view name) {
#if defined(_WIN32)
  constexpr char separator = ';';
  const std::string suffix = ".exe";
#else
  constexpr char separator = ':';
  const std::string suffix;
#endif
  const char* value = std::getenv("PATH");
  std::string_view rest = value ? value : "";
  while (!rest.empty()) {
    const std::size_t end = rest.find(separator);
    const std::string_view folder = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    if (folder.empty()) continue;
    const std::filesystem::path path = std::filesystem::path(folder) / (std::string(name) + suffix);
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error)) continue;
#if !defined(_WIN32)
    if (::access(path.c_str(), X_OK) != 0) continue;
#endif
    return path;
  }
  return {};
}

// The path as one word of a shell command.
inline std::string quoted(const std::filesystem::path& path) {
#if defined(_WIN32)
  return "\"" + path.string() + "\"";
#else
  std::string word = "'";
  for (const char c : path.string()) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
#endif
}

// A new empty folder for what a test makes, removed with this object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    const std::filesystem::path parent = std::filesystem::temp_directory_path();
    for (unsigned number = 0;; ++number) {
      path_ =
          parent / ("ntstack_test_" + std::to_string(process_id()) + "_" + std::to_string(number));
      if (std::filesystem::create_directory(path_)) return;
    }
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  static long process_id() {
#if defined(_WIN32)
    return _getpid();
#else
    return ::getpid();
#endif
  }
  std::filesystem::path path_;
};

}  // namespace ntstack::tests

// Skips the test, by name, where a tool is not installed.
#define NTSTACK_NEED_TOOL(variable, name)                                   \
  const std::filesystem::path variable = ::ntstack::tests::find_tool(name); \
  if (variable.empty()) GTEST_SKIP() << "not installed: " << (name)
