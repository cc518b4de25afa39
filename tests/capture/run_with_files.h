// A command of the program run in this process, with files for what it says.
#pragma once

#include <cstdio>
#include <functional>
#include <string>

namespace ntstack::tests {

struct Said {
  int code = 0;
  std::string out, err;
};

inline Said run_with_files(const std::function<int(std::FILE* out, std::FILE* err)>& command) {
  std::FILE* out = std::tmpfile();
  std::FILE* err = std::tmpfile();
  const auto all = [](std::FILE* file) {
    std::string text(static_cast<std::size_t>(std::ftell(file)), '\0');
    std::rewind(file);
    text.resize(std::fread(text.data(), 1, text.size(), file));
    std::fclose(file);
    return text;
  };
  Said said;
  said.code = command(out, err);
  said.err = all(err);
  said.out = all(out);
  return said;
}

}  // namespace ntstack::tests
