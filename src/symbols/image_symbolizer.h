// Names the RVAs of one image from what there is of it: its PDB, the DWARF and the COFF symbols of
// a MinGW image, its exports. Tables are read when first asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dwarf/dwarf.h"
#include "pdb/pdb.h"
#include "pe/image.h"
#include "pe/symbols.h"
#include "symbols/symbol.h"

namespace ntstack::symbols {

class ImageSymbolizer {
 public:
  // Each may be null; all outlive this object.
  ImageSymbolizer(const pe::Image* image, const pdb::Pdb* pdb, const dwarf::Dwarf* dwarf = nullptr)
      : image_(image), pdb_(pdb), dwarf_(dwarf) {}

  struct Function {
    std::string name;  // undecorated
    std::uint32_t rva = 0;
    bool is_export = false;
  };
  // The function that `rva` lies in: a procedure of the PDB, else its nearest public, else a
  // function of the DWARF, else the nearest COFF symbol, else the nearest export, each in the same
  // section.
  std::optional<Function> function_at(std::uint32_t rva);

  // The same with source lines and, where asked for, the functions inlined there; modules' names
  // are left empty. Without any name, `function` has neither a name nor an offset.
  Frames frames_at(std::uint32_t rva, bool with_inlined = true);

  // The RVA of a name of the PDB, the COFF symbols, the exports or the DWARF.
  std::optional<std::uint32_t> rva_of(std::string_view name);

 private:
  // Symbols of the image itself, sorted by RVA.
  struct Table {
    bool is_read = false;
    std::vector<pe::ImageSymbol> symbols;
  };
  const std::vector<pe::ImageSymbol>& coff_symbols();
  const std::vector<pe::ImageSymbol>& exports();
  std::optional<Function> function_of_dwarf(std::uint32_t rva);
  void add_lines_of_pdb(Frames& frames, std::uint32_t rva, bool with_inlined) const;
  void add_lines_of_dwarf(Frames& frames, std::uint32_t rva, bool with_inlined) const;
  const pe::ImageSymbol* nearest(const std::vector<pe::ImageSymbol>& symbols,
                                 std::uint32_t rva) const;
  bool is_x86() const;

  const pe::Image* image_;
  const pdb::Pdb* pdb_;
  const dwarf::Dwarf* dwarf_;
  Table coff_symbols_, exports_;
};

}  // namespace ntstack::symbols
