#include "symbols/module_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "store/find_files.h"
#include "store/server_address.h"
#include "symbols/short_names.h"

namespace ntstack::symbols {
namespace {

template <class T>
const T* pointer_to(const std::optional<T>& value) {
  return value ? &*value : nullptr;
}

void append(store::Lookup& all, store::Lookup&& one) {
  std::ranges::move(one.tried, std::back_inserter(all.tried));
  std::ranges::move(one.mismatched, std::back_inserter(all.mismatched));
  std::ranges::move(one.servers, std::back_inserter(all.servers));
  if (one.file) all.file = std::move(one.file);
}

// "found A, but ...; put FILE/KEY/FILE on the image path (-i); https://...: it does not have it"
std::string remedy_of(const store::Lookup& lookup, std::string_view name, std::string_view key,
                      std::string_view where, const store::Answers* answers) {
  constexpr std::size_t kMostNamed = 3;
  std::string text;
  for (std::size_t i = 0; i < std::min(lookup.mismatched.size(), kMostNamed); ++i) {
    text += fmt::format("found {}; ", lookup.mismatched[i]);
  }
  text += fmt::format("put {0}/{1}/{0} on {2}", name, key, where);
  const auto answered =
      answers ? answers->find(store::answer_key(name, key)) : store::Answers::const_iterator();
  if (answers && answered != answers->end()) {
    for (const std::string& answer : answered->second) text += "; " + answer;
    return base::printable(text);
  }
  for (const std::string& server : lookup.servers) {
    const auto not_asked = fmt::format("; not asked: {}", store::shown(server));
    if (text.find(not_asked) == std::string::npos) text += not_asked;
  }
  return base::printable(text);
}

}  // namespace

const pe::Image* ModuleFiles::image_file() {
  if (!std::exchange(looked_for_file_, true)) open_image_file();
  return pointer_to(file_);
}

const pe::Image* ModuleFiles::image() {
  if (std::exchange(looked_for_image_, true)) return pointer_to(image_);
  if (const pe::Image* file = image_file()) pages_.emplace(*file, key_->base);
  layers_.emplace(places_->memory, pages_ ? &*pages_ : nullptr);
  if (auto opened = pe::Image::from_memory(*layers_, key_->base)) {
    image_ = std::move(*opened);
  } else if (pages_) {
    // What the dump has of the headers is damaged: the file's are as good.
    if (auto whole = pe::Image::from_memory(*pages_, key_->base)) image_ = std::move(*whole);
  }
  return pointer_to(image_);
}

const pdb::Pdb* ModuleFiles::pdb() {
  if (!std::exchange(looked_for_pdb_, true)) open_pdb();
  return pointer_to(pdb_);
}

const dwarf::Dwarf* ModuleFiles::dwarf() {
  if (std::exchange(looked_for_dwarf_, true)) return pointer_to(dwarf_.dwarf);
  if (pdb() || !may_have_dwarf() || !image_file()) return nullptr;
  dwarf_ = dwarf_of(*image_file(), mapped_image_->path());
  if (!dwarf_.remedy.empty())
    missing_.push_back(
        {base::printable(base::file_name_of(key_->name)), dwarf_.what, dwarf_.remedy});
  return pointer_to(dwarf_.dwarf);
}

// An image whose headers the dump has, and which MinGW did not make, need not be looked for: names
// of sections that are too long for the header, as DWARF's are, begin with a '/' there.
bool ModuleFiles::may_have_dwarf() const {
  const auto headers = headers_in_memory();
  return !headers || std::ranges::any_of(headers->sections(), [](const pe::Section& section) {
    return section.name.starts_with('/') || section.name.starts_with(".debug_");
  });
}

std::optional<pe::Image> ModuleFiles::headers_in_memory() const {
  if (!places_->memory) return std::nullopt;
  auto image = pe::Image::from_memory(*places_->memory, key_->base);
  return image ? std::optional(std::move(*image)) : std::nullopt;
}

// A dump that does not tell the timestamp may hold the header, or the PDB's key to match by.
store::ImageKey ModuleFiles::image_key() const {
  store::ImageKey key{.name = key_->name,
                      .timestamp = key_->timestamp,
                      .size_of_image = static_cast<std::uint32_t>(key_->size),
                      .pdb_guid = key_->pdb_guid,
                      .pdb_age = key_->pdb_age};
  if (key.timestamp != 0) return key;
  const auto headers = headers_in_memory();
  if (!headers) return key;
  key.timestamp = headers->timestamp();
  key.size_of_image = headers->size_of_image();
  if (const auto codeview = headers->codeview(); codeview && !key.pdb_guid) {
    key.pdb_guid = codeview->guid;
    key.pdb_age = codeview->age;
  }
  return key;
}

void ModuleFiles::open_image_file() {
  store::SymbolPath path = places_->image_path;
  path.append(places_->symbol_path);
  store::ImageKey key = image_key();
  store::Lookup all;
  for (const std::string& name : file_names_of(key_->name)) {
    key.name = name;
    append(all, store::find_image(path, key, &places_->listings));
    if (all.file) break;
  }
  if (all.file) {
    mapped_image_ = std::move(all.file);
    if (auto opened = pe::Image::from_file(mapped_image_->bytes())) file_ = std::move(*opened);
  }
  key.name = file_names_of(key_->name).front();
  if (!file_) say_image_is_missing(key, all);
}

std::optional<store::PdbKey> ModuleFiles::pdb_key() {
  if (key_->pdb_guid) {
    const std::string name =
        key_->pdb_name.empty() ? short_name_of(key_->name) + ".pdb" : key_->pdb_name;
    return store::PdbKey{name, *key_->pdb_guid, key_->pdb_age};
  }
  const auto named_by = [](const pe::Image& image) -> std::optional<store::PdbKey> {
    auto codeview = image.codeview();
    if (!codeview) return std::nullopt;
    return store::PdbKey{std::move(codeview->pdb_path), codeview->guid, codeview->age};
  };
  if (const auto headers = headers_in_memory()) {
    if (auto key = named_by(*headers)) return key;
  }
  const pe::Image* file = image_file();
  return file ? named_by(*file) : std::nullopt;
}

void ModuleFiles::open_pdb() {
  const auto key = pdb_key();
  if (!key) return;  // what would name it is missing itself, or there is none
  store::Lookup all = store::find_pdb(places_->symbol_path, *key, &places_->listings);
  if (!all.file) {
    store::SymbolPath beside;
    if (image_file())
      beside = store::SymbolPath::of_folder(base::path_text(mapped_image_->path().parent_path()));
    beside.append(places_->image_path);
    append(all, store::find_pdb(beside, *key, &places_->listings));
  }
  if (all.file) {
    mapped_pdb_ = std::move(all.file);
    if (auto opened = pdb::Pdb::open(mapped_pdb_->bytes())) pdb_ = std::move(*opened);
  }
  if (!pdb_) say_pdb_is_missing(*key, all);
}

std::vector<Missing> ModuleFiles::missing() const {
  std::vector<Missing> all = missing_;
  if (!dwarf_.dwarf) return all;
  const std::string module = base::printable(base::file_name_of(key_->name));
  for (const std::string& warning : dwarf_.dwarf->warnings())
    all.push_back({module, "DWARF", base::printable(warning)});
  return all;
}

FilePaths ModuleFiles::paths() {
  FilePaths found;
  if (image_file()) found.image = base::path_text(mapped_image_->path());
  if (pdb()) found.pdb = base::path_text(mapped_pdb_->path());
  return found;
}

Lacking ModuleFiles::lacking() {
  Lacking lacking;
  if (!image_file()) lacking.image = {image_key(), file_names_of(key_->name)};
  if (pdb()) return lacking;
  if (auto key = pdb_key())
    lacking.pdb = {std::move(*key), {}};
  else
    lacking.pdb_is_unknown = lacking.image.has_value();
  return lacking;
}

void ModuleFiles::say_image_is_missing(const store::ImageKey& key, const store::Lookup& lookup) {
  Missing missing{base::printable(base::file_name_of(key_->name)), "image", {}};
  if (key.timestamp == 0 && !key.pdb_guid) {
    missing.remedy = fmt::format(
        "the dump does not tell the timestamp of {}: no file can be matched to it", missing.module);
  } else if (key.timestamp == 0) {
    missing.remedy = base::printable(
        fmt::format("put the {} whose PDB has the key {} on the image path (-i)", key.name,
                    store_key(store::PdbKey{{}, *key.pdb_guid, key.pdb_age})));
  } else {
    missing.remedy =
        remedy_of(lookup, key.name, store_key(key), "the image path (-i)", places_->answers);
  }
  missing_.push_back(std::move(missing));
}

void ModuleFiles::say_pdb_is_missing(const store::PdbKey& key, const store::Lookup& lookup) {
  missing_.push_back({base::printable(base::file_name_of(key_->name)), "PDB",
                      remedy_of(lookup, base::file_name_of(key.name), store_key(key),
                                "the symbol path (-y)", places_->answers)});
}

}  // namespace ntstack::symbols
