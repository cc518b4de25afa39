// Takes symbol and image files from anywhere into a store, by what they are: for a machine without
// network, to which they are carried.
#pragma once

#include <filesystem>
#include <string>

#include "base/error.h"

namespace ntstack::store {

struct Imported {
  std::string name, key;  // name/KEY/name
  std::filesystem::path destination;
  bool was_there = false;
};

// A PDB, an image, or a cabinet of one of them. Errors say what the file is instead, or what is
// wrong with it; nothing is written then. A file in a folder name/KEY gets that name, another one
// its own. `store_failed` is set where it is not the file's fault: the store can't be written to.
base::Result<Imported> import_file(const std::filesystem::path& file,
                                   const std::filesystem::path& store,
                                   bool* store_failed = nullptr);

}  // namespace ntstack::store
