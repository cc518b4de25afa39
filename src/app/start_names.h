// Names for where threads started, in the kernel and in the user half of their processes.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "app/session.h"

namespace ntstack::app {

class StartNames {
 public:
  // `session` outlives this.
  explicit StartNames(Session& session) : session_(session), make_(session.symbolizer_maker()) {}

  // "nt!PspSystemThreadStartup", "w3wp!wmainCRTStartup", "w3wp+0x1200"; empty where no image that
  // the dump lists is there.
  std::string name_of(const target::Thread& thread);

  // Adds the files that would tell more of the names so far: PDBs, and images that tell which these
  // are.
  void add_lacking(std::vector<store::Wanted>& files);

 private:
  struct UserImages {
    std::unique_ptr<memory::PageTables> memory;
    std::unique_ptr<symbols::Symbolizer> symbolizer;  // null: none are known
  };
  UserImages& images_of(const target::Process& process);

  Session& session_;
  stacks::SymbolizerMaker make_;
  std::string text_of(symbols::Symbolizer& symbolizer, std::uint64_t address);

  std::unordered_map<std::uint64_t, UserImages> images_;            // by EPROCESS
  std::set<std::pair<symbols::Symbolizer*, std::size_t>> modules_;  // that names are of
};

}  // namespace ntstack::app
