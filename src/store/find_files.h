// Looks a symbol or image file up in the folders and stores of a symbol path, and opens what it
// finds to see whether it is the one that is wanted. Nothing is asked of a server.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "store/folder_listings.h"
#include "store/key.h"
#include "store/symbol_path.h"

namespace ntstack::store {

// A file that was looked for: found, or every place looked at and why it was not used.
struct Lookup {
  std::optional<base::MappedFile> file;
  std::vector<std::string> tried;    // places where no file was
  std::vector<std::string> servers;  // that could be asked
  // Files that are there but of no use: "PATH, but its key is A, and B is wanted".
  std::vector<std::string> mismatched;
};

// Looks in each place in turn: in a flat folder, folder/symbols/{ext}/ and folder/{ext}/ as
// WinDbg, and the store layouts name/KEY/name and na/name/KEY/name; in stores also for the
// compressed file and for file.ptr. A compressed file is expanded into Place::expand_in (where that
// can't be written to in memory, up to 1 GB), and what lies in a place with stores to keep it in is
// copied there. Names from a dump are hostile: no part
// of them leaves the place. File names match without regard to case, also on Linux: whoever looks
// up often passes `listings`, so that a folder is listed once for all of them.
Lookup find_pdb(const SymbolPath& path, const PdbKey& key, FolderListings* listings = nullptr);
Lookup find_image(const SymbolPath& path, const ImageKey& key, FolderListings* listings = nullptr);

}  // namespace ntstack::store
