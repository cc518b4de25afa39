#include "names.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "test_files.h"
#include "tool.h"

namespace ntstack::tests {
namespace {

namespace fs = std::filesystem;

void sort_once(Names& names) {
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
}

// The word that begins with '?' behind `mark` on each line, up to a blank or `end`.
void take_words(const std::string& lines, const std::string& mark, char end, Names& names) {
  std::istringstream in(lines);
  for (std::string line; std::getline(in, line);) {
    const std::size_t at = line.find(mark + "?");
    if (at == std::string::npos) continue;
    const std::size_t begin = at + mark.size();
    const std::size_t stop = std::min(line.find(' ', begin), line.find(end, begin));
    names.push_back(line.substr(begin, stop == std::string::npos ? stop : stop - begin));
  }
}

void compile(const fs::path& source, const std::string& target, const fs::path& object) {
  run("clang++-19 --target=" + target +
      "-pc-windows-msvc -std=c++20 -w -fms-extensions -fexceptions -fcxx-exceptions "
      "-DWITH_STRUCTURAL -c " +
      quoted(source) + " -o " + quoted(object));
}

}  // namespace

Names names_of_pdbs() {
  Names names;
  if (!fs::exists(data_dir()) || find_tool("llvm-pdbutil-19").empty()) return names;
  for (const fs::directory_entry& file : fs::recursive_directory_iterator(data_dir())) {
    if (file.path().extension() != ".pdb") continue;
    take_words(run("llvm-pdbutil-19 dump -publics " + quoted(file.path()) + " 2>&1").out, "`", '`',
               names);
  }
  sort_once(names);
  return names;
}

Names names_of_dlls() {
  Names names;
  if (find_tool("llvm-readobj-19").empty()) return names;
  for (const char* folder : {"/usr/lib/x86_64-linux-gnu/wine/x86_64-windows",
                             "/usr/lib/x86_64-linux-gnu/wine/i386-windows"}) {
    if (!fs::exists(folder)) continue;
    for (const fs::directory_entry& file : fs::directory_iterator(folder)) {
      if (file.path().extension() != ".dll") continue;
      const std::string stem = file.path().stem().string();
      const bool is_cpp = stem.starts_with("msv") || stem.starts_with("concrt") ||
                          stem.starts_with("vcruntime") || stem.starts_with("ucrt") ||
                          stem.starts_with("atl");
      if (!is_cpp) continue;
      take_words(run("llvm-readobj-19 --coff-exports " + quoted(file.path()) + " 2>&1").out,
                 "Name: ", ' ', names);
    }
  }
  sort_once(names);
  return names;
}

Names names_of_compiler() {
  Names names;
  if (find_tool("clang++-19").empty() || find_tool("llvm-nm-19").empty()) return names;
  const TemporaryFolder folder;
  for (const fs::directory_entry& source :
       fs::directory_iterator(fs::path(NTSTACK_ORACLE) / "sources")) {
    if (source.path().extension() != ".cc") continue;
    for (const char* target : {"x86_64", "i686"}) {
      const fs::path object = folder.path() / (source.path().stem().string() + target + ".obj");
      compile(source.path(), target, object);
      // A source that does not compile takes all names with it, so that it can't go unseen.
      if (!fs::exists(object)) return {};
      take_words(run("llvm-nm-19 " + quoted(object)).out, " ", ' ', names);
    }
  }
  sort_once(names);
  return names;
}

Names names_by_hand() {
  Names names;
  std::ifstream in(fs::path(NTSTACK_ORACLE) / "names.txt", std::ios::binary);
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && !line.starts_with('#')) names.push_back(line);
  }
  sort_once(names);
  return names;
}

}  // namespace ntstack::tests
