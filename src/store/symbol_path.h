// Where image and PDB files come from: a path in WinDbg's syntax ("srv*c:\\cache;d:\\syms"), looked
// through for files that match by key, never by name alone.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/guid.h"
#include "base/mapped_file.h"
#include "store/folder_listings.h"

namespace ntstack::store {

struct PathElement {
  // server: srv* with an http(s) place in it, or such a place alone.
  enum class Kind : std::uint8_t { folder, store, cache, server };
  Kind kind = Kind::folder;
  // folder: one; srv*a*b*http://...: in order. An empty place is the debugger's default store.
  std::vector<std::string> places;
};

bool is_server(std::string_view place);  // http:// or https://

struct SymbolPath {
  std::vector<PathElement> elements;
  // Parses WinDbg's syntax: elements separated by ';', srv*, symsrv*DLL*, cache*, quotes. On Linux
  // ':' does not separate. Nothing is touched on disk. Parts that are not understood are kept as
  // folders.
  static SymbolPath parse(std::string_view text);
  bool empty() const { return elements.empty(); }
};

struct PdbKey {
  std::string name;  // file name alone; any folders of the build machine are dropped by find_pdb
  base::Guid guid;
  std::uint32_t age = 0;
};

struct ImageKey {
  std::string name;
  std::uint32_t timestamp = 0;
  std::uint32_t size_of_image = 0;
  // Where the timestamp is not known (0): the PDB that the image must name instead.
  std::optional<base::Guid> pdb_guid;
  std::uint32_t pdb_age = 0;
};

// "5A1B2C3D4f000" (timestamp in 8 upper-case digits, size in lower-case) and "GUIDage".
std::string store_key(const ImageKey& key);
std::string store_key(const PdbKey& key);

// A file that was looked for: found, or every place looked at and why it was not used.
struct Lookup {
  std::optional<base::MappedFile> file;
  std::vector<std::string> tried;  // places where no file was; "not asked: ..." where nobody looked
  // Files that are there but of no use: "PATH, but its key is A, and B is wanted".
  std::vector<std::string> mismatched;
};

// Looks in each element in turn: in a flat folder, folder/symbols/{ext}/ and folder/{ext}/ as
// WinDbg, and the store layout name/KEY/name. Names from a dump are hostile: no part of them leaves
// the place. File names match without regard to case, also on Linux: whoever looks up often passes
// `listings`, so that a folder is listed once for all of them.
Lookup find_pdb(const SymbolPath& path, const PdbKey& key, FolderListings* listings = nullptr);
Lookup find_image(const SymbolPath& path, const ImageKey& key, FolderListings* listings = nullptr);

}  // namespace ntstack::store
