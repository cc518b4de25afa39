// The C13 subsections of a module: which line each piece of code is of, the files' names, where
// inlined functions stand, and item ids taken from other modules.
// Layout: LLVM's CodeView sources (DEBUG_S_*), Microsoft's published cvinfo.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "pdb/address_map.h"
#include "pdb/name_table.h"

namespace ntstack::pdb {

struct LineAt {
  std::uint32_t file = 0;  // offset in the module's file checksums
  std::uint32_t line = 0;
  std::uint32_t offset = 0;  // in the section, where its code begins
};

// Where an inlined function stands in its source.
struct Inlinee {
  std::uint32_t id = 0;
  std::uint32_t file = 0;
  std::uint32_t line = 0;
};

class ModuleLines {
 public:
  ModuleLines() = default;
  explicit ModuleLines(base::Bytes subsections);

  std::optional<LineAt> find(SectionOffset place);
  const Inlinee* inlinee(std::uint32_t id) const;

  // The name of a file; empty where it has none.
  std::string_view file_name(std::uint32_t file, const NameTable& names) const;

  // An id with its high bit set stands for one of another module's: that module's name (in the name
  // table) and the id there.
  struct ImportedId {
    std::uint32_t module_name;
    std::uint32_t local_id;
  };
  std::optional<ImportedId> imported(std::uint32_t id) const;
  // The item that other modules call by this id.
  std::optional<std::uint32_t> exported(std::uint32_t local_id) const;

 private:
  // One DEBUG_S_LINES: the lines of one piece of code.
  struct Piece {
    SectionOffset place;
    std::uint32_t size;
    bool has_columns;
    base::Bytes blocks;
  };

  void add_lines(base::Bytes subsection);
  void add_inlinees(base::Bytes subsection);
  void add_imports(base::Bytes subsection);
  void add_exports(base::Bytes subsection);
  const std::vector<LineAt>& sorted_lines(std::size_t piece);

  std::vector<Piece> pieces_;          // by address
  std::vector<std::uint64_t> starts_;  // theirs, close together for the search
  std::unordered_map<std::size_t, std::vector<LineAt>> sorted_;  // of large pieces, by index
  std::vector<Inlinee> inlinees_;                                // by id
  base::Bytes checksums_;
  struct Import {
    std::uint32_t module_name;
    base::Bytes ids;
  };
  std::vector<Import> imports_;
  struct Export {
    std::uint32_t local_id;
    std::uint32_t id;
  };
  std::vector<Export> exports_;  // by local id
};

}  // namespace ntstack::pdb
