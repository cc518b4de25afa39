// A target's corpus: its inputs by the paths of their files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

namespace ntstack::fuzz {

using CorpusInput = std::vector<std::uint8_t>;

// Empty where there is no such folder.
inline std::map<std::string, CorpusInput> corpus_of(const std::filesystem::path& folder) {
  std::map<std::string, CorpusInput> files;
  if (!std::filesystem::is_directory(folder)) return files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    files[entry.path().string()] =
        CorpusInput(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return files;
}

}  // namespace ntstack::fuzz
