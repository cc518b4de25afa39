// Runs the symbolize command inside the test and takes what it prints.
#pragma once

#include <cstdio>
#include <sstream>
#include <string>
#include <vector>

#include "app/symbolize.h"

namespace ntstack::tests {

struct Symbolized {
  int exit_code = -1;
  std::string out, err;
  std::vector<std::string> lines() const {
    std::vector<std::string> all;
    std::istringstream text(out);
    for (std::string line; std::getline(text, line);) all.push_back(line);
    return all;
  }
};

inline std::string everything_in(std::FILE* file) {
  std::string text;
  std::rewind(file);
  for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) text += static_cast<char>(c);
  std::fclose(file);
  return text;
}

inline Symbolized symbolize(const app::SymbolizeOptions& options, const std::string& input = "") {
  std::FILE* out = std::tmpfile();
  std::FILE* err = std::tmpfile();
  std::istringstream in(input);
  Symbolized result;
  result.exit_code = app::run_symbolize(options, in, out, err);
  result.out = everything_in(out);
  result.err = everything_in(err);
  return result;
}

}  // namespace ntstack::tests
