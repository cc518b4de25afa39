// From an address to module!name+offset [file @ line], over the modules of one dump. Files are
// found through a store, opened when first asked for, and what is missing is remembered once.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/byte_source.h"
#include "base/error.h"
#include "base/guid.h"
#include "dwarf/type_source.h"
#include "pdb/pdb.h"
#include "pe/image.h"
#include "store/fetch.h"
#include "store/folder_listings.h"
#include "store/symbol_path.h"
#include "symbols/symbol.h"

namespace ntstack::symbols {

struct ModuleKey {
  std::string name;  // the file's name: "fltmgr.sys"
  std::uint64_t base = 0;
  std::uint64_t size = 0;
  std::uint32_t timestamp = 0;
  std::optional<base::Guid> pdb_guid;  // where the dump itself knows them
  std::uint32_t pdb_age = 0;
  std::string pdb_name;
};

// What is not at hand, once for each module, with what would mend it.
struct Missing {
  std::string module;  // "rdbss.sys"
  std::string what;    // "image", "PDB", "debug file", "DWARF"
  std::string remedy;  // a sentence: "put rdbss.sys/5A1B2C3D4f000/rdbss.sys on the image path (-i)"
};

// What of a module's files is not at hand, as a server would be asked for it.
struct Lacking {
  std::optional<store::Wanted> image;
  std::optional<store::Wanted> pdb;
  bool pdb_is_unknown = false;  // which PDB belongs to it only its image tells
};

// Where a module's files were found, UTF-8; empty: not found.
struct FilePaths {
  std::string image, pdb;
};

// Where all modules' files are looked for.
struct Places {
  store::SymbolPath symbol_path;
  store::SymbolPath image_path;
  // The dump's memory, where images may lie in part; outlives the symbolizer; may be null.
  const base::ByteSource* memory = nullptr;
  // What servers answered so far, to be said of what is missing; outlives the symbolizer; may be
  // null.
  const store::Answers* answers = nullptr;
  store::FolderListings listings = {};
};

class Symbolizer {
 public:
  Symbolizer(std::vector<ModuleKey> modules, Places places);
  ~Symbolizer();
  Symbolizer(Symbolizer&&) noexcept;

  // The index in modules() of the module that holds `address`.
  std::optional<std::size_t> module_at(std::uint64_t address) const;
  // Sorted by base.
  const std::vector<ModuleKey>& modules() const;
  // "nt", "fltmgr": unique also without regard to case, as WinDbg forms it.
  const std::string& short_name(std::size_t module) const;

  // The image of a module: a view of the dump's pages with the matching file behind them. Null
  // where neither has its headers. Opened once.
  const pe::Image* image(std::size_t module);
  // The image file alone (matched by timestamp and size), or null: missing() says why.
  const pe::Image* image_file(std::size_t module);
  // The matching PDB, or null. Matched by GUID and age from the dump or the image's debug
  // directory.
  const pdb::Pdb* pdb(std::size_t module);
  // The DWARF of the image file of a module that has no PDB, or null.
  const dwarf::Dwarf* dwarf(std::size_t module);
  // A module's structures, from its PDB or else its DWARF.
  dwarf::TypeSource types(std::size_t module);

  // Looks for both files, and says what was not found.
  Lacking lacking(std::size_t module);
  // Looks for both files, and says where they are.
  FilePaths paths(std::size_t module);

  // Names for an address. `is_call_site`: looks the instruction before it up (its line, its inline
  // frames), while the offset is still that of the address itself. An address outside of all
  // modules has neither module nor name, and is itself the offset. Remembered: valid as long as
  // this object.
  const Frames& name(std::uint64_t address, bool is_call_site);

  // The address of "module!name", of "name" (any module) or of a module; nothing where not known.
  std::optional<std::uint64_t> address_of(const std::string& expression);

  // Asked for and not found so far.
  std::vector<Missing> missing() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ntstack::symbols
