// Images with DWARF, made by the compilers at hand from the programs here.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "dwarf/dwarf.h"
#include "pe/image.h"
#include "tool.h"

namespace ntstack::tests {

struct Build {
  std::string name;  // for a test's message
  std::string compile;
  std::string link;                // after the objects; empty: the compiler links
  std::string addr2line;           // of its kind of image
  bool is_binutils = true;         // addr2line is of binutils
  std::vector<std::string> needs;  // tools
};

// Every compiler, processor and version of DWARF, without and with optimisation.
std::vector<Build> builds();
bool can_build(const Build& build);

// An image opened, and its DWARF.
struct Compiled {
  std::filesystem::path path;
  base::MappedFile file;
  pe::Image image;
  std::optional<dwarf::Dwarf> dwarf;
};
// `source`: a program's file name. `extra`: more options for the compiler.
std::optional<Compiled> compile(const Build& build, const std::string& source,
                                const std::filesystem::path& folder, const std::string& extra = "");
std::optional<Compiled> open_compiled(const std::filesystem::path& path);

}  // namespace ntstack::tests
