// The files of one module of a dump: its image, seen through the dump's memory and the file behind
// it, and its PDB. Each is looked for once, when first asked for; what is not found is remembered.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/byte_source.h"
#include "base/mapped_file.h"
#include "dwarf/dwarf.h"
#include "pdb/pdb.h"
#include "pe/image.h"
#include "store/find_files.h"
#include "symbols/image_dwarf.h"
#include "symbols/symbolizer.h"

namespace ntstack::symbols {

class ModuleFiles {
 public:
  // Both outlive this object, which stays where it is: images and sources point into it.
  ModuleFiles(const ModuleKey& key, Places& places) : key_(&key), places_(&places) {}
  ModuleFiles(const ModuleFiles&) = delete;
  ModuleFiles& operator=(const ModuleFiles&) = delete;

  const pe::Image* image();
  const pe::Image* image_file();
  const pdb::Pdb* pdb();
  // The DWARF of the image's file or of the file beside it; null where there is a PDB.
  const dwarf::Dwarf* dwarf();

  Lacking lacking();
  // Of the files that were found; looks for both.
  FilePaths paths();

  // What was looked for and not found, and what of the DWARF could not be read.
  std::vector<Missing> missing() const;

 private:
  std::optional<pe::Image> headers_in_memory() const;
  store::ImageKey image_key() const;
  void open_image_file();
  std::optional<store::PdbKey> pdb_key();
  void open_pdb();
  bool may_have_dwarf() const;
  void say_image_is_missing(const store::ImageKey& key, const store::Lookup& lookup);
  void say_pdb_is_missing(const store::PdbKey& key, const store::Lookup& lookup);

  const ModuleKey* key_;
  Places* places_;
  std::vector<Missing> missing_;

  bool looked_for_file_ = false;
  std::optional<base::MappedFile> mapped_image_;
  std::optional<pe::Image> file_;

  bool looked_for_image_ = false;
  std::optional<pe::ImagePages> pages_;
  std::optional<base::LayeredSource> layers_;
  std::optional<pe::Image> image_;

  bool looked_for_pdb_ = false;
  std::optional<base::MappedFile> mapped_pdb_;
  std::optional<pdb::Pdb> pdb_;

  bool looked_for_dwarf_ = false;
  ImageDwarf dwarf_;
};

}  // namespace ntstack::symbols
